"""Both clocks at one moment, and the way from the one to the other.

Whatever has a length goes by the monotonic clock. The wall clock says when things happened, and when the time of a
scheduled job has come: there all nodes on a database must agree, so it is the database's. It is asked once a second and
goes by the monotonic clock in between; while the host's own clock agrees with it, that one is taken as it is. The clock
of SQLite is the host's.
"""

import time
from typing import NamedTuple

from pool.store.database import ClockReading

AGREES_S = 0.1
"""Two clocks that differ by no more are the same."""

STEP_S = 1.0
"""A clock that was set back by less holds up nothing that anybody would notice."""


class Now(NamedTuple):
    """Monotonic seconds for deadlines, seconds since 1970 for rows."""

    mono: float
    wall: float

    def wall_of(self, mono_ns: int) -> float:
        """When a monotonic moment (nanoseconds) was, in seconds since 1970."""
        return self.wall + (mono_ns / 1e9 - self.mono)


class Clock:
    """The clocks of one process."""

    def __init__(self) -> None:
        self._ahead = time.time() - time.monotonic()
        """Of the wall clock, to the monotonic one."""
        self._was_compared = False
        self.set_back_s = 0.0
        """By so much the wall clock was set back, and what waits for a time that it had told has not heard of it."""

    def now(self) -> Now:
        mono = time.monotonic()
        return Now(mono, mono + self._ahead)

    def compare(self, reading: ClockReading) -> None:
        """Go by the database's clock from here on."""
        least, most = reading.told - reading.heard, reading.told - reading.asked
        own = time.time() - time.monotonic()
        agrees = least - AGREES_S <= own <= most + AGREES_S
        ahead = own if agrees else (least + most) / 2
        if self._was_compared and self._ahead - ahead > STEP_S:
            self.set_back_s += self._ahead - ahead
        self._ahead, self._was_compared = ahead, True
