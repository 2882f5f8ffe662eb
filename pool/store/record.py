"""Write how attempts ended: completed, tried again, dead, cancelled. Every write carries the epoch of its claim.

First successes, nearly all of what a pool does, go in one statement; everything else goes row by row with its attempt.
When a batch does not apply whole (a row was fenced, or the database refuses a value) `Redo` is raised: the caller rolls
back and records the same batch again with `careful=True`, where each row stands alone and a row that cannot be written
is recorded as failed instead.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from django.db import DataError, IntegrityError, InterfaceError, NotSupportedError, ProgrammingError

from pool.domain.errors import OutcomeRefused
from pool.domain.jobs import Ended, Failure, Verdict, failure
from pool.domain.states import DEAD_LETTERS, TERMINAL, JobStatus, Outcome
from pool.domain.verdict import uncancelled
from pool.store import batches, keys, shelf
from pool.store.database import Database
from pool.store.deltas import Deltas
from pool.store.dependencies import tell

DATA_ERRORS = (
    DataError,
    IntegrityError,
    InterfaceError,
    NotSupportedError,
    ProgrammingError,
    UnicodeError,
    OverflowError,
)

COUNTER = {
    JobStatus.COMPLETED: "completed",
    JobStatus.FAILED: "failed",
    JobStatus.TIMEOUT: "timeout",
    JobStatus.CANCELLED: "cancelled",
    JobStatus.PENDING: "pending",
    JobStatus.SCHEDULED: "scheduled",
    JobStatus.BLOCKED: "blocked",
}

SQLITE_COMPLETE = """UPDATE pool_job SET status = 'COMPLETED', worker = ?, started_at = ?, finished_at = ?, result = ?,
error = NULL, progress = CASE WHEN progress IS NULL THEN NULL ELSE 1.0 END
WHERE id = ? AND epoch = ? AND status IN ('ASSIGNED', 'RUNNING')"""

POSTGRES_COMPLETE = """UPDATE pool_job j SET status = 'COMPLETED', worker = v.worker, started_at = v.started_at,
finished_at = v.finished_at, result = v.result::jsonb, error = NULL,
progress = CASE WHEN progress IS NULL THEN NULL ELSE 1.0 END
FROM unnest(%s::text[], %s::timestamptz[], %s::timestamptz[], %s::text[], %s::uuid[], %s::int[])
  AS v(worker, started_at, finished_at, result, id, epoch)
