"""When a worker is short of memory: near its limit, and until it is well below it again.

Pure. Before the limit it is asked to free what it can; beyond it, `pool.domain.recycling` replaces it after its job.
"""

from dataclasses import dataclass
from enum import Enum, auto

PRESSED_AT = 0.9
EASED_AT = 0.8
"""It is well again below this, so that it is not told at every breath."""
FREE_AGAIN_S = 10.0
"""Between two times that a worker under pressure is asked to free memory."""


class Need(Enum):
    NOTHING = auto()
    FREE = auto()
    """Ask again, tell nobody."""
    TELL_AND_FREE = auto()


@dataclass(slots=True)
class Pressure:
    """One worker's. Time is monotonic seconds."""

    is_pressed: bool = False
    asked_at: float = 0.0
    share: float = 0.0

    def look(self, used: int | None, limit: int, now: float) -> Need:
        """Judge what it uses of what it may, in bytes; no limit is no pressure."""
        share = share_of(used, limit)
        self.share = round(share, 2)
        was_pressed = self.is_pressed
        self.is_pressed = share > (EASED_AT if was_pressed else PRESSED_AT)
        if not self.is_pressed or (was_pressed and now - self.asked_at < FREE_AGAIN_S):
            return Need.NOTHING
        self.asked_at = now
        return Need.FREE if was_pressed else Need.TELL_AND_FREE


def share_of(used: int | None, limit: int) -> float:
    """What is used of a limit, 0 where nothing is known or limited."""
    return used / limit if used is not None and limit > 0 else 0.0
