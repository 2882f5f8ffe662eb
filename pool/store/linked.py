"""Write new jobs that are tied to others: parents, callbacks, a batch, a unique key, a limit key.

Called in the enqueuing process, over Django's own connection. Whatever one call brings is one transaction: the jobs,
what they wait for, their batch and their keys. Nothing of the parents is locked or changed.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.db import connections, transaction

from pool import failpoints
from pool.domain.states import JobStatus
from pool.store import unique
from pool.store.admission import admitted
from pool.store.callers import ring_after_commit, told_when_unmigrated
from pool.store.new_job import (
    COLUMNS,
    TIES,
    LinkedJob,
    NewBatch,
    NewJob,
    as_text,
    insert_statement,
    postgres_values,
    sqlite_values,
    values_of_ties,
)
from pool.store.ties import Stands, Tie, Tied, find_ties

ALL_COLUMNS = f"{COLUMNS}, {TIES}"
INSERT_JOB = insert_statement(ALL_COLUMNS)
COPY_JOBS = f"COPY pool_job ({ALL_COLUMNS}) FROM STDIN"
NO_TIES = (None, 0, "", "", None, None)

INSERT_TALLY = "INSERT INTO pool_tally (queue, submitted, pending, scheduled, blocked) VALUES (%s, %s, %s, %s, %s)"
COUNTED = (JobStatus.PENDING, JobStatus.SCHEDULED, JobStatus.BLOCKED)

DEPENDENCY = "child, parent, wants, met, fresh"
INSERT_DEPENDENCY = f"INSERT INTO pool_jobdependency ({DEPENDENCY}) VALUES (%s, %s, %s, %s, %s)"
COPY_DEPENDENCIES = f"COPY pool_jobdependency ({DEPENDENCY}) FROM STDIN"
FEW = 20
"""From so many rows on, COPY is the quicker way."""

Ask = Callable[[Any, bool, Sequence[unique.Wanted], datetime], Stands]
"""To take the keys, or only to look at them."""

INSERT_BATCH = """INSERT INTO pool_batch (id, name, total, created_at, finished_at, created_by)
VALUES (%s, %s, %s, %s, %s, %s)"""


def enqueue_linked(alias: str, rows: Sequence[NewJob], batch: NewBatch | None = None) -> list[UUID]:
    """Store jobs, with their callbacks and their batch; return of each row the id of the job that stands for it.

    That is another one where the row's unique key is held: then nothing of it is stored. Raises UnknownParent.
    """
    connection = connections[alias]
    is_postgres = connection.vendor == "postgresql"
    roots = [*rows, *(batch.callbacks if batch else ())]
    with told_when_unmigrated(alias):
        with connection.cursor() as cursor:
            tied = find_ties(cursor, is_postgres, list(_with_callbacks(roots)), batch, {})
        tied = _admitted(alias, tied, roots)
        with transaction.atomic(using=alias, savepoint=False), connection.cursor() as cursor:
            stands = _go_through_keys(cursor, is_postgres, roots, unique.take)
            if stands:
                dropped = _dropped((row for row, _ in tied), stands)
                kept = [row for row, _ in tied if row.id not in dropped]
                tied = find_ties(cursor, is_postgres, kept, batch, stands)
            _Writer(cursor, is_postgres).write(tied, batch)
            ring_after_commit(alias)
            failpoints.hit("before_enqueue_commit")
    return [stands.get(row.id, row.id) for row in rows]


def _with_callbacks(rows: Iterable[NewJob]) -> Iterator[NewJob]:
    """The jobs, each before those that wait for it."""
    for row in rows:
        yield row
        if isinstance(row, LinkedJob):
            yield from _with_callbacks(row.callbacks)


def _admitted(alias: str, tied: Sequence[Tied], roots: Sequence[NewJob]) -> list[Tied]:
    if not tied:
        return []
    have_keys = any(isinstance(job, LinkedJob) and job.unique is not None for job, _ in tied)
    jobs = admitted(alias, [job for job, _ in tied], partial(_duplicates, alias, roots) if have_keys else None)
    return [(job, ties) for job, (_, ties) in zip(jobs, tied, strict=True)]


def _duplicates(alias: str, roots: Sequence[NewJob]) -> set[UUID]:
    """Jobs that need no place because of others that hold their keys, with their callbacks.

    It is a look before the keys are taken: one whose holder ends in between comes in without a place.
    """
    connection = connections[alias]
    with connection.cursor() as cursor:
        stands = _go_through_keys(cursor, connection.vendor == "postgresql", roots, unique.held)
    return _dropped(_with_callbacks(roots), stands)


def _dropped(jobs: Iterable[NewJob], stands: Stands) -> set[UUID]:
    return {one.id for one in _with_callbacks(job for job in jobs if job.id in stands)}


def _go_through_keys(cursor: Any, is_postgres: bool, roots: Sequence[NewJob], ask: Ask) -> Stands:
    """Ask for the keys of the jobs, and then of the callbacks of those that got theirs; who stands for the others."""
    stands: dict[UUID, UUID] = {}
    # Those who got theirs are not stored yet, and to a look it seems that they were gone.
    taken: dict[str, UUID] = {}
    level = list(roots)
    while level:
        wanted = list(_wanted(level))
        stands |= {one.job: taken[one.key] for one in wanted if one.key in taken}
        if left := [one for one in wanted if one.key not in taken]:
            stands |= ask(cursor, is_postgres, left, level[0].created_at)
        taken |= {one.key: one.job for one in left if one.job not in stands}
        kept = [row for row in level if row.id not in stands]
        level = [one for row in kept if isinstance(row, LinkedJob) for one in row.callbacks]
    return stands


def _wanted(rows: Iterable[NewJob]) -> Iterator[unique.Wanted]:
    for row in rows:
        if isinstance(row, LinkedJob) and row.unique is not None:
            seconds = row.unique.seconds
            until = None if seconds is None else row.created_at + timedelta(seconds=seconds)
            yield unique.Wanted(row.unique.key, row.id, row.unique.scope.value, until)


class _Writer:
    """The statements, in the dialect of the cursor."""

    def __init__(self, cursor: Any, is_postgres: bool) -> None:
        self.cursor, self.is_postgres = cursor, is_postgres

    def write(self, tied: Sequence[Tied], batch: NewBatch | None) -> None:
        jobs = [job for job, _ in tied]
        if batch is not None:
            self._batch(batch, sum(isinstance(job, LinkedJob) and job.batch == batch.id for job in jobs))
        self._many(INSERT_JOB, COPY_JOBS, [self._values(job) for job in jobs])
        ties = [tie for _, some in tied for tie in some]
        self._many(INSERT_DEPENDENCY, COPY_DEPENDENCIES, [self._tie(tie) for tie in ties])
        self.cursor.executemany(INSERT_TALLY, list(_tallies(jobs)))

    def _many(self, insert: str, copy_in: str, rows: list[tuple[Any, ...]]) -> None:
        if not rows:
            return
        if not self.is_postgres or len(rows) < FEW:
            self.cursor.executemany(insert, rows)
            return
        with self.cursor.copy(copy_in) as copy:
            for row in rows:
                copy.write_row(row)

    def _batch(self, batch: NewBatch, total: int) -> None:
        made = self._at(batch.created_at)
        ended = None if total else made
        self.cursor.execute(INSERT_BATCH, (self._id(batch.id), batch.name, total, made, ended, batch.created_by))

    def _tie(self, tie: Tie) -> tuple[Any, ...]:
        return self._id(tie.child), self._id(tie.parent), tie.wants.value, tie.met, tie.fresh

    def _values(self, job: NewJob) -> tuple[Any, ...]:
        values = postgres_values(job) if self.is_postgres else sqlite_values(job)
        ties = values_of_ties(job, is_postgres=self.is_postgres) if isinstance(job, LinkedJob) else NO_TIES
        return (*values, *ties)

    def _id(self, id: UUID) -> Any:
        return id if self.is_postgres else id.hex

    def _at(self, at: datetime) -> Any:
        return at if self.is_postgres else as_text(at)


def _tallies(jobs: Iterable[NewJob]) -> Iterator[tuple[Any, ...]]:
    counts = Counter((job.queue, job.status) for job in jobs)
    for queue in sorted({queue for queue, _ in counts}):
        waiting = [counts[queue, status] for status in COUNTED]
        yield queue, sum(waiting), *waiting
