"""Lists as the API answers them: the rows, and the addresses of the pages before and after."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.http import HttpRequest
from rest_framework.response import Response

from dashboard.api.errors import BadField
from dashboard.api.query import JOB_FILTERS, PAGING
from pool.domain.errors import InvalidOption
from pool.models import Job
from pool.store.family import parents_of
from pool.store.job_filter import JobFilter
from pool.store.read import job_dict, list_jobs

JOB_QUERY = {**JOB_FILTERS, **PAGING}
FILTER_OF = {"created_after": "since", "created_before": "until"}


def whole_list(rows: Sequence[Any]) -> Response:
    """A list that has one page."""
    return Response({"results": rows, "next": None, "previous": None})


def page_of_jobs(request: HttpRequest, given: Mapping[str, Any], **always: Any) -> Response:
    """A page of the jobs that the parameters of the address ask for."""
    paging = {name: value for name, value in given.items() if name in PAGING}
    filters = {FILTER_OF.get(name, name): value for name, value in given.items() if name not in PAGING}
    for name, value in filters.items():
        _check(name, value)
    try:
        page = list_jobs(**filters, **paging, **always)
    except InvalidOption as error:
        raise BadField("cursor", str(error)) from None
    return Response(
        {
            "results": job_dicts(page.jobs),
            "next": page.next and address(request, cursor=page.next),
            "previous": page.previous and address(request, cursor=page.previous),
        }
    )


def job_dicts(jobs: Sequence[Job]) -> list[dict[str, Any]]:
    """Jobs as a list shows them."""
    parents = parents_of([job.pk for job in jobs])
    return [job_dict(job, depends_on=parents[job.pk]) for job in jobs]


def address(request: HttpRequest, **changes: Any) -> str:
    """The address of this request with other parameters."""
    changed = request.GET.copy()
    for name, value in changes.items():
        changed[name] = str(value)
    return request.build_absolute_uri(f"{request.path}?{changed.urlencode()}")


def _check(name: str, value: Any) -> None:
    """Say which filter it is that means nothing."""
    try:
        JobFilter(**{name: value})
    except InvalidOption as error:
        raise BadField(name, str(error)) from None
