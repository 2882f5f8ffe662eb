"""The errors of the pool: one family, each with a sentence that says what to do.

The docstring is the default message. A job's failure is data (`pool.domain.verdict`), never one of these.
"""

from uuid import UUID


class PoolError(Exception):
    """Something in the pool went wrong."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (self.__doc__ or "").strip())


class InvalidConfig(PoolError):
    """A setting of POOL is wrong."""


class UnknownTask(PoolError):
    """No such task. Tasks live in tasks.py of an installed app, or in a module named by POOL["task_modules"]."""


class InvalidPayload(PoolError):
    """These arguments cannot be stored: they must be JSON, within the limits of size and depth."""


class InvalidOption(PoolError):
    """An option of the job is wrong."""


class UnknownParent(InvalidOption):
    """A job is to wait for another that does not exist."""

    def __init__(self, child: UUID, parent: UUID) -> None:
        super().__init__(f"depends_on names {parent}, and there is no job or batch with that id.")
        self.child, self.parent = child, parent


class JobNotFound(PoolError):
    """There is no job with this id."""


class BatchNotFound(JobNotFound):
    """There is no batch with this id."""


class WorkerNotFound(PoolError):
    """There is no such worker, or it has ended."""


class ScheduleNotFound(PoolError):
    """There is no schedule with this id."""


class NoSchedules(ScheduleNotFound):
    """Schedules are django-q2's: add "django_q" to INSTALLED_APPS."""


class InvalidSchedule(PoolError):
    """This schedule cannot be run as it is."""


class AlertNotFound(PoolError):
    """There is no such alert, or it is over."""


class NotPossible(PoolError):
    """The job's state does not allow this."""


class QueueFull(PoolError):
    """The queue is at capacity. Try again later."""

    def __init__(self, message: str | None = None, retry_after_s: int = 1) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class NotEquipped(PoolError):
    """The worker lacks a library for this. Install the extra: pip install 'django-pool[library]'."""

    retryable = False


class NotReady(PoolError):
    """The database is not ready for the pool."""


class AttemptFailed(PoolError):
    """Base of what is never raised: it names, as data, why an attempt failed that raised nothing itself."""


class WorkerLost(AttemptFailed):
    """The worker that executed the job died."""


class NeighbourEnded(AttemptFailed):
    """The worker had to be stopped because of another job that ran in it."""


class NodeLost(AttemptFailed):
    """The node that held the job is gone. Whether the job had an effect is unknown."""


class AttemptLost(AttemptFailed):
    """The attempt was given out, but what became of it is unknown."""


class NodeStopped(AttemptFailed):
    """The node stopped and the job did not end in time."""


class JobExpired(AttemptFailed):
    """The job was not started before its expires_at."""


class ParentFailed(AttemptFailed):
    """A job that this one waited for did not end as it should."""


class JobUndeliverable(AttemptFailed):
    """The job is undeliverable: it was given out again and again, and lost each time before it began."""


class OutcomeRefused(AttemptFailed):
    """The database refused the outcome of the job."""


class JobInterrupted(BaseException):
    """Base of what the pool raises inside a running task; no Exception, or a broad except would swallow it."""

    def __str__(self) -> str:
        return super().__str__() or (self.__doc__ or "")


class JobTimeout(JobInterrupted):
    """The job ran longer than its timeout."""


class JobCancelled(JobInterrupted):
    """Somebody cancelled the job."""
