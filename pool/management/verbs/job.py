"""`pool job ID`: everything about one job, with its attempts and what it printed."""

import json
from argparse import Namespace
from collections.abc import Iterator
from typing import Any

from django.core.management.base import CommandParser

from pool.domain.states import TERMINAL, JobStatus
from pool.domain.wording import percent
from pool.management.arguments import add_job
from pool.management.output import Output
from pool.management.verbs.jobs import run_time
from pool.store import read

HELP = "Show everything about a job, with its attempts and its log."
PRINTS_FACTS = True

ATTEMPTS = ("attempt>", "outcome", "started", "ended", "worker", "error")
LONGEST_VALUE = 2000


def add_arguments(parser: CommandParser) -> None:
    add_job(parser)


def run(options: Namespace, out: Output) -> None:
    job = read.job_detail(options.job)
    history, log = read.attempts(options.job), read.logs(options.job)
    if out.as_json:
        out.facts(job | {"history": history, "log": log})
        return
    out.pairs(facts(job, run_time(read.get_job(options.job))))
    if history:
        out.say("")
        out.table("Attempts", ATTEMPTS, (attempt(one) for one in history))
    if job["error"] and job["error"].get("traceback"):
        out.say(f"\nTraceback\n{job['error']['traceback'].rstrip()}")
    if log:
        out.say("\nLog\n" + "".join(piece["text"] for piece in log).rstrip())


def facts(job: dict[str, Any], ran: str) -> Iterator[tuple[str, Any]]:
    """What is worth a line, most important first."""
    error = job["error"] or {}
    yield "job", job["id"]
    yield "task", job["task"]
    yield "status", job["status"]
    if job["explanation"]:
        yield "why", job["explanation"]
    if job["position"] is not None:
        yield "before it", f"{job['position']:,} jobs"
    if error and job["status"] != JobStatus.COMPLETED:
        yield "error", f"{error.get('type', '')}: {error.get('message', '')}"
    if job["status"] == JobStatus.COMPLETED:
        yield "result", shown(job["result"])
    if job["progress"] is not None and job["status"] not in TERMINAL:
        yield "progress", f"{percent(job['progress'])} {job['progress_message'] or ''}".strip()
    yield "arguments", shown({"args": job["args"], "kwargs": job["kwargs"]})
    yield "queue", job["queue"]
    yield "priority", job["priority"]
    yield "attempts", f"{job['attempts']} of {job['max_attempts']}"
    yield "timeout", "none" if job["timeout"] is None else f"{job['timeout']:g} s"
    for name in ("created_at", "run_at", "started_at", "finished_at"):
        yield name.removesuffix("_at").replace("run", "due"), job[name]
    yield "ran", ran
    yield "worker", job["worker"]
    for name in ("tenant", "tags", "metadata", "usage"):
        if job[name]:
            yield name, job[name] if isinstance(job[name], str) else shown(job[name])


def attempt(one: dict[str, Any]) -> tuple[Any, ...]:
    error = one["error"]
    said = f"{error['type']}: {error['message']}" if error else None
    return (one["number"], one["outcome"], one["started_at"], one["finished_at"], one["worker"], said)


def shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}… (whole with --json)"
