"""The errors of the pool: one family, each with a sentence that says what to do.

The docstring is the default message. A job's failure is data (`pool.domain.verdict`), never one of these.
"""


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


class JobNotFound(PoolError):
    """There is no job with this id."""


class NotPossible(PoolError):
    """The job's state does not allow this."""


class QueueFull(PoolError):
    """The queue is at capacity. Try again later."""


class NotReady(PoolError):
    """The database is not ready for the pool."""


class AttemptFailed(PoolError):
    """Base of what is never raised: it names, as data, why an attempt failed that raised nothing itself."""


class WorkerLost(AttemptFailed):
    """The worker that executed the job died."""


class NodeLost(AttemptFailed):
    """The node that held the job is gone. Whether the job had an effect is unknown."""


class AttemptLost(AttemptFailed):
    """The attempt was given out, but what became of it is unknown."""


class NodeStopped(AttemptFailed):
    """The node stopped and the job did not end in time."""


class JobExpired(AttemptFailed):
    """The job was not started before its expires_at."""


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
