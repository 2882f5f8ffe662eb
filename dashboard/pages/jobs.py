"""All jobs, newest first, by what is asked for in the address."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from dashboard.pages.frame import page, show
from pool import registry
from pool.domain.errors import InvalidOption
from pool.domain.ids import parse_id
from pool.domain.states import TERMINAL, JobStatus
from pool.models import Job
from pool.store.job_list import JobPage, list_jobs
from pool.store.status import queues

PAGE_SIZE = 50
TEXTS = ("status", "queue", "task", "tenant", "tag", "search")
TIMES = ("since", "until")
COUNTED = {"PENDING": "pending", "SCHEDULED": "scheduled", "BLOCKED": "blocked"}
"""Statuses whose jobs are counted as they change; others are not counted at all."""
SHORTCUTS = {"1h": timedelta(hours=1), "24h": timedelta(days=1), "7d": timedelta(days=7)}


@page
def jobs(request: HttpRequest) -> HttpResponse:
    """Show a page of the jobs that the address asks for."""
    asked = {name: request.GET.get(name, "").strip() for name in (*TEXTS, *TIMES)}
    if (pk := parse_id(asked["search"])) is not None:
        return HttpResponseRedirect(reverse("dashboard:job", args=[pk]))
    found, problem = _found(asked, request.GET.get("cursor"))
    now = timezone.now()
    known = queues(now)
    context = {
        "asked": asked,
        "problem": problem,
        "rows": [row(job, now) for job in found.jobs],
        "older": found.next,
        "newer": found.previous,
        "is_first": found.previous is None and not request.GET.get("cursor"),
        "is_filtered": any(asked.values()),
        "more_filters": any(asked[name] for name in ("task", "tenant", "tag", *TIMES)),
        "statuses": _statuses(known),
        "queues": [queue["name"] for queue in known],
        "tasks": sorted(registry.discover()),
        "has_tenants": any(job.tenant for job in found.jobs),
    }
    return show(request, "jobs", context, status=400 if problem else 200)


def _found(asked: Mapping[str, str], cursor: str | None) -> tuple[JobPage, str]:
    try:
        times = {name: _moment(name, asked[name]) for name in TIMES}
        texts = {name: asked[name] for name in TEXTS}
        return list_jobs(cursor=cursor, limit=PAGE_SIZE, brief=True, **texts, **times), ""
    except InvalidOption as error:
        return JobPage([], None, None), str(error)


def _moment(name: str, text: str) -> datetime | None:
    """Read a time: of a date field, of an ISO text, or so long ago."""
    if not text:
        return None
    if text in SHORTCUTS:
        return timezone.now() - SHORTCUTS[text]
    try:
        at = datetime.fromisoformat(text)
        # Scripts send the zone along; a plain form means the site's.
        return at.astimezone(UTC) if at.tzinfo else timezone.make_aware(at)
    except (ValueError, OverflowError):
        raise InvalidOption(f"{name} must be a date and time such as 2026-11-22T14:30, not {text[:50]!r}.") from None


def _statuses(known: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each status with the number of its jobs where that number is kept."""
    counts = {status: sum(queue[counter] for queue in known) for status, counter in COUNTED.items()}
    return [{"name": status.value, "count": counts.get(status)} for status in JobStatus]


def row(job: Job, now: datetime) -> dict[str, Any]:
    """A job as a line of a list, its times in milliseconds."""
    began = job.started_at
    until = job.finished_at or now
    return {
        "job": job,
        "waited": None if began is None else max((began - job.run_at).total_seconds() * 1000, 0.0),
        "ran": None if began is None else max((until - began).total_seconds() * 1000, 0.0),
        "is_over": job.status in TERMINAL,
        "error": (job.error or {}).get("type") if job.status in TERMINAL else None,
    }
