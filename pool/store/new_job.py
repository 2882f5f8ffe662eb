"""A new job as a value: checked, and ready to be stored. And the columns it fills, for both databases.

Made by `pool.backend` in the enqueuing process, written by `pool.store.enqueue`. Most jobs are plain; one that is tied
to others (parents, callbacks, a batch, keys) is a LinkedJob, whose further columns only its own INSERT names.
"""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

import msgspec

from pool.domain.links import Unique
from pool.domain.states import JobStatus, ParentEnd


class NewJob(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A checked job, ready to be stored. JSON is text, times are aware; `run_at` is not before `created_at`."""

    id: UUID
    task: str
    args: str
    kwargs: str
    queue: str
    priority: int
    max_attempts: int
    timeout: float | None
    created_at: datetime
    run_at: datetime
    expires_at: datetime | None = None
    tenant: str = ""
    affinity: str = ""
    backoff: str | None = None
    requires: str | None = None
    metadata: str | None = None
    tags: str | None = None
    created_by: str = ""
    rank: int = 0
    """Its turn, which `pool.store.rank` gives it when it is stored."""

    @property
    def status(self) -> JobStatus:
        return JobStatus.SCHEDULED if self.run_at > self.created_at else JobStatus.PENDING


COLUMNS = (
    "id, task, args, kwargs, queue, priority, max_attempts, timeout, created_at, run_at, expires_at, "
    'tenant, affinity, backoff, requires, metadata, tags, created_by, "rank", status'
)
PLAIN = len(NewJob.__struct_fields__)


class Parent(msgspec.Struct, frozen=True, gc=False):
    """A job or batch that a job waits for, and which end of it."""

    id: UUID
    wants: ParentEnd


class LinkedJob(NewJob, frozen=True, kw_only=True):
    """A job with ties. Its callbacks are jobs that wait for it, and are stored with it."""

    batch: UUID | None = None
    waits_for: int = 0
    unique_key: str = ""
    limit_key: str = ""
    limit_running: int | None = None
    limit_rate: float | None = None

    unique: Unique | None = None
    parents: tuple[Parent, ...] = ()
    callbacks: tuple["LinkedJob", ...] = ()

    @property
    def status(self) -> JobStatus:
        if self.waits_for:
            return JobStatus.BLOCKED
        return JobStatus.SCHEDULED if self.run_at > self.created_at else JobStatus.PENDING


class NewBatch(msgspec.Struct, frozen=True, kw_only=True):
    """A batch, ready to be stored with its jobs. Its callbacks are jobs that wait for it."""

    id: UUID
    name: str
    created_at: datetime
    created_by: str = ""
    callbacks: tuple[LinkedJob, ...] = ()


TIES = "batch, waits_for, unique_key, limit_key, limit_running, limit_rate"
_TIED = PLAIN + TIES.count(",") + 1


def insert_statement(columns: str) -> str:
    return f"INSERT INTO pool_job ({columns}) VALUES ({', '.join(['%s'] * (columns.count(',') + 1))})"


def postgres_values(row: NewJob) -> tuple[Any, ...]:
    return (*msgspec.structs.astuple(row)[:PLAIN], row.status.value)


def sqlite_values(row: NewJob) -> tuple[Any, ...]:
    values = msgspec.structs.astuple(row)
    created_at = as_text(row.created_at)
    run_at = created_at if row.run_at is row.created_at else as_text(row.run_at)
    expires_at = None if row.expires_at is None else as_text(row.expires_at)
    return (row.id.hex, *values[1:8], created_at, run_at, expires_at, *values[11:PLAIN], row.status.value)


def values_of_ties(row: LinkedJob, *, is_postgres: bool) -> tuple[Any, ...]:
    batch, *rest = msgspec.structs.astuple(row)[PLAIN:_TIED]
    return (batch if is_postgres or batch is None else batch.hex, *rest)


def as_text(at: datetime) -> str:
    """A time as Django's SQLite backend writes and reads it: UTC, without saying so."""
    return _utc_as_text(at if at.tzinfo is UTC else at.astimezone(UTC))


@lru_cache(maxsize=64)
def _utc_as_text(at: datetime) -> str:
    """Jobs of one call share their time. In other zones two times of an hour that comes twice would count as one."""
    return at.isoformat(" ", "microseconds")[:26]
