"""A job as the node holds it, and how an attempt of it ended. Plain values that cross the pipe and the store."""

import msgspec

from pool.domain.states import JobStatus, Outcome


class ClaimedJob(msgspec.Struct, gc=False):
    """What the claim returns of one row. Times are seconds since 1970."""

    id: str
    task: str
    queue: str
    args: str
    kwargs: str
    epoch: int
    attempts: int
    attempts_base: int
    interruptions: int
    losses: int
    max_attempts: int
    timeout: float | None
    backoff: str | None
    priority: int
    rank: int
    run_at: float
    created_at: float
    expires_at: float | None
    limit_key: str = ""
    affinity: str = ""
    requires: str | None = None
    """JSON text of the capabilities that its worker must offer."""
    batch: str | None = None

    @property
    def attempts_left(self) -> int:
        """Tries that remain after this one. Attempts our own shutdown cut short do not count."""
        return self.max_attempts - (self.attempts - self.attempts_base - self.interruptions)

    @property
    def payload_size(self) -> int:
        """Length of the arguments as JSON."""
        return len(self.args) + len(self.kwargs)


class Failure(msgspec.Struct, frozen=True):
    """Why an attempt failed, as text that both databases can store."""

    type: str
    message: str
    traceback: str = ""


def failure(kind: type[BaseException], message: str = "", traceback: str = "") -> Failure:
    """Name an error as data; its own sentence is the message when none is given."""
    return Failure(f"{kind.__module__}.{kind.__qualname__}", message or (kind.__doc__ or "").strip(), traceback)


class Ended(msgspec.Struct, frozen=True, gc=False):
    """One attempt that ended. Times are seconds since 1970, None when the attempt never began."""

    job: ClaimedJob
    outcome: Outcome
    worker: str
    started_at: float | None
    finished_at: float
    result: str | None = None
    failure: Failure | None = None
    cpu_ms: float | None = None
    peak_rss: int | None = None
    usage: str | None = None
    retryable: bool = True
    suspect: bool = False
    """It ran beside others when their worker died, and any of them may be the reason."""


class Verdict(msgspec.Struct, frozen=True, gc=False):
    """What becomes of the job after one attempt."""

    status: JobStatus
    delay_s: float = 0.0
    refund: bool = False
    """The attempt does not count: it never began."""
    interrupted: bool = False
    lost: bool = False
    lacks: str = ""
    """The key under which it waits for a worker that offers what it requires."""
