"""How fast a socket may go, in both directions. Pure: `now` is monotonic seconds.

To a viewer: at most one message that it has not acknowledged. The server below never says that a reader does not read,
it piles up what was sent; so what a viewer has not asked for stays here, where a newer message replaces an older one.
From a viewer: so many messages at once, and so many a second.
"""

from dataclasses import dataclass


@dataclass(slots=True)
class Credit:
    """Leave to send one message, taken by sending it and given back by its acknowledgement."""

    unanswered: int | None = None
    """Number of the message that was sent and not acknowledged."""
    spent_at: float = 0.0

    @property
    def is_there(self) -> bool:
        return self.unanswered is None

    def spend(self, seq: int, now: float) -> None:
        self.unanswered, self.spent_at = seq, now

    def acknowledge(self, seq: int) -> None:
        """Hear that a message arrived. Another number than that of the message under way means nothing."""
        if seq == self.unanswered:
            self.unanswered = None

    def silent_s(self, now: float) -> float:
        """How long a message has been waiting to be acknowledged."""
        return 0.0 if self.unanswered is None else now - self.spent_at


@dataclass(slots=True)
class Inflow:
    """A bucket that fills by time and is emptied by messages."""

    left: float
    filled_at: float
    most: float
    per_s: float

    @classmethod
    def full(cls, now: float, most: float, per_s: float) -> "Inflow":
        return cls(most, now, most, per_s)

    def take(self, now: float) -> bool:
        """Take one message in; False when it is one too many."""
        self.left = min(self.most, self.left + (now - self.filled_at) * self.per_s)
        self.filled_at = now
        if self.left < 1:
            return False
        self.left -= 1
        return True
