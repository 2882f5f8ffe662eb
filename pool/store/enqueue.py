"""Write new jobs: hand-written inserts on Django's own connection, so that a job belongs to the caller's transaction.

Called by every process that enqueues. The job and one loose row of counters are appended in one transaction; no row
that somebody else writes is touched, so a slow transaction of one caller never holds up another. The nodes are woken
when the transaction commits, and never before. Jobs with ties to others take the longer way of `pool.store.linked`.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter
from typing import Any
from uuid import UUID

from django.db import connections, transaction

from pool import failpoints
from pool.domain.states import JobStatus
from pool.store.admission import admitted
from pool.store.callers import ring_after_commit, told_when_unmigrated
from pool.store.linked import enqueue_linked
from pool.store.new_job import COLUMNS, LinkedJob, NewJob, insert_statement, postgres_values, sqlite_values

BATCH = 10_000
"""Jobs in one transaction, when the caller has none open."""

INSERT_JOB = insert_statement(COLUMNS)
INSERT_TALLY = "INSERT INTO pool_tally (queue, submitted, pending, scheduled) VALUES (%s, %s, %s, %s)"
INSERT_BOTH = f"WITH tally AS ({INSERT_TALLY}) {INSERT_JOB}"
_queue_and_status = attrgetter("queue", "status")
COPY_JOBS = f"COPY pool_job ({COLUMNS}) FROM STDIN"


def enqueue_row(alias: str, row: NewJob) -> UUID:
    """Store one job; the id of the job that stands for it, which is another one when its unique key is held."""
    if type(row) is LinkedJob:
        return enqueue_linked(alias, [row])[0]
    connection = connections[alias]
    with told_when_unmigrated(alias):
        (row,) = admitted(alias, (row,))
        if connection.vendor == "postgresql":
            failpoints.hit("before_enqueue_commit")
            with connection.cursor() as cursor:
                cursor.execute(INSERT_BOTH, (*_tally_of(row), *postgres_values(row)))
            ring_after_commit(alias)
        else:
            with transaction.atomic(using=alias, savepoint=False), connection.cursor() as cursor:
                cursor.execute(INSERT_JOB, sqlite_values(row))
                cursor.execute(INSERT_TALLY, _tally_of(row))
                ring_after_commit(alias)
                failpoints.hit("before_enqueue_commit")
    return row.id


def enqueue_rows(alias: str, rows: Sequence[NewJob]) -> list[UUID]:
    """Store many jobs, in the caller's transaction or in one of its own for each batch; the ids that stand for them."""
    if len(rows) == 1:
        return [enqueue_row(alias, rows[0])]
    if LinkedJob in map(type, rows):
        return enqueue_linked(alias, rows)
    for start in range(0, len(rows), BATCH):
        _enqueue_batch(alias, rows[start : start + BATCH])
    return [row.id for row in rows]


def _enqueue_batch(alias: str, rows: Sequence[NewJob]) -> None:
    connection = connections[alias]
    is_postgres = connection.vendor == "postgresql"
    with told_when_unmigrated(alias):
        rows = admitted(alias, rows)
    # SQLite's are made before the transaction begins, which holds the one write lock. PostgreSQL's are made while they
    # are sent: so many tuples at once would have Python look through the whole process for garbage.
    values = [] if is_postgres else [sqlite_values(row) for row in rows]
    tallies = list(_tallies(rows))
    with (
        told_when_unmigrated(alias),
        transaction.atomic(using=alias, savepoint=False),
        connection.cursor() as cursor,
    ):
        if is_postgres:
            _copy(cursor, map(postgres_values, rows))
        else:
            cursor.executemany(INSERT_JOB, values)
        cursor.executemany(INSERT_TALLY, tallies)
        ring_after_commit(alias)
        failpoints.hit("before_enqueue_commit")


def _copy(cursor: Any, values: Iterable[tuple[Any, ...]]) -> None:
    with cursor.copy(COPY_JOBS) as copy:
        for row in values:
            copy.write_row(row)


def _tally_of(row: NewJob) -> tuple[str, int, int, int]:
    is_pending = row.status is JobStatus.PENDING
    return row.queue, 1, int(is_pending), int(not is_pending)


def _tallies(rows: Iterable[NewJob]) -> Iterator[tuple[str, int, int, int]]:
    counts = Counter(map(_queue_and_status, rows))
    for queue in sorted({queue for queue, _ in counts}):
        pending, scheduled = counts[queue, JobStatus.PENDING], counts[queue, JobStatus.SCHEDULED]
        yield queue, pending + scheduled, pending, scheduled
