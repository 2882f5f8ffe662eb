"""Write new jobs: hand-written inserts on Django's own connection, so that a job belongs to the caller's transaction.

Called by every process that enqueues. The job and one loose row of counters are appended in one transaction; no row
that somebody else writes is touched, so a slow transaction of one caller never holds up another. The nodes are woken
when the transaction commits, and never before.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any
from uuid import UUID

import msgspec
from django.db import OperationalError, ProgrammingError, connections, transaction

from pool import failpoints
from pool.domain.errors import NotReady
from pool.domain.states import JobStatus
from pool.store.doorbell import ring

BATCH = 10_000
"""Jobs in one transaction, when the caller has none open."""


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

    @property
    def status(self) -> JobStatus:
        return JobStatus.SCHEDULED if self.run_at > self.created_at else JobStatus.PENDING


COLUMNS = (
    "id, task, args, kwargs, queue, priority, max_attempts, timeout, created_at, run_at, expires_at, "
    "tenant, affinity, backoff, requires, metadata, tags, created_by, status"
)
_MARKS = ", ".join(["%s"] * (COLUMNS.count(",") + 1))

INSERT_JOB = f"INSERT INTO pool_job ({COLUMNS}) VALUES ({_MARKS})"
INSERT_TALLY = "INSERT INTO pool_tally (queue, submitted, pending, scheduled) VALUES (%s, %s, %s, %s)"
INSERT_BOTH = f"WITH tally AS ({INSERT_TALLY}) {INSERT_JOB}"
COPY_JOBS = f"COPY pool_job ({COLUMNS}) FROM STDIN"


def enqueue_row(alias: str, row: NewJob) -> None:
    """Store one job."""
    connection = connections[alias]
    with _told_when_unmigrated(alias):
        if connection.vendor == "postgresql":
            failpoints.hit("before_enqueue_commit")
            with connection.cursor() as cursor:
                cursor.execute(INSERT_BOTH, (*_tally_of(row), *_postgres_values(row)))
            _ring_after_commit(alias)
        else:
            with transaction.atomic(using=alias, savepoint=False), connection.cursor() as cursor:
                cursor.execute(INSERT_JOB, _sqlite_values(row))
                cursor.execute(INSERT_TALLY, _tally_of(row))
                _ring_after_commit(alias)
                failpoints.hit("before_enqueue_commit")


def enqueue_rows(alias: str, rows: Sequence[NewJob]) -> None:
    """Store many jobs, in the caller's transaction or in one of its own for each batch."""
    if len(rows) == 1:
        enqueue_row(alias, rows[0])
        return
    for start in range(0, len(rows), BATCH):
        _enqueue_batch(alias, rows[start : start + BATCH])


def _enqueue_batch(alias: str, rows: Sequence[NewJob]) -> None:
    connection = connections[alias]
    is_postgres = connection.vendor == "postgresql"
    # All values are made before the transaction begins: on SQLite it holds the one write lock.
    values = [(_postgres_values if is_postgres else _sqlite_values)(row) for row in rows]
    tallies = list(_tallies(rows))
    with (
        _told_when_unmigrated(alias),
        transaction.atomic(using=alias, savepoint=False),
        connection.cursor() as cursor,
    ):
        if is_postgres:
            _copy(cursor, values)
        else:
            cursor.executemany(INSERT_JOB, values)
        cursor.executemany(INSERT_TALLY, tallies)
        _ring_after_commit(alias)
        failpoints.hit("before_enqueue_commit")


def _copy(cursor: Any, values: Iterable[tuple[Any, ...]]) -> None:
    with cursor.copy(COPY_JOBS) as copy:
        for row in values:
            copy.write_row(row)


def _postgres_values(row: NewJob) -> tuple[Any, ...]:
    return (*msgspec.structs.astuple(row), row.status.value)


def _sqlite_values(row: NewJob) -> tuple[Any, ...]:
    values = msgspec.structs.astuple(row)
    created_at = _as_text(row.created_at)
    run_at = created_at if row.run_at is row.created_at else _as_text(row.run_at)
    expires_at = None if row.expires_at is None else _as_text(row.expires_at)
    return (row.id.hex, *values[1:8], created_at, run_at, expires_at, *values[11:], row.status.value)


def _as_text(at: datetime) -> str:
    """A time as Django's SQLite backend writes and reads it: UTC, without saying so."""
    at = at if at.tzinfo is UTC else at.astimezone(UTC)
    return at.isoformat(" ", "microseconds")[:26]


def _tally_of(row: NewJob) -> tuple[str, int, int, int]:
    is_pending = row.status is JobStatus.PENDING
    return row.queue, 1, int(is_pending), int(not is_pending)


def _tallies(rows: Iterable[NewJob]) -> Iterator[tuple[str, int, int, int]]:
    counts = Counter((row.queue, row.status) for row in rows)
    for queue in sorted({queue for queue, _ in counts}):
        pending, scheduled = counts[queue, JobStatus.PENDING], counts[queue, JobStatus.SCHEDULED]
        yield queue, pending + scheduled, pending, scheduled


@cache
def _bell(alias: str) -> partial[None]:
    return partial(_ring, alias)


def _ring(alias: str) -> None:
    failpoints.hit("after_enqueue_commit")
    ring(alias, "jobs")


def _ring_after_commit(alias: str) -> None:
    connection = connections[alias]
    # Under manual transaction management Django has no hook to give: the nodes' own poll finds the job.
    if connection.in_atomic_block or connection.get_autocommit():
        transaction.on_commit(_bell(alias), using=alias)


@contextmanager
def _told_when_unmigrated(alias: str) -> Iterator[None]:
    try:
        yield
    except (OperationalError, ProgrammingError) as error:
        if "pool_job" in str(error) and ("no such table" in str(error) or "does not exist" in str(error)):
            raise NotReady(
                f"The pool's tables are missing in the database {alias!r}: run manage.py migrate."
            ) from error
        raise
