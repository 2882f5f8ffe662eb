"""When a waiting job may start: from its place in the queue, and from what the pool ended of that queue of late. Pure.

An estimate says how sure it is, by how many jobs it was measured on, and whether it is a lower bound only. Where
nothing was measured there is none: a guess would look like a figure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from pool.domain.figures import NodeFigures

MOST_AHEAD: Final = 10_000
"""Jobs before another are counted up to here."""
WINDOW_S: Final = 60.0
"""Nodes count the jobs of each queue over so long."""
LONGEST_S: Final = 366 * 86_400.0
"""What takes longer is not worth a date."""


class Sure(StrEnum):
    """How much an estimate is worth."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


MANY, SOME = 100, 10
"""Jobs seen from which on an estimate is worth much, and something."""


@dataclass(frozen=True, slots=True)
class Rate:
    """How many jobs of a queue end in a second, and of how many that is known."""

    per_s: float
    jobs: int

    @property
    def sure(self) -> Sure:
        if self.jobs >= MANY:
            return Sure.HIGH
        return Sure.MEDIUM if self.jobs >= SOME else Sure.LOW


@dataclass(frozen=True, slots=True)
class Estimate:
    """When it may start. Nothing more urgent comes in meanwhile, and the pool goes on as it did."""

    at: datetime
    seconds: float
    at_least: bool = False
    """Not before then; how much later is not known."""
    sure: Sure | None = None
    rate: float | None = None
    """Jobs of its queue in a second, that it was made with."""


def measured(nodes: Sequence[NodeFigures], queue: str) -> Rate | None:
    """What the nodes ended of a queue lately; None when that was nothing, or is not known."""
    per_s, jobs = 0.0, 0
    for node in nodes:
        waited = node.part("queues")
        own = int((waited.get(queue) or {}).get("jobs") or 0)
        if not own:
            continue
        whole = sum(int(one.get("jobs") or 0) for one in waited.values())
        # The rate looks back ten seconds, so it follows a change; the window says what part of it is this queue's.
        lately = float(node.part("rates").get("throughput") or 0.0) * own / whole
        uptime = float(node.part("pool").get("uptime") or WINDOW_S)
        per_s += lately or own / max(min(uptime, WINDOW_S), 1.0)
        jobs += own
    return Rate(per_s, jobs) if jobs else None


def estimate(
    now: datetime,
    before: int | None,
    rate: Rate | None,
    *,
    limit: float | None = None,
    opens_at: datetime | None = None,
) -> Estimate | None:
    """Estimate the start of a job that so many come before; None for `before`: more than are counted.

    `limit` is the most starts in a second that its queue allows, `opens_at` when the next one is allowed.
    """
    jobs = MOST_AHEAD if before is None else before
    per_s = min((one for one in (rate.per_s if rate else None, limit) if one is not None), default=None)
    if per_s is None or per_s <= 0:
        return None
    first_s = 0.0 if opens_at is None else max((opens_at - now).total_seconds(), 0.0)
    seconds = first_s + jobs / per_s
    if seconds > LONGEST_S:
        return None
    is_least = before is None or rate is None
    sure = None if rate is None else rate.sure
    return Estimate(now + timedelta(seconds=seconds), seconds, is_least, sure, per_s)
