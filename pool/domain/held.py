"""What of waiting jobs is held by a limit that somebody set for their queue. Pure; part of judging the pool's health.

A job that waits for its turn under a limit is where its owner wants it: nothing is wrong with the pool, and more
workers would change nothing. Jobs of paused queues, and those held by a key's limit, are not among these at all.
"""

import math
from dataclasses import dataclass

from pool.domain.token_bucket import LEAST_RATE
from pool.domain.wording import milliseconds, number

HANDED_ON_S = 5.0
"""A start that a rate allows is taken within this time, unless something else holds the job."""


@dataclass(frozen=True, slots=True)
class Line:
    """The jobs of an open queue that may start, as far as they themselves go."""

    age_s: float
    """For how long the oldest has waited."""
    open_s: float = math.inf
    """For how long its queue's rate has let it start; at most 0: it does not."""
    limit: str = ""
    """What of its queue holds it, as the end of a sentence; empty: no limit does."""

    @property
    def vain_s(self) -> float:
        """For how long it has waited though it might have started."""
        return 0.0 if self.limit else max(min(self.age_s, self.open_s), 0.0)


def line(age_s: float, executing: int, max_running: int | None, rate: float | None, open_s: float) -> Line:
    """Judge a queue: `executing` are its jobs that run now, `open_s` as its bucket tells."""
    if max_running is not None and executing >= max_running:
        return Line(age_s, 0.0, _running(max_running))
    if rate is not None and open_s < HANDED_ON_S:
        return Line(age_s, open_s, _rate(rate))
    return Line(age_s, open_s)


def _running(most: int) -> str:
    return f"its limit max_running {most} lets {'one' if most == 1 else number(most)} at a time"


def _rate(rate: float) -> str:
    if rate > 1:
        return f"its limit rate {rate:g} lets {rate:g} start in a second"
    return f"its limit rate {rate:g} lets one start every {milliseconds(1000 / max(rate, LEAST_RATE))}"
