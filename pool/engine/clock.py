"""Both clocks at one moment, and the way from the one to the other."""

import time
from typing import NamedTuple


class Now(NamedTuple):
    """Monotonic seconds for deadlines, seconds since 1970 for rows."""

    mono: float
    wall: float

    def wall_of(self, mono_ns: int) -> float:
        """When a monotonic moment (nanoseconds) was, in seconds since 1970."""
        return self.wall + (mono_ns / 1e9 - self.mono)


def now() -> Now:
    return Now(time.monotonic(), time.time())