WHERE j.id = v.id AND j.epoch = v.epoch AND j.status IN ('ASSIGNED', 'RUNNING')"""

MOVE = """UPDATE pool_job SET status = %s, worker = %s, started_at = %s::timestamptz, finished_at = %s::timestamptz,
run_at = coalesce(%s::timestamptz, run_at), result = %s::jsonb,
error = CASE WHEN %s::bool THEN NULL ELSE coalesce(%s::jsonb, error) END,
progress = CASE WHEN %s::bool THEN NULL WHEN progress IS NOT NULL AND %s::bool THEN 1.0 ELSE progress END,
progress_message = CASE WHEN %s::bool THEN '' ELSE progress_message END,
node = CASE WHEN %s::bool THEN '' ELSE node END,
usage = coalesce(%s::jsonb, usage), attempts = attempts - %s, interruptions = interruptions + %s, losses = losses + %s
WHERE id = %s::uuid AND epoch = %s AND status IN ('ASSIGNED', 'RUNNING') AND """

NOT_CANCELLED = "cancel_requested_at IS NULL"
CANCELLED = "cancel_requested_at IS NOT NULL"
ANY = "1 = 1"
UNBEGUN = " AND status = 'ASSIGNED'"
"""An attempt is refunded only while nothing says that it began."""

GUARD = {JobStatus.COMPLETED: ANY, JobStatus.CANCELLED: CANCELLED}
"""What a ruling asks of the row beside state and epoch; every other one gives way to a cancel."""

ATTEMPT = """INSERT INTO pool_attempt (job_id, epoch, number, outcome, node, worker, started_at, finished_at, cpu_ms,
peak_rss, error_type, error_message, traceback)
VALUES (%s::uuid, %s, %s, %s, %s, %s, %s::timestamptz, %s::timestamptz, %s, %s, %s, %s, %s)
ON CONFLICT (job_id, epoch) DO NOTHING"""


class Redo(Exception):
    """The batch must be recorded again, row by row."""


@dataclass(slots=True)
class Recorded:
    """What the database took: rulings in the order given, as they were written, and how many came too late."""

    written: list[tuple[Ended, JobStatus]] = field(default_factory=list)
    fenced: list[Ended] = field(default_factory=list)
    locked: int = 0
    """Jobs that were to be given back and were left, because somebody else holds their rows."""
    woken: int = 0
    """Other jobs that may start now, because these ended."""
    keys_missed: set[str] = field(default_factory=set)
    """Limit keys whose waiting jobs could not be woken, because another node has the key in hand."""
    has_followers: bool = False
    """Other jobs wait for these, or a batch counts them: `pool.store.dependencies.follow` goes on from here."""

    def statuses(self) -> Iterator[JobStatus]:
        """What the rows are now."""
        return (status for _, status in self.written)


Ruling = tuple[Ended, Verdict]


def record(db: Database, node: str, rulings: Sequence[Ruling], deltas: Deltas, *, careful: bool = False) -> Recorded:
    """Write a batch in the caller's transaction."""
    recorded = Recorded()
    quick: list[Ruling] = []
    others: list[Ruling] = []
    for ruling in rulings:
        (quick if not careful and _is_plain(ruling) else others).append(ruling)
    write = _write_alone if careful else _write_quickly
    if quick:
        _complete(db, [ended for ended, _ in quick])
        recorded.written += [(ended, JobStatus.COMPLETED) for ended, _ in quick]
        for queue, count in Counter([ended.job.queue for ended, _ in quick]).items():
            deltas.add(queue, executing=-count, completed=count)
    for ended, verdict in others:
        status = write(db, node, ended, verdict)
        if status is None:
            recorded.fenced.append(ended)
        else:
            recorded.written.append((ended, status))
            _count(deltas, ended, status)
    woken, recorded.keys_missed = keys.wake(db, keys.keys_of(ended.job for ended, _ in recorded.written), deltas)
    recorded.woken += woken
    recorded.has_followers = _tell_followers(db, recorded.written)
    return recorded


def _tell_followers(db: Database, written: Sequence[tuple[Ended, JobStatus]]) -> bool:
    if not written:
        return False
    told = tell(db, (ended.job.id for ended, status in written if status in TERMINAL))
    in_batches = ((ended.job.batch, status) for ended, status in written if ended.job.batch is not None)
    noted = batches.note(db, (one for one in in_batches if one[1] in TERMINAL))
    return bool(told or noted)


def _is_plain(ruling: Ruling) -> bool:
    return _is_first_success(*ruling) and ruling[0].usage is None


def _is_first_success(ended: Ended, verdict: Verdict) -> bool:
    return verdict.status is JobStatus.COMPLETED and ended.job.attempts == 1


def _complete(db: Database, endings: Sequence[Ended]) -> None:
    at = db.at
    rows = [(e.worker, at(e.started_at), at(e.finished_at), e.result, e.job.id, e.job.epoch) for e in endings]
    try:
        if db.is_sqlite:
            cursor = db.raw.executemany(SQLITE_COMPLETE, rows)
        else:
            cursor = db.raw.execute(POSTGRES_COMPLETE, [list(column) for column in zip(*rows, strict=True)])
    except DATA_ERRORS + _driver_data_errors(db) as error:
        raise Redo from error
    if cursor.rowcount != len(rows):
        raise Redo


def _write_quickly(db: Database, node: str, ended: Ended, verdict: Verdict) -> JobStatus | None:
    try:
        return _write(db, node, ended, verdict)
    except DATA_ERRORS + _driver_data_errors(db) as error:
        raise Redo from error


