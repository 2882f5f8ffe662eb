"""`pool job ID`: everything about one job, with why it waits, its attempts and what it printed."""

import json
from argparse import Namespace
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from pool.domain.states import TERMINAL, WAITING, JobStatus
from pool.domain.wording import age, percent, rate
from pool.management.arguments import add_job
from pool.management.output import Output
from pool.management.verbs.jobs import run_time
from pool.store import read
from pool.store.explain import explain

HELP = "Show everything about a job, with why it waits, its attempts and its log."
PRINTS_FACTS = True

ATTEMPTS = ("attempt>", "outcome", "started", "ended", "worker", "error")
TIMES = (("created", "created_at"), ("due", "run_at"), ("started", "started_at"), ("finished", "finished_at"))
LONGEST_VALUE = 2000


def add_arguments(parser: CommandParser) -> None:
    add_job(parser)


def run(options: Namespace, out: Output) -> None:
    job, why = read.job_detail(options.job), explain(options.job)
    history, log = read.attempts(options.job), read.logs(options.job)
    if out.as_json:
        out.facts(job | {"why": why, "history": history, "log": log})
        return
    out.pairs(facts(job, why, run_time(read.get_job(options.job))))
    if history:
        out.say("")
        out.table("Attempts", ATTEMPTS, (attempt(one) for one in history))
    if job["error"] and job["error"].get("traceback"):
        out.say(f"\nTraceback\n{job['error']['traceback'].rstrip()}")
    if log:
        out.say("\nLog\n" + "".join(piece["text"] for piece in log).rstrip())


def facts(job: dict[str, Any], why: dict[str, Any], ran: str) -> Iterator[tuple[str, Any]]:
    """What is worth a line, most important first."""
    yield from [(name, job[key]) for name, key in (("job", "id"), ("task", "task"), ("status", "status"))]
    yield from waiting(why)
    yield from outcome(job)
    yield "arguments", shown({"args": job["args"], "kwargs": job["kwargs"]})
    yield from [(name, job[name]) for name in ("queue", "priority")]
    yield "attempts", f"{job['attempts']} of {job['max_attempts']}"
    yield "timeout", "none" if job["timeout"] is None else f"{job['timeout']:g} s"
    yield from [(name, job[key]) for name, key in TIMES]
    yield "ran", ran
    yield "worker", job["worker"]
    if job["depends_on"]:
        yield "waits for", " ".join(job["depends_on"])
    yield from [(name, job[key]) for name, key in (("batch", "batch"), ("unique key", "unique_key")) if job[key]]
    for name in ("tenant", "tags", "metadata", "usage"):
        if job[name]:
            yield name, job[name] if isinstance(job[name], str) else shown(job[name])


def waiting(why: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """What stands between the job and its start, and when it may start."""
    told = [f"{one['sentence']}{when(one)}" for one in why["blockers"]]
    if why["status"] not in WAITING and why["status"] != JobStatus.ASSIGNED:
        return
    yield from zip(("why", *[""] * len(told)), told or [why["summary"]], strict=False)
    if start := why["estimate"]:
        yield "starts", starting(start)


def when(blocker: dict[str, Any]) -> str:
    """How long it goes on, or since when it does."""
    if blocker["until"]:
        return f" ({away(blocker['until'])})"
    return f" (for {age(-seconds_to(blocker['since']))})" if blocker["since"] else ""


def starting(start: dict[str, Any]) -> str:
    text = away(start["at"]) if start["seconds"] >= 1 else "now"
    text += " at the earliest" if start["at_least"] else ""
    return text + (f", with {start['sure']} certainty at {rate(start['rate'])} in its queue" if start["sure"] else "")


def away(at: str) -> str:
    left = seconds_to(at)
    return f"in {age(left)}" if left >= 0 else f"{age(-left)} ago"


def seconds_to(at: str) -> float:
    return (datetime.fromisoformat(at) - timezone.now()).total_seconds()


def outcome(job: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """How far it is, or what came out."""
    if job["progress"] is not None and job["status"] not in TERMINAL:
        yield "progress", f"{percent(job['progress'])} {job['progress_message'] or ''}".strip()
    if job["status"] == JobStatus.COMPLETED:
        yield "result", shown(job["result"])
    elif job["error"]:
        yield "error", f"{job['error'].get('type', '')}: {job['error'].get('message', '')}"


def attempt(one: dict[str, Any]) -> tuple[Any, ...]:
    error = one["error"]
    said = f"{error['type']}: {error['message']}" if error else None
    return (one["number"], one["outcome"], one["started_at"], one["finished_at"], one["worker"], said)


def shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}… (whole with --json)"
