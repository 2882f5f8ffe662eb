"""A job's row as the rules see it that say why it waits."""

from pool.domain.errors import UnknownTask
from pool.domain.states import JobStatus
from pool.domain.waiting import JobFacts
from pool.models import Job

UNKNOWN_TASK = f"{UnknownTask.__module__}.{UnknownTask.__qualname__}"


def own_facts(job: Job) -> JobFacts:
    error = job.error if isinstance(job.error, dict) else {}
    return JobFacts(
        status=JobStatus(job.status),
        run_at=job.run_at,
        task=job.task,
        queue=job.queue,
        started_at=job.started_at,
        expires_at=job.expires_at,
        cancel_requested_at=job.cancel_requested_at,
        timeout=job.timeout,
        worker=job.worker,
        attempts=job.attempts,
        has_failed=job.attempts > job.attempts_base,
        is_unknown=job.attempts == job.attempts_base and error.get("type") == UNKNOWN_TASK,
        tenant=job.tenant if job.rank else "",
        requires=tuple(job.requires or ()),
        lacks=bool(job.lacks),
        waits_for=job.waits_for,
        limit_key=job.limit_key,
        limit_running=job.limit_running,
        limit_rate=job.limit_rate,
    )