def _write_alone(db: Database, node: str, ended: Ended, verdict: Verdict) -> JobStatus | None:
    """Record one row so that nothing it holds can spoil its neighbours."""
    try:
        with db.savepoint("pool_row"):
            return _write(db, node, ended, verdict)
    except DATA_ERRORS + _driver_data_errors(db) as error:
        why = failure(OutcomeRefused, f"The database refused the outcome of the job: {type(error).__name__}.")
        plain = Ended(ended.job, Outcome.UNSERIALISABLE, "", ended.started_at, ended.finished_at, failure=why)
        return _write(db, node, plain, Verdict(JobStatus.FAILED))


def _write(db: Database, node: str, ended: Ended, verdict: Verdict) -> JobStatus | None:
    """Write one ruling; the status the row has now, or None when the row is no longer ours."""
    for way, outcome in _ways(ended, verdict):
        if _move(db, ended, way):
            if way.lacks:
                shelf.mark(db, ended.job.id, way.lacks)
            if not (way.refund or _is_first_success(ended, way)):
                _keep_attempt(db, node, ended, outcome)
            return way.status
    return None


def _ways(ended: Ended, verdict: Verdict) -> Iterator[tuple[Verdict, Outcome]]:
    """What the row may take, first to last: only the row knows whether somebody wants to cancel the job."""
    yield verdict, ended.outcome
    if verdict.status is JobStatus.COMPLETED:
        return
    if verdict.status is JobStatus.CANCELLED:
        # Cancelled, and retried by hand before its node forgot of the cancel.
        yield uncancelled(ended), Outcome.INTERRUPTED
    yield msgspec.structs.replace(verdict, status=JobStatus.CANCELLED), Outcome.CANCELLED


def _move(db: Database, ended: Ended, verdict: Verdict) -> bool:
    status = verdict.status
    terminal = status in TERMINAL
    at, job = db.at, ended.job
    again_at = None if terminal or (verdict.refund and not verdict.delay_s) else ended.finished_at + verdict.delay_s
    completed = status is JobStatus.COMPLETED
    began = terminal and ended.started_at is not None
    cursor = db.execute(
        MOVE + GUARD.get(status, NOT_CANCELLED) + (UNBEGUN if verdict.refund else ""),
        (
            status,
            ended.worker if terminal else "",
            at(ended.started_at) if began else None,
            at(ended.finished_at) if terminal else None,
            None if again_at is None else at(again_at),
            ended.result if completed else None,
            completed,
            _error_json(ended.failure),
            not terminal,
            completed,
            not terminal,
            not terminal,
            ended.usage,
            int(verdict.refund),
            int(verdict.interrupted),
            int(verdict.lost),
            job.id,
            job.epoch,
        ),
    )
    return bool(cursor.rowcount)


def _keep_attempt(db: Database, node: str, ended: Ended, outcome: Outcome) -> None:
    why = ended.failure or Failure("", "")
    db.execute(
        ATTEMPT,
        (
            ended.job.id,
            ended.job.epoch,
            ended.job.attempts,
            outcome,
            node,
            ended.worker,
            None if ended.started_at is None else db.at(ended.started_at),
            db.at(ended.finished_at),
            ended.cpu_ms,
            ended.peak_rss,
            why.type[:200],
            why.message,
            why.traceback,
        ),
    )


def _count(deltas: Deltas, ended: Ended, status: JobStatus) -> None:
    changes = {"executing": -1, COUNTER[status]: 1}
    if status in DEAD_LETTERS:
        changes["dead"] = 1
    elif status not in TERMINAL and ended.started_at is not None:
        changes["retried"] = 1
    deltas.add(ended.job.queue, **changes)


def _error_json(failure: Failure | None) -> str | None:
    if failure is None:
        return None
    import json

    return json.dumps({"type": failure.type, "message": failure.message, "traceback": failure.traceback})


def _driver_data_errors(db: Database) -> tuple[Any, ...]:
    if db.is_sqlite:
        import sqlite3

        return (sqlite3.DataError, sqlite3.IntegrityError, sqlite3.InterfaceError, sqlite3.ProgrammingError)
    import psycopg

    return (psycopg.DataError, psycopg.IntegrityError, psycopg.ProgrammingError)
