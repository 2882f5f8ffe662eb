"""Give back the jobs of a node that is gone, and those this node holds by the database but not in memory.

A job that certainly never began goes back with its attempt refunded, unless that has happened too often: then it may
be what ends its nodes, and becomes a dead letter. Any other job counts as lost.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from pool.domain.errors import AttemptLost, JobUndeliverable, NodeLost
from pool.domain.jobs import ClaimedJob, Ended, Failure, Verdict, failure
from pool.domain.retry import Backoff
from pool.domain.states import JobStatus, Outcome
from pool.domain.verdict import judge, undeliverable
from pool.store.claim import POSTGRES_FIELDS, SQLITE_FIELDS
from pool.store.database import Database, seconds
from pool.store.deltas import Deltas
from pool.store.locks import locked_by_others
from pool.store.record import Recorded, Ruling, record

BATCH = 1000

SQLITE_LEASE = f"{SQLITE_FIELDS}, status, worker, {seconds('started_at')}"
SQLITE_HELD = f"""SELECT {SQLITE_LEASE} FROM pool_job WHERE status = 'ASSIGNED' AND node = ?
UNION ALL SELECT {SQLITE_LEASE} FROM pool_job WHERE status = 'RUNNING' AND node = ? LIMIT ?"""

POSTGRES_HELD = f"""SELECT {POSTGRES_FIELDS}, j.status, j.worker, extract(epoch from j.started_at)::float8
FROM pool_job j WHERE j.node = %s AND (j.status = 'ASSIGNED' OR j.status = 'RUNNING') LIMIT %s"""

LOST, UNSURE, UNDELIVERABLE = failure(NodeLost), failure(AttemptLost), failure(JobUndeliverable)


@dataclass(frozen=True, slots=True)
class Lease:
    """A job as the database says that a node holds it. `started_at` is known once it is RUNNING."""

    job: ClaimedJob
    status: str
    worker: str
    started_at: float | None


def held_by(db: Database, node: str, most: int = BATCH) -> list[Lease]:
    """Jobs leased to the node by the database."""
    if db.is_sqlite:
        rows = db.raw.execute(SQLITE_HELD, (node, node, most)).fetchall()
    else:
        rows = db.raw.execute(POSTGRES_HELD, (node, most)).fetchall()
    return [Lease(ClaimedJob(*row[:-3]), *row[-3:]) for row in rows]


def rescue(
    db: Database,
    node: str,
    begun: Collection[tuple[str, int]] | None,
    backoff: Backoff,
    deltas: Deltas,
    now: float,
    *,
    pass_by: bool = False,
) -> Recorded:
    """Give back a batch of a lost node's jobs, in the caller's transaction.

    `begun` holds ids (without hyphens) and epochs of jobs that may have begun, as its workers' slots tell; None when
    that is not known, and then every job counts as begun. With `pass_by` rows that somebody holds locked are left, and
    counted, instead of waited for.
    """
    rulings: list[Ruling] = []
    leases, locked = _free(db, held_by(db, node), pass_by)
    for lease in leases:
        claim = lease.job.id.replace("-", ""), lease.job.epoch
        began = lease.status == "RUNNING" or begun is None or claim in begun
        rulings.append(_given_back(lease, began, LOST, backoff, now))
    return _record(db, node, rulings, deltas, locked)


def release_unheld(
    db: Database,
    node: str,
    held: Collection[tuple[str, int]],
    backoff: Backoff,
    deltas: Deltas,
    now: float,
    *,
    pass_by: bool = False,
) -> Recorded:
    """Give back what a failed transaction left leased to this living node although it does not hold it.

    `held` are ids with their epochs: a later claim of a job it still remembers is not the one it holds. `pass_by` as
    for a lost node.
    """
    leases = held_by(db, node, most=100_000)
    unheld = [lease for lease in leases if (lease.job.id, lease.job.epoch) not in held]
    unheld, locked = _free(db, unheld, pass_by)
    rulings = [_given_back(lease, lease.status == "RUNNING", UNSURE, backoff, now) for lease in unheld]
    return _record(db, node, rulings, deltas, locked)


def _free(db: Database, leases: list[Lease], pass_by: bool) -> tuple[list[Lease], int]:
    """Those to give back now, and how many others somebody holds locked."""
    locked = locked_by_others(db, [lease.job.id for lease in leases]) if pass_by else frozenset()
    return [lease for lease in leases if lease.job.id not in locked], len(locked)


def _record(db: Database, node: str, rulings: Sequence[Ruling], deltas: Deltas, locked: int) -> Recorded:
    recorded = record(db, node, rulings, deltas, careful=True)
    recorded.locked = locked
    return recorded


def _given_back(lease: Lease, began: bool, why: Failure, backoff: Backoff, now: float) -> Ruling:
    if began:
        started_at = now if lease.started_at is None else lease.started_at
        ended = Ended(lease.job, Outcome.LOST, lease.worker, started_at, now, failure=why)
    elif undeliverable(lease.job):
        ended = Ended(lease.job, Outcome.LOST, lease.worker, None, now, failure=UNDELIVERABLE)
        return ended, Verdict(JobStatus.FAILED, refund=True)
    else:
        ended = Ended(lease.job, Outcome.INTERRUPTED, lease.worker, None, now)
    return ended, judge(ended, backoff)
