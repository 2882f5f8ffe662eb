"""What commands, pages and the API show of jobs. Reads only, over Django's connection.

Flat in the size of the table: nothing counts jobs. Lists of jobs are made in `pool.store.job_list`, the pool's side
(queues, workers, nodes, figures) in `pool.store.status`; both can be had from here.
"""

from collections.abc import Sequence
from typing import Any

from django.utils import timezone

from pool.conf import database_alias
from pool.domain.errors import JobNotFound
from pool.domain.explaining import explain as judge
from pool.domain.ids import parse_id
from pool.domain.notes import for_people
from pool.domain.states import WAITING, JobStatus
from pool.domain.waiting import Facts, QueueFacts
from pool.models import Attempt, Job, JobLog
from pool.store.family import batch_dict, get_batch, parents_of
from pool.store.job_list import JobPage, list_jobs
from pool.store.own_facts import own_facts
from pool.store.place import position
from pool.store.status import iso, nodes, paused_queues, pool_status, queues, workers

MOST_LOG_PIECES = 1000


def get_job(job_id: Any) -> Job:
    """Find a job. Raises JobNotFound."""
    pk = parse_id(str(job_id))
    job = None if pk is None else Job.objects.using(database_alias()).filter(pk=pk).first()
    if job is None:
        raise JobNotFound(f"There is no job {str(job_id)[:100]!r}.")
    return job


def job_dict(
    job: Job, position: int | None = None, explanation: str | None = None, depends_on: Sequence[str] = ()
) -> dict[str, Any]:
    """Give a job with all its keys, ready for JSON."""
    return {
        "id": str(job.pk),
        "task": job.task,
        "args": job.args,
        "kwargs": job.kwargs,
        "status": job.status,
        "queue": job.queue,
        "priority": job.priority,
        "tenant": job.tenant,
        "attempts": job.attempts,
        "max_attempts": job.max_attempts,
        "timeout": job.timeout,
        "progress": job.progress,
        "progress_message": job.progress_message,
        "created_at": iso(job.created_at),
        "run_at": iso(job.run_at),
        "started_at": iso(job.started_at),
        "finished_at": iso(job.finished_at),
        "worker": job.worker or None,
        "node": job.node or None,
        "result": job.result,
        "error": job.error,
        "metadata": job.metadata or {},
        "tags": job.tags or [],
        "usage": job.usage,
        "depends_on": list(depends_on),
        "batch": str(job.batch) if job.batch else None,
        "unique_key": job.unique_key or None,
        "position": position,
        "explanation": explanation,
    }


def job_detail(job_id: Any) -> dict[str, Any]:
    """Give one job with its position and why it waits, where that is known. Raises JobNotFound."""
    job = get_job(job_id)
    return job_dict(job, position(job), _why_it_waits(job), parents_of([job.pk])[job.pk])


def attempts(job_id: Any) -> list[dict[str, Any]]:
    """List the attempts that were kept of a job: all but a first success. Raises JobNotFound."""
    job = get_job(job_id)
    kept = Attempt.objects.using(database_alias()).filter(job=job).order_by("epoch")
    return [_attempt_dict(attempt) for attempt in kept]


def logs(job_id: Any, after: int = 0, limit: int = MOST_LOG_PIECES) -> list[dict[str, Any]]:
    """List what a job printed and logged, oldest first, on from the piece with that id. Raises JobNotFound."""
    job = get_job(job_id)
    pieces = JobLog.objects.using(database_alias()).filter(job=job, id__gt=after).order_by("id")
    return [
        {
            "id": piece.pk,
            "epoch": piece.epoch,
            "at": iso(piece.at),
            "stream": piece.stream,
            "text": for_people(piece.stream, piece.text),
        }
        for piece in pieces[: max(1, min(limit, MOST_LOG_PIECES))]
    ]


def _attempt_dict(attempt: Attempt) -> dict[str, Any]:
    error = {"type": attempt.error_type, "message": attempt.error_message, "traceback": attempt.traceback}
    return {
        "number": attempt.number,
        "epoch": attempt.epoch,
        "outcome": attempt.outcome,
        "node": attempt.node or None,
        "worker": attempt.worker or None,
        "started_at": iso(attempt.started_at),
        "finished_at": iso(attempt.finished_at),
        "cpu_ms": attempt.cpu_ms,
        "peak_rss": attempt.peak_rss,
        "error": error if attempt.error_type else None,
    }


def _why_it_waits(job: Job) -> str | None:
    """The first thing that holds it, as far as its own row and its queue's tell: `pool.explain` knows the rest."""
    if job.status not in WAITING:
        return None
    paused = QueueFacts(paused=job.queue in paused_queues()) if job.status == JobStatus.PENDING else None
    holding = [one for one in judge(Facts(timezone.now(), own_facts(job), paused)).blockers if one.blocks]
    if not holding:
        return None
    first = holding[0]
    return f"{first.sentence.removesuffix('.')}, until {iso(first.until)}." if first.until else first.sentence


__all__ = [
    "JobPage",
    "attempts",
    "batch_dict",
    "get_batch",
    "get_job",
    "job_detail",
    "job_dict",
    "list_jobs",
    "logs",
    "nodes",
    "pool_status",
    "position",
    "queues",
    "workers",
]
