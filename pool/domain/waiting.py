"""What decides when a waiting job starts, as plain values: its own row, its queue, its key, its parents, the pool.

`pool.store.explain` reads them, `pool.domain.explaining` judges them. A part that is None was not looked at.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pool.domain.estimating import Rate
from pool.domain.states import JobStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFacts:
    """What a job's own row says."""

    status: JobStatus
    run_at: datetime
    task: str = ""
    queue: str = "default"
    started_at: datetime | None = None
    expires_at: datetime | None = None
    cancel_requested_at: datetime | None = None
    timeout: float | None = None
    worker: str = ""
    attempts: int = 0
    has_failed: bool = False
    """An attempt of it has failed since somebody last gave it a fresh budget."""
    is_unknown: bool = False
    """The last node that took it did not know its task."""
    tenant: str = ""
    requires: Sequence[str] = ()
    lacks: bool = False
    """It waits until a worker that offers what it requires has room."""
    waits_for: int = 0
    limit_key: str = ""
    limit_running: int | None = None
    limit_rate: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueFacts:
    paused: bool = False
    paused_at: datetime | None = None
    only: Sequence[str] = ()
    """The queues that the nodes of this project serve, when these are not all."""
    max_running: int | None = None
    executing: int = 0
    rate: float | None = None
    opens_at: datetime | None = None
    """When its rate lets the next job start; None: now."""
    max_waiting: int | None = None
    waiting: int = 0
    tight_at: float = 1.0


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """The limit key that the job carries."""

    executing: int = 0
    before: int | None = 0
    """Jobs of the key that wait before it; None: more than are counted."""
    opens_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Parent:
    """A job or batch whose end is waited for still."""

    id: str
    name: str = ""
    is_batch: bool = False
    status: JobStatus | None = None
    """None: it is gone."""
    wants: str = ""
    done: int | None = None
    total: int | None = None
    """Of a batch: its jobs, and how many of them have ended."""


@dataclass(frozen=True, slots=True)
class ParentFacts:
    done: int
    total: int
    unmet: Sequence[Parent] = ()
    """The first of them."""
    are_more: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolFacts:
    """The nodes that live, and their workers."""

    nodes: int = 0
    draining: int = 0
    problems: Sequence[tuple[str, str]] = ()
    """Host and sentence of each node that cannot work now."""
    workers: int | None = None
    """None: no node has told yet."""
    busy: int = 0
    idle: int = 0
    offers: Sequence[frozenset[str]] | None = None
    """What the workers offer, where the job requires something."""


@dataclass(frozen=True, slots=True)
class LineFacts:
    """The job's place among those of its queue that may start."""

    before: int | None = 0
    """None: more than are counted."""
    own: int | None = 0
    """Of its own tenant, where tenants take turns."""
    weight: float = 1.0
    rate: Rate | None = None


@dataclass(frozen=True, slots=True)
class HolderFacts:
    """The node that has the job in hand."""

    host: str = ""
    silent_since: datetime | None = None
    given_up_at: datetime | None = None
    """When the others take it for lost."""


@dataclass(frozen=True, slots=True)
class Facts:
    now: datetime
    job: JobFacts
    queue: QueueFacts | None = None
    key: KeyFacts | None = None
    parents: ParentFacts | None = None
    pool: PoolFacts | None = None
    line: LineFacts | None = None
    holder: HolderFacts | None = None
