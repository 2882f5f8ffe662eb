"""Lists of jobs, page by page, newest first, with filters: what pages, commands and the API list.

Flat in the size of the table: nothing counts, and one page looks at a bounded number of rows. Where few rows match, a
page may therefore hold less than asked for, or nothing, and still have a next one.
"""

import uuid
from dataclasses import dataclass
from typing import Self

from django.db.models import QuerySet, Value
from django.db.models.functions import Coalesce

from pool.conf import database_alias
from pool.domain.errors import InvalidOption
from pool.domain.ids import parse_id
from pool.domain.states import DEAD_LETTERS, EXECUTING, JobStatus
from pool.models import Job

MOST_LISTED = 200
MOST_LOOKED_AT = 50_000
"""Rows that one page may pass over in search of matches."""
MOST_EXECUTING = 10_000


@dataclass(frozen=True, slots=True)
class JobPage:
    jobs: list[Job]
    next: str | None
    """Cursor to older jobs; None at the end."""
    previous: str | None
    """Cursor to newer jobs; None on the first page."""


def list_jobs(
    *,
    status: str | None = None,
    queue: str | None = None,
    task: str | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> JobPage:
    """List jobs, newest first, on from a cursor. Raises InvalidOption for a wrong filter or cursor."""
    limit = max(1, min(limit, MOST_LISTED))
    search = _Search.of(_status(status), queue, task, cursor)
    found = list(search.jobs()[: limit + 1])
    onward = found[limit - 1].pk if len(found) > limit else search.stop
    return _page(found[:limit], search, onward)


def _status(status: str | None) -> str | None:
    if not status:
        return None
    if status.upper() not in JobStatus.__members__:
        raise InvalidOption(f"There is no status {status[:50]!r}: it is one of {', '.join(JobStatus)}.")
    return status.upper()


@dataclass(frozen=True, slots=True)
class _Search:
    """One page's way through the jobs: in the order of ids from `edge`, and no further than `stop`."""

    filters: dict[str, str]
    newer: bool
    edge: uuid.UUID | None
    stop: uuid.UUID | None

    @classmethod
    def of(cls, status: str | None, queue: str | None, task: str | None, cursor: str | None) -> Self:
        filters = {name: value for name, value in (("status", status), ("queue", queue), ("task", task)) if value}
        for name, value in filters.items():
            if not value.isprintable():
                raise InvalidOption(f"The name of a {name} has no control characters.")
        newer, edge = _read_cursor(cursor)
        bounded = bool(filters) and status not in EXECUTING and not _is_indexed(filters)
        return cls(filters, newer, edge, _furthest(newer, edge) if bounded else None)

    def jobs(self) -> QuerySet[Job]:
        jobs = _in_order(self.newer, self.edge)
        if self.filters.get("status") in EXECUTING:
            # They are few, but may be old: without this they would be looked for among all the newer jobs.
            few = _all().filter(**self.filters).order_by().values_list("pk", flat=True)[:MOST_EXECUTING]
            return jobs.filter(pk__in=list(few))
        if _is_indexed(self.filters):
            return jobs.filter(**self.filters)
        # Hidden in an expression, the columns lead no planner to an index in another order, to sort a million rows.
        hidden = {f"{name}_shown": Coalesce(name, Value("")) for name in self.filters}
        jobs = jobs.alias(**hidden).filter(**{f"{name}_shown": value for name, value in self.filters.items()})
        if self.stop is None:
            return jobs
        return jobs.filter(id__lte=self.stop) if self.newer else jobs.filter(id__gte=self.stop)


def _all() -> QuerySet[Job]:
    return Job.objects.using(database_alias())


def _is_indexed(filters: dict[str, str]) -> bool:
    """Dead letters have an index in the order of ids."""
    return set(filters) == {"status"} and filters["status"] in DEAD_LETTERS


def _read_cursor(cursor: str | None) -> tuple[bool, uuid.UUID | None]:
    """Tell the direction (True: to newer jobs) and the id to go on from."""
    if not cursor:
        return False, None
    edge = parse_id(cursor[1:])
    if edge is None or cursor[0] not in "ab":
        raise InvalidOption("This cursor is not one of ours. Leave it out to begin with the newest job.")
    return cursor[0] == "a", edge


def _in_order(newer: bool, edge: uuid.UUID | None) -> QuerySet[Job]:
    jobs = _all().order_by("id" if newer else "-id")
    if edge is None:
        return jobs
    return jobs.filter(id__gt=edge) if newer else jobs.filter(id__lt=edge)


def _furthest(newer: bool, edge: uuid.UUID | None) -> uuid.UUID | None:
    """Find the last id that a page may look at; None when it may look to the end."""
    ids = _in_order(newer, edge).values_list("id", flat=True)
    return next(iter(ids[MOST_LOOKED_AT - 1 : MOST_LOOKED_AT]), None)


def _page(found: list[Job], search: _Search, onward: uuid.UUID | None) -> JobPage:
    further = None if onward is None else onward.hex
    back = found[0].pk if found else search.edge
    there = further and f"{'a' if search.newer else 'b'}{further}"
    here = None if search.edge is None or back is None else f"{'b' if search.newer else 'a'}{back.hex}"
    if search.newer:
        return JobPage(found[::-1], next=here, previous=there)
    return JobPage(found, next=there, previous=here)
