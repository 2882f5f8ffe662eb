"""Verbs of the agent that wait for a fact in the database, and fail when it does not come in time."""

import time
from collections.abc import Callable

from django.db import connection
from django.db.models import QuerySet

from bench.verbs.looking import counts
from pool.domain.states import TERMINAL
from pool.models import Job
from pool.store import read

OPEN = "SELECT " + " OR ".join(
    f"EXISTS (SELECT 1 FROM pool_job WHERE status = '{status}')"
    for status in ("PENDING", "ASSIGNED", "RUNNING", "SCHEDULED", "BLOCKED")
)


def wait_nodes(nodes: int, limit_s: float = 30.0) -> None:
    """Wait until so many nodes live."""
    _wait(lambda: len(read.nodes()) >= nodes, lambda: f"there are {len(read.nodes())} nodes", limit_s)


def wait_begun(limit_s: float = 60.0) -> None:
    """Wait until the first job was completed."""
    _wait(_completed().exists, lambda: "no job was completed", limit_s, 0.005)


def wait_completed(jobs: int, limit_s: float = 60.0) -> None:
    """Wait until so many jobs are done, and none is open."""
    _wait(lambda: _completed().count() >= jobs, lambda: f"not all are done: {counts()}", limit_s)
    wait_done(limit_s)


def wait_for(jobs: list[str], limit_s: float = 60.0) -> None:
    """Wait until these jobs have ended."""
    is_open = Job.objects.filter(pk__in=jobs).exclude(status__in=TERMINAL).exists
    _wait(lambda: not is_open(), lambda: f"some of the {len(jobs)} jobs are still open", limit_s, 0.005)


def wait_done(limit_s: float = 120.0, every_s: float = 0.02) -> float:
    """Wait until every job's outcome is stored; when that was seen."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # Without statistics the planner would read the whole table instead of the ends of its indexes.
            cursor.execute("SET enable_seqscan = off")

        def is_done() -> bool:
            cursor.execute(OPEN)
            return not cursor.fetchone()[0]

        _wait(is_done, lambda: f"jobs are still open: {counts()}", limit_s, every_s)
        return time.time()


def _completed() -> QuerySet[Job]:
    return Job.objects.filter(status="COMPLETED")


def _wait(fact: Callable[[], bool], problem: Callable[[], str], limit_s: float, every_s: float = 0.02) -> None:
    deadline = time.monotonic() + limit_s
    while not fact():
        if time.monotonic() > deadline:
            raise TimeoutError(f"After {limit_s:g} s {problem()}.")
        time.sleep(every_s)
