"""A worker and a job as the router sees them, and whether the one may take the other now."""

from dataclasses import dataclass

from pool.domain.kinds import GENERAL
from pool.domain.routing.ahead import Seat, takes_one

NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Call:
    """What matters of a job for its way."""

    task: str
    cost: float | None = None
    """Microseconds it is expected to take; None while nothing is known."""
    is_async: bool = False
    alone: bool = False
    """It has a process for itself, in which no other job has been."""
    requires: frozenset[str] = NOTHING
    affinity: str = ""
    kind: str = ""
    """The kind of worker that a pattern gives to its task: that one while it has room, else any."""
    likes: str = ""
    """The kind of worker on which such work is at home."""

    @property
    def is_plain(self) -> bool:
        """Whether any worker for jobs that block does as well as any other."""
        return not (self.is_async or self.alone or self.requires or self.affinity or self.kind)


class Place(Seat):
    """A worker, with all that may matter of it."""

    __slots__ = ("fresh", "kind", "offers", "sealed", "side_by_side", "streams", "worker")

    def __init__(
        self,
        key: int,
        load_us: float = 0.0,
        count: int = 0,
        most: int = 1,
        *,
        worker: str = "",
        kind: str = GENERAL,
        offers: frozenset[str] = NOTHING,
        streams: int = 1,
        side_by_side: bool = False,
        fresh: bool = False,
    ) -> None:
        super().__init__(key, load_us, count, most)
        self.worker = worker or str(key)
        self.kind, self.offers, self.streams = kind, offers, streams
        self.side_by_side = side_by_side
        """It holds async jobs, which run at the same time; then it takes no other."""
        self.fresh = fresh
        """No job ever began in it."""
        self.sealed = False
        """It was given a job that has its process for itself."""

    def room(self, ahead_us: float) -> bool:
        """Whether there may be anything that it takes."""
        if self.side_by_side:
            return self.count < min(self.streams, self.most)
        return self.count < self.most and (not self.count or self.load_us < ahead_us or takes_one(self, 0.0))

    def suits(self, call: Call, *, blocking_elsewhere: bool = False) -> bool:
        """Whether it is the right sort of worker for the job, however much it holds."""
        if not call.requires <= self.offers:
            return False
        keeps_streams = self.side_by_side or (blocking_elsewhere and not call.requires)
        return call.alone or call.is_async or self.streams == 1 or not keeps_streams

    def takes(self, call: Call, ahead_us: float, *, blocking_elsewhere: bool = False) -> bool:
        """Whether the job may be handed to it now.

        `blocking_elsewhere`: jobs that block have other workers here, so one with streams keeps them for async jobs.
        """
        if not self.suits(call, blocking_elsewhere=blocking_elsewhere):
            return False
        if call.alone:
            return self.fresh and not self.count and self.most > 0
        if self.streams > 1 and call.is_async:
            return (self.side_by_side or not self.count) and self.count < min(self.streams, self.most)
        expected = ahead_us if call.cost is None else call.cost
        if self.count and self.load_us + expected > ahead_us and (call.cost is None or not takes_one(self, call.cost)):
            return False
        return self.count < self.most

    def take(self, index: int, call: Call, ahead_us: float) -> None:
        """Note that it gets the job with this index."""
        self.taken.append(index)
        self.count += 1
        self.load_us += ahead_us if call.cost is None else call.cost
        if call.is_async and self.streams > 1:
            self.side_by_side = True
        if call.alone:
            self.sealed, self.most = True, 0
        self.fresh = False
