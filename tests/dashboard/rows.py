"""Rows of a pool at work, as the tests of the pages need them."""

import uuid
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from pool.domain import histogram
from pool.domain.ids import first_id, new_id
from pool.domain.spans import whole_pool
from pool.domain.states import JobStatus, NodeState, WorkerState
from pool.models import Attempt, Job, Node, PoolSnapshot, Queue, Tally, WorkerSnapshot

NODE = "n1"


def a_job(status: JobStatus = JobStatus.PENDING, *, at: datetime | None = None, **fields: Any) -> Job:
    """A job whose id is of its time."""
    at = at or timezone.now()
    pk = uuid.UUID(int=first_id(at).int | new_id().int & ((1 << 80) - 1))
    values: dict[str, Any] = {"task": "shop.tasks.send", "created_at": at, "run_at": at}
    if status in (JobStatus.RUNNING, JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.TIMEOUT):
        values |= {"started_at": at + timedelta(seconds=1), "attempts": 1, "worker": "w0", "node": NODE}
    if status in (JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.TIMEOUT):
        values |= {"finished_at": at + timedelta(seconds=3)}
    if status in (JobStatus.FAILED, JobStatus.TIMEOUT):
        values |= {"error": an_error()}
    return Job.objects.create(id=pk, status=status, **{**values, **fields})


def an_error(kind: str = "shop.errors.Declined", message: str = "No money left", trace: str = "") -> dict[str, str]:
    return {"type": kind, "message": message, "traceback": trace}


def an_attempt(job: Job, number: int, outcome: str = "error", **fields: Any) -> Attempt:
    begun = job.created_at + timedelta(seconds=10 * number)
    values = {"started_at": begun, "finished_at": begun + timedelta(seconds=2), "worker": "w0", "error_type": "E"}
    return Attempt.objects.create(job=job, epoch=number, number=number, outcome=outcome, **{**values, **fields})


def a_node(**fields: Any) -> Node:
    now = timezone.now()
    values = {"host": "host", "pid": 1, "state": NodeState.RUNNING, "wanted": 2, "workers": 2, "started_at": now}
    return Node.objects.create(**{"id": NODE, **values, "last_beat": now, **fields})


def a_worker(name: str = "w0", **fields: Any) -> WorkerSnapshot:
    now = timezone.now()
    values = {"node": NODE, "slot": 0, "pid": 2, "state": WorkerState.BUSY, "started_at": now, "last_beat": now}
    return WorkerSnapshot.objects.create(id=name, **{**values, **fields})


def a_second(at: datetime, node: str = NODE, *, runs_us: tuple[int, ...] = (), **data: Any) -> PoolSnapshot:
    """What a node measured in a second."""
    counts = histogram.count(runs_us)
    text = histogram.encode(counts)
    series = dict.fromkeys(("wait", "run", "total"), text)
    values = {
        "pool": {"size": 2, "min": 2, "max": 8, "uptime": 5.0, "initialized": True},
        "ready": True,
        "seconds": 1.0,
        "workers": {"total": 2, "active": 1, "idle": 1, "unhealthy": 0},
        "deltas": {"submitted": len(runs_us), "completed": len(runs_us)},
        "latency": {name: histogram.percentiles(counts) for name in series},
        "windows": series if runs_us else {},
        "depths": {"mail": 3},
        "lanes": [{"id": "w0", "state": "BUSY", "job": None, "rss": 50_000_000, "cpu": 0.5}],
    }
    histograms = {"mail": {"shop.tasks.send": series}} if runs_us else {}
    return PoolSnapshot.objects.create(at=at, node=node, data={**values, **data}, histograms=histograms)


def a_span(at: datetime, length_s: int, *, runs_us: tuple[int, ...] = (), seconds: float | None = None) -> PoolSnapshot:
    """What the clerk made of a longer time."""
    text = histogram.encode(histogram.count(runs_us))
    histograms = {"mail": {"shop.tasks.send": dict.fromkeys(("wait", "run", "total"), text)}} if runs_us else {}
    data = {
        "seconds": float(length_s) if seconds is None else seconds,
        "deltas": {"submitted": len(runs_us), "completed": len(runs_us)},
        "gauges": {"total": [4.0, 2, 2.0]},
        "depths": {"mail": [10.0, 2, 8.0]},
        "whole": whole_pool(histograms),
    }
    return PoolSnapshot.objects.create(at=at, node="", span=length_s, data=data, histograms=histograms)


def a_busy_pool() -> dict[JobStatus, Job]:
    """One of everything: a node, its worker, two queues, a job in each state; the jobs by state."""
    now = timezone.now()
    a_node()
    Queue.objects.create(name="mail", paused=True, paused_by="ada", paused_at=now)
    Tally.objects.create(queue="mail", pending=12_345, submitted=20_000, completed=7_000, dead=2)
    Tally.objects.create(queue="images", completed=5)
    jobs = {status: a_job(status, queue="mail") for status in JobStatus}
    a_worker(current_jobs=[str(jobs[JobStatus.RUNNING].pk)])
    a_worker("w9", slot=9, state=WorkerState.TERMINATED, ended_at=now, end_reason="killed by signal 9")
    for back in range(5):
        a_second(now - timedelta(seconds=back), runs_us=(1000, 5000, 90_000))
    return jobs
