"""What a turn of the node asks of its database, and what it brings. Plain values.

`pool.engine.agenda` and `pool.engine.reporting` ask, `pool.engine.ledger` runs the transaction and answers.
"""

from dataclasses import dataclass, field
from typing import Any

from pool.domain.jobs import ClaimedJob
from pool.domain.states import NodeState
from pool.store import tally
from pool.store.database import ClockReading
from pool.store.dependencies import Followed
from pool.store.nodes import WorkerRow
from pool.store.record import Recorded


@dataclass(slots=True)
class Report:
    """What the node writes once a second beside its jobs."""

    at: float
    data: dict[str, Any]
    histograms: dict[str, Any]
    workers: list[WorkerRow]
    state: NodeState
    size: int
    problem: str


@dataclass(slots=True)
class Wanted:
    """What this turn asks of the database."""

    jobs: int = 0
    promote: bool = False
    discover: bool = False
    fold: bool = False
    report: Report | None = None
    rooms: list[tuple[str, int]] = field(default_factory=list)
    """For jobs that wait for a capable worker: under which key, and how many have room."""
    set_back_s: float = 0.0
    """By so much the wall clock was set back."""

    def __bool__(self) -> bool:
        asks = self.jobs or self.promote or self.discover or self.fold or self.rooms
        return bool(asks or self.report or self.set_back_s)


@dataclass(slots=True)
class Answer:
    """What this turn brought."""

    claimed: list[ClaimedJob] = field(default_factory=list)
    passed_by: bool = False
    """There are further jobs, which somebody holds locked just now."""
    held_back: bool = False
    """There are further jobs, which may start when others of their queue have ended."""
    again_s: float | None = None
    """There are further jobs, of which one may start in so long."""
    delayed: bool = False
    """Claimed jobs were put off to a time that nobody knows of yet."""
    woken: int = 0
    """Jobs that waited for others, and may start now."""
    waiting: dict[str, str] = field(default_factory=dict)
    """Keys under which jobs wait for a capable worker, with what they require as JSON."""
    emptied: list[str] = field(default_factory=list)
    """Keys under which no job waits any more."""
    met_others: bool = False
    """Somebody else was writing when it was to begin."""
    recorded: Recorded = field(default_factory=Recorded)
    followed: Followed = field(default_factory=Followed)
    folded: tally.Folded = field(default_factory=tally.Folded)
    next_due: float | None = None
    clock: ClockReading | None = None
    renewed: bool = False
    """The lease was renewed with the report."""
    unreleased: int = 0
    """Jobs that somebody holds locked, of those that a failed transaction left leased to this node."""
    looked_ahead: bool = False
