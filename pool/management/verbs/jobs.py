"""`pool jobs`: list jobs, newest first, page by page."""

from argparse import Namespace
from collections.abc import Iterator
from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from pool.domain.states import TERMINAL, JobStatus
from pool.domain.wording import age, milliseconds
from pool.management.arguments import whole_number
from pool.management.output import Output
from pool.models import Job
from pool.store.job_list import MOST_LISTED
from pool.store.read import job_dict, list_jobs

HELP = "List jobs, newest first."
PRINTS_FACTS = True

COLUMNS = ("id", "status", "task", "queue", "attempts>", "enqueued>", "ran>", "worker")
USUAL = 20


def add_arguments(parser: CommandParser) -> None:
    parser.add_argument("--status", help=f"one of {', '.join(JobStatus)}, in any case")
    parser.add_argument("--queue", help="name of a queue")
    parser.add_argument("--task", help="dotted name of a task")
    limit = whole_number(1, MOST_LISTED)
    parser.add_argument("--limit", type=limit, default=USUAL, metavar="N", help=f"at most N jobs (default: {USUAL})")
    parser.add_argument("--cursor", help="where the next page begins, as the last one said")


def run(options: Namespace, out: Output) -> None:
    page = list_jobs(
        status=options.status, queue=options.queue, task=options.task, cursor=options.cursor, limit=options.limit
    )
    if out.as_json:
        out.facts({"results": [job_dict(job) for job in page.jobs], "next": page.next, "previous": page.previous})
        return
    if page.jobs:
        out.table("", COLUMNS, rows(page.jobs))
    elif not page.next:
        out.say("No such job." if is_filtered(options) else "No jobs yet. Make some with: manage.py pool demo")
    if page.next:
        out.warn(f"Older jobs: add --cursor {page.next}")


def rows(jobs: list[Job]) -> Iterator[tuple[Any, ...]]:
    now = timezone.now()
    for job in jobs:
        attempts = f"{job.attempts}/{job.max_attempts}"
        enqueued = f"{age((now - job.created_at).total_seconds())} ago"
        yield (job.pk, job.status, job.task, job.queue, attempts, enqueued, run_time(job), job.worker)


def run_time(job: Job) -> str:
    """How long the last attempt ran, or runs."""
    if job.started_at is None or (job.status not in TERMINAL and job.status != JobStatus.RUNNING):
        return milliseconds(None)
    until = job.finished_at if job.status in TERMINAL and job.finished_at else timezone.now()
    return milliseconds(max((until - job.started_at).total_seconds(), 0.0) * 1000)


def is_filtered(options: Namespace) -> bool:
    return bool(options.status or options.queue or options.task or options.cursor)
