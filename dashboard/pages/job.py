"""One job: what became of it, how it got there, and what can be done about it now."""

import json
import uuid
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from dashboard import tracebacks
from dashboard.pages.frame import page, plain_page, show
from dashboard.stages import stages_of_end
from dashboard.timeline import timeline
from pool.conf import get_config
from pool.domain.errors import JobNotFound
from pool.domain.states import DEAD_LETTERS, EXECUTING, STACK, TERMINAL, WAITING, JobStatus
from pool.models import Job
from pool.store import family as relatives
from pool.store import read, stacks
from pool.store.event_list import list_events
from pool.store.explain import explanation
from pool.store.status import pool_status

LOG_PIECES = 500
EVENTS_SHOWN = 20
SHORT_LINE = 44
LONGEST_JSON = 20_000
"""Characters of a value that a page shows."""


@page
def one_job(request: HttpRequest, job_id: uuid.UUID) -> HttpResponse:
    try:
        job = read.get_job(job_id)
    except JobNotFound:
        text = f"There is no job {job_id}. It may have been removed: finished jobs are kept for some days only."
        return plain_page(request, 404, "No such job", text)
    return show(request, "job", about(job))


def about(job: Job) -> dict[str, Any]:
    now, status = timezone.now(), pool_status()
    tried = read.attempts(job.pk)
    stack = stacks.look(job, now) if job.status in EXECUTING else None
    error = job.error if isinstance(job.error, dict) else None
    is_waiting = job.status in WAITING or job.status == JobStatus.ASSIGNED
    return {
        "status": status,
        "job": job,
        "is_over": job.status in TERMINAL,
        "is_running": job.status in EXECUTING,
        "is_waiting": is_waiting,
        "verbs": verbs(job),
        "timeline": timeline(job, tried, now),
        "attempts": [{**one, "trace": trace(one["error"])} for one in reversed(tried)],
        "last_attempt": tried[-1] if tried else None,
        "why": explanation(job, now) if is_waiting else None,
        "stages": stages_of_end(job, get_config(), now),
        "error": error,
        "trace": trace(error),
        "arguments": cut(call(job)),
        "result": shown(job.result),
        "family": family(job),
        "metadata": shown(job.metadata) if job.metadata else "",
        "log": [piece for piece in read.logs(job.pk, limit=LOG_PIECES) if piece["stream"] != STACK],
        "stack": stack,
        "stack_trace": tracebacks.read(stack.text) if stack else [],
        "events": list_events(job=job.pk, limit=EVENTS_SHOWN).events,
        "waited_ms": _between(job.run_at, job.started_at),
        "ran_ms": _between(job.started_at, job.finished_at or (now if job.status in EXECUTING else None)),
    }


def family(job: Job) -> dict[str, Any]:
    """What the job is tied to; empty when that is nothing."""
    parents, children = relatives.parents(job), relatives.children(job)
    batch = relatives.batch_of(job)
    if not (parents.shown or children.shown or batch):
        return {}
    if batch:
        batch["ended"] = batch["total"] - batch["waiting"]
    return {"parents": parents, "children": children, "batch": batch}


def verbs(job: Job) -> list[str]:
    """What can be done with the job now."""
    if job.status in WAITING or (job.status in EXECUTING and job.cancel_requested_at is None):
        return ["cancel"]
    if job.status in DEAD_LETTERS:
        return ["retry"] if job.discarded_at else ["retry", "discard"]
    return ["retry"] if job.status == JobStatus.CANCELLED else []


def trace(error: dict[str, Any] | None) -> list[tracebacks.Part]:
    """The traceback without its end, which is the message that stands above it."""
    told = error or {}
    name = str(told.get("type") or "").removeprefix("builtins.")
    parts = tracebacks.read(str(told.get("traceback") or ""))
    if not parts or parts[-1].kind != "text" or not name or not parts[-1].text.startswith(name):
        return parts
    # Notes that were added to the exception come after its message, and stay.
    lines = str(told.get("message") or "").splitlines()
    notes = [line for line in parts[-1].text.splitlines()[1:] if line.strip() and line not in lines]
    return [*parts[:-1], *([tracebacks.Part("text", text="\n".join(notes))] if notes else [])]


def call(job: Job) -> str:
    """The arguments as they would stand in a call of the task."""
    name = job.task.rpartition(".")[2]
    given = [_json(value) for value in job.args] + [f"{key}={_json(value)}" for key, value in job.kwargs.items()]
    line = f"{name}({', '.join(given)})"
    return line if len(line) <= SHORT_LINE else "{}(\n    {},\n)".format(name, ",\n    ".join(given))


def shown(value: Any) -> str:
    """A value as readable JSON."""
    return cut(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def cut(text: str) -> str:
    """A text as long as a page shows it."""
    if len(text) <= LONGEST_JSON:
        return text
    return (
        f"{text[:LONGEST_JSON]}\n… {len(text) - LONGEST_JSON:,} more characters. Read it whole with: manage.py pool job"
    )


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _between(start: Any, end: Any) -> float | None:
    return None if start is None or end is None else max((end - start).total_seconds() * 1000, 0.0)
