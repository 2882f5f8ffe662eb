"""What a node counts since it started. The loop adds to these as it goes; the meter reads them once a second."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from pool.domain.states import JobStatus

FIELDS = {
    JobStatus.COMPLETED: "completed",
    JobStatus.FAILED: "failed",
    JobStatus.TIMEOUT: "timeout",
    JobStatus.CANCELLED: "cancelled",
}


@dataclass(slots=True)
class Counters:
    submitted: int = 0
    claimed: int = 0
    recorded: int = 0
    completed: int = 0
    failed: int = 0
    timeout: int = 0
    cancelled: int = 0
    retried: int = 0
    spawned: int = 0
    lost: int = 0
    fenced: int = 0
    executed: int = 0
    """Attempts that ran, counted by the meter itself."""

    @property
    def finished(self) -> int:
        return self.completed + self.failed + self.timeout

    def turned(self, claimed: int, fenced: int, submitted: int) -> None:
        """A turn brought so many jobs, so many outcomes that came too late, and news of so many that were enqueued."""
        self.claimed += claimed
        self.fenced += fenced
        self.submitted += submitted

    def written(self, statuses: Iterable[JobStatus]) -> None:
        """Attempts were recorded, and their jobs have these statuses now."""
        for status, count in Counter(statuses).items():
            name = FIELDS.get(status, "retried")
            setattr(self, name, getattr(self, name) + count)
            self.recorded += count
