"""How many starts a rate allows now: the token bucket of a queue or of a key. Pure; times are seconds since 1970.

A bucket fills at its rate up to its size, and each start takes one token out of it. Whoever applies it keeps tokens and
time in a row, and changes them in the transaction of the claim.
"""

import math
from dataclasses import dataclass

LEAST_RATE = 1e-9
"""Whatever stands in a row: less than one start in thirty years is none."""

STEP_S = 1.0
"""Clocks of nodes on one database differ by less: a time farther ahead is from before the clock was set back."""

EPSILON = 1e-6
"""So much may be lost when a time goes through a database."""


@dataclass(frozen=True, slots=True)
class Bucket:
    rate: float
    """Tokens in a second."""
    burst: float
    """Most tokens it holds; at least one, or nothing would ever start."""
    tokens: float
    at: float

    @property
    def ready(self) -> int:
        """Starts that it allows now."""
        return int(self.tokens + EPSILON)

    def take(self, starts: int) -> "Bucket":
        return Bucket(self.rate, self.burst, max(self.tokens - starts, 0.0), self.at)

    def wait_s(self, starts: int = 1) -> float:
        """How long until it allows so many."""
        return max(starts - self.tokens, 0.0) / self.rate


def filled(rate: float, burst: float | None, tokens: float, at: float | None, now: float) -> Bucket:
    """The bucket as it is now. A new one is full; a clock that stepped back fills nothing, and goes on from there."""
    rate = max(rate, LEAST_RATE)
    size = max(rate if burst is None else burst, 1.0)
    if at is None:
        return Bucket(rate, size, size, now)
    if at > now + STEP_S:
        at = now
    return Bucket(rate, size, min(tokens + max(now - at, 0.0) * rate, size), max(now, at))


def open_s(rate: float, tokens: float, at: float | None, now: float) -> float:
    """For how long a bucket has had a start to give; below 0: until it has one. Infinite where it never lacked one."""
    if at is None or tokens + EPSILON >= 1:
        return math.inf
    return max(now - at, 0.0) - (1 - tokens) / max(rate, LEAST_RATE)
