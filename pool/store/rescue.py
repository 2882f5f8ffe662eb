"""Give back the jobs of a node that is gone, and those this node holds by the database but not in memory.

A job that certainly never began goes back with its attempt refunded; any other counts as lost.
"""

from collections.abc import Collection

from pool.domain.errors import AttemptLost, NodeLost
from pool.domain.jobs import ClaimedJob, Ended, Failure, failure
from pool.domain.retry import Backoff
from pool.domain.states import Outcome
from pool.domain.verdict import judge
from pool.store.claim import POSTGRES_FIELDS, SQLITE_FIELDS
from pool.store.database import Database
from pool.store.deltas import Deltas
from pool.store.record import Recorded, Ruling, record

BATCH = 1000

SQLITE_HELD = f"""SELECT {SQLITE_FIELDS}, status, worker FROM pool_job WHERE status = 'ASSIGNED' AND node = ?
UNION ALL SELECT {SQLITE_FIELDS}, status, worker FROM pool_job WHERE status = 'RUNNING' AND node = ? LIMIT ?"""

POSTGRES_HELD = f"""SELECT {POSTGRES_FIELDS}, j.status, j.worker FROM pool_job j
WHERE j.node = %s AND (j.status = 'ASSIGNED' OR j.status = 'RUNNING') LIMIT %s"""

LOST, UNSURE = failure(NodeLost), failure(AttemptLost)


def held_by(db: Database, node: str, most: int = BATCH) -> list[tuple[ClaimedJob, str, str]]:
    """Jobs leased to the node by the database: each with its status and worker."""
    if db.is_sqlite:
        rows = db.raw.execute(SQLITE_HELD, (node, node, most)).fetchall()
    else:
        rows = db.raw.execute(POSTGRES_HELD, (node, most)).fetchall()
    return [(ClaimedJob(*row[:-2]), row[-2], row[-1]) for row in rows]


def rescue(
    db: Database, node: str, begun: Collection[str] | None, backoff: Backoff, deltas: Deltas, now: float
) -> Recorded:
    """Give back a batch of a lost node's jobs, in the caller's transaction.

    `begun` holds the ids (without hyphens) of jobs that may have begun, as its workers' slots tell; None when that is
    not known, and then every job counts as begun.
    """
    rulings: list[Ruling] = []
    for job, status, worker in held_by(db, node):
        began = status == "RUNNING" or begun is None or job.id.replace("-", "") in begun
        rulings.append(_given_back(job, worker, began, LOST, backoff, now))
    return record(db, node, rulings, deltas, careful=True)


def release_unheld(db: Database, node: str, held: Collection[str], backoff: Backoff, deltas: Deltas, now: float) -> int:
    """Give back what a failed transaction left leased to this living node although it does not hold it."""
    rulings = [
        _given_back(job, worker, status == "RUNNING", UNSURE, backoff, now)
        for job, status, worker in held_by(db, node, most=100_000)
        if job.id not in held
    ]
    return len(record(db, node, rulings, deltas, careful=True).written)


def _given_back(job: ClaimedJob, worker: str, began: bool, why: Failure, backoff: Backoff, now: float) -> Ruling:
    if began:
        ended = Ended(job, Outcome.LOST, worker, now, now, failure=why)
    else:
        ended = Ended(job, Outcome.INTERRUPTED, worker, None, now)
    return ended, judge(ended, backoff)
