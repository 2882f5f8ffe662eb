"""Verbs of the agent that look: what the database holds, and what it costs to claim from it."""

import statistics
from typing import Any

import django
from django.db import connection
from django.db.models import Count, Min, Sum

from bench import backlog
from pool import pool_status
from pool.models import Attempt, Job, Tally
from pool.store import read


def versions() -> dict[str, str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT sqlite_version()" if connection.vendor == "sqlite" else "SHOW server_version")
        return {"django": django.get_version(), "database": f"{connection.vendor} {cursor.fetchone()[0]}"}


def status() -> dict[str, Any]:
    return pool_status()


def workers() -> list[dict[str, Any]]:
    return read.workers()


def counts() -> dict[str, int]:
    return dict(Job.objects.order_by().values_list("status").annotate(Count("id")))


def waiting_of(tenant: str) -> int:
    """How many jobs of a tenant may start."""
    return Job.objects.filter(tenant=tenant, status="PENDING", rank__gt=0).count()


def fired() -> list[tuple[int, float]]:
    """Of each job the number that it was given, and when it was enqueued."""
    rows: Any = Job.objects.order_by("id").values_list("args", "created_at")
    return [(args[0], created.timestamp()) for args, created in rows]


def first_start() -> float:
    first: Any = Job.objects.aggregate(at=Min("started_at"))["at"]
    return float(first.timestamp())


def spans() -> list[tuple[float, float, float]]:
    """Of every job: when it could start, when it started and when it finished."""
    rows: Any = Job.objects.order_by("id").values_list("run_at", "started_at", "finished_at")
    return [(run_at.timestamp(), started.timestamp(), finished.timestamp()) for run_at, started, finished in rows]


def results() -> dict[str, Any]:
    """Results of the jobs by id."""
    return {str(pk): result for pk, result in Job.objects.order_by().values_list("id", "result")}


def double_endings() -> int:
    """How many successes the database holds beyond one for each completed job; its counters are looked at as well."""
    completed = Job.objects.filter(status="COMPLETED").count()
    counted = Tally.objects.aggregate(total=Sum("completed"))["total"] or 0
    successes = Attempt.objects.filter(outcome="SUCCEEDED").order_by().values_list("job_id").annotate(times=Count("id"))
    return abs(counted - completed) + sum(times - 1 for _, times in successes)


def claim_cost(batch: int, times: int) -> float:
    """Median time of a claim, in microseconds."""
    return statistics.median(backlog.claim_times_us(batch, times))
