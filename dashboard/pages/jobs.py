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
from pool.store.job_list import LONGEST_START, JobPage, list_jobs
from pool.store.status import pool_status

PAGE_SIZE = 50
LONGEST_MESSAGE = 160
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
    status = pool_status(now)
    known = status["queue"]["by_queue"]
    context = {
        "status": status,
        "asked": asked,
        "problem": problem,
        "rows": [row(job, now) for job in found.jobs],
        "older": found.next,
        "looked_to": found.looked_to,
        "newer": found.previous,
        "now": now,
        # Only then is each new job one that belongs at the top of this list.
        "counts_new": not request.GET.get("cursor") and not any(asked[name] for name in asked if name != "queue"),
        "is_first": found.previous is None and not request.GET.get("cursor"),
        "is_filtered": any(asked.values()),
        "more_filters": any(asked[name] for name in ("task", "tenant", "tag", *TIMES)),
        "statuses": _statuses(known),
        "queues": sorted(known),
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


def _statuses(known: Mapping[str, Mapping[str, int]]) -> list[dict[str, Any]]:
    """Each status with the number of its jobs where that number is kept."""
    counts = {status: sum(queue[counter] for queue in known.values()) for status, counter in COUNTED.items()}
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
        "error": _error(job) if job.status in TERMINAL else "",
        "arguments": _arguments(job),
    }


def _error(job: Job) -> str:
    """What it died of, in one line."""
    error = job.error if isinstance(job.error, dict) else {}
    name, message = str(error.get("type") or "").rpartition(".")[2], str(error.get("message") or "")
    return ": ".join(part for part in (name, " ".join(message.split())[:LONGEST_MESSAGE]) if part)


def _arguments(job: Job) -> str:
    """The beginning of its arguments, without the outer brackets."""
    given = [_bare(getattr(job, f"{name}_start", "")) for name in ("args", "kwargs")]
    return ", ".join(text for text in given if text)


def _bare(start: str) -> str:
    whole = len(start) < LONGEST_START
    return start[1:-1] if whole else f"{start[1:]}…"
