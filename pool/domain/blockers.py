"""What may stand between a job and its start, and what is said of it. Pure values, for people and for programs.

A sentence names no time that goes by: it stands in `since` and `until`, and whoever shows it puts it into the reader's
words.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from pool.domain.estimating import Estimate
from pool.domain.waiting import ParentFacts


class Code(StrEnum):
    """What may stand between a job and its start, for programs."""

    EXPIRED = "expired"
    SCHEDULED = "scheduled"
    RETRY = "retry"
    UNKNOWN_TASK = "unknown_task"
    PARENTS = "parents"
    KEY_RUNNING = "key_running"
    KEY_RATE = "key_rate"
    CAPABLE_BUSY = "capable_busy"
    NOT_CAPABLE = "not_capable"
    QUEUE_PAUSED = "queue_paused"
    QUEUE_NOT_SERVED = "queue_not_served"
    NO_NODE = "no_node"
    DRAINING = "draining"
    NODE_PROBLEM = "node_problem"
    NO_WORKER = "no_worker"
    QUEUE_RUNNING = "queue_running"
    QUEUE_RATE = "queue_rate"
    PLACE = "place"
    TENANT_TURN = "tenant_turn"
    WORKERS_BUSY = "workers_busy"
    HELD = "held"
    HOLDER_SILENT = "holder_silent"
    BACKPRESSURE = "backpressure"
    EXPIRES = "expires"
    CANCELLING = "cancelling"
    RUNNING = "running"


STOPPING: Final = frozenset({
    Code.EXPIRED, Code.UNKNOWN_TASK, Code.PARENTS, Code.NOT_CAPABLE, Code.CAPABLE_BUSY, Code.QUEUE_PAUSED,
    Code.QUEUE_NOT_SERVED, Code.NO_NODE, Code.DRAINING, Code.NODE_PROBLEM, Code.NO_WORKER, Code.QUEUE_RUNNING,
    Code.KEY_RUNNING, Code.CANCELLING,
})  # fmt: skip
"""What ends at no time that could be told: with one of these nobody knows when the job starts."""


@dataclass(frozen=True, slots=True)
class Blocker:
    """One thing to know about a job's start."""

    code: Code
    sentence: str
    subject: str = ""
    """The queue, key, task, tenant, worker or host that it is about."""
    since: datetime | None = None
    until: datetime | None = None
    blocks: bool = True
    """It stands in the way; else it is only good to know."""


@dataclass(frozen=True, slots=True)
class Explanation:
    summary: str
    blockers: Sequence[Blocker]
    """Most important first."""
    estimate: Estimate | None = None
    before: int | None = None
    """Jobs of its queue that come first; None: not in line, or more than are counted."""
    more_before: bool = False
    parents: ParentFacts | None = None
