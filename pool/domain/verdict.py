"""The rule of what becomes of a job when one attempt of it ended. Pure; the store writes what it says.

Cancel wins over retry: the store's statement carries that guard, because only the row knows of a cancel in time.
"""

from pool.domain.jobs import ClaimedJob, Ended, Verdict
from pool.domain.retry import Backoff, read_backoff
from pool.domain.states import JobStatus, Outcome

MAX_INTERRUPTIONS = 20
"""Attempts that our own shutdown may cut short before they count against the budget like any other."""

MAX_UNDELIVERED = 20
"""How often a job may be claimed and lost before it began. Once more, and it is what ends its nodes: a dead letter."""

COMPLETED = Verdict(JobStatus.COMPLETED)

UNKNOWN_TASK_DELAY_S = 30.0
"""How long a job whose task no worker knows goes out of the way before it is looked at again."""


def judge(ended: Ended, default: Backoff) -> Verdict:
    """Decide the job's next status from how the attempt ended and what is left of its budget."""
    job, outcome = ended.job, ended.outcome
    if outcome is Outcome.SUCCEEDED:
        return COMPLETED
    if outcome is Outcome.CANCELLED:
        return Verdict(JobStatus.CANCELLED, refund=ended.started_at is None)
    if outcome is Outcome.INTERRUPTED:
        return _interrupted(job, began=ended.started_at is not None, suspect=ended.suspect)
    if outcome is Outcome.TIMEOUT:
        return _try_again(job, default) or Verdict(JobStatus.TIMEOUT)
    if outcome in (Outcome.CRASHED, Outcome.LOST, Outcome.MEMORY_LIMIT):
        return _lost(job, default)
    if not ended.retryable:
        return Verdict(JobStatus.FAILED, refund=ended.started_at is None)
    return _try_again(job, default) or Verdict(JobStatus.FAILED)


def uncancelled(ended: Ended) -> Verdict:
    """Decide about a job that was ended because of a cancel which the row does not know: it was cut short by us."""
    return _interrupted(ended.job, began=ended.started_at is not None)


def expired(job: ClaimedJob, now: float) -> bool:
    """Too late to start."""
    return job.expires_at is not None and job.expires_at <= now


def undeliverable(job: ClaimedJob) -> bool:
    """Claimed again and again without an attempt of it. The attempt that its last claim counted is not one either."""
    return job.epoch - (job.attempts - 1) > MAX_UNDELIVERED


def _try_again(job: ClaimedJob, default: Backoff) -> Verdict | None:
    if job.attempts_left <= 0:
        return None
    failures = job.attempts - job.attempts_base - job.interruptions
    return Verdict(JobStatus.SCHEDULED, delay_s=read_backoff(job.backoff, default).delay_s(failures))


def _lost(job: ClaimedJob, default: Backoff) -> Verdict:
    """The first loss is free of waiting; repetition is not, or a job that kills its worker would spin."""
    if job.attempts_left <= 0:
        return Verdict(JobStatus.FAILED, lost=True)
    if job.losses == 0:
        return Verdict(JobStatus.PENDING, lost=True)
    return Verdict(JobStatus.SCHEDULED, delay_s=read_backoff(job.backoff, default).delay_s(job.losses), lost=True)


def _interrupted(job: ClaimedJob, *, began: bool, suspect: bool = False) -> Verdict:
    """Unburnt, within limits. A suspect counts as lost: by that it has a process of its own from now on."""
    if not began:
        return Verdict(JobStatus.PENDING, refund=True)
    if job.interruptions >= MAX_INTERRUPTIONS and job.attempts_left <= 0:
        return Verdict(JobStatus.FAILED)
    return Verdict(JobStatus.PENDING, interrupted=job.interruptions < MAX_INTERRUPTIONS, lost=suspect)
