"""Remove what is older than its retention, in small transactions. Rows that may still run are never touched.

Called by the clerk. A job goes with its attempts and logs, and with its place among the dead letters; a job that
somebody retries at that moment either goes or stays, whole.
"""

import json
from collections import Counter
from collections.abc import Callable

from pool.domain.config import PoolConfig
from pool.store import tally
from pool.store.database import Database

DOOMED = """SELECT id::text, queue, status IN ('FAILED', 'TIMEOUT') AND discarded_at IS NULL FROM pool_job
WHERE id < %s::uuid AND ((status IN ('COMPLETED', 'CANCELLED') AND finished_at < %s::timestamptz)
OR (status IN ('FAILED', 'TIMEOUT') AND (discarded_at < %s::timestamptz OR finished_at < %s::timestamptz)))
ORDER BY pool_job.id LIMIT %s"""

POSTGRES_LOCK = " FOR UPDATE SKIP LOCKED"

SQLITE_AMONG = "IN (SELECT value FROM json_each(%s))"
POSTGRES_AMONG = "= ANY(%s::uuid[])"

CHILDREN_FIRST = (
    "DELETE FROM pool_attempt WHERE job_id {among}",
    "DELETE FROM pool_joblog WHERE job_id {among}",
    "DELETE FROM pool_job WHERE id {among}",
)

EVENTS = """DELETE FROM pool_poolevent WHERE id IN (
SELECT id FROM pool_poolevent WHERE at < %s::timestamptz ORDER BY at LIMIT %s)"""

NODES = """DELETE FROM pool_node WHERE id IN (
SELECT id FROM pool_node WHERE stopped_at < %s::timestamptz AND state IN ('STOPPED', 'LOST')
AND NOT EXISTS (SELECT 1 FROM pool_job WHERE status = 'ASSIGNED' AND node = pool_node.id)
AND NOT EXISTS (SELECT 1 FROM pool_job WHERE status = 'RUNNING' AND node = pool_node.id) LIMIT %s)"""

MOST_BATCHES = 20
"""In one go; what is left waits for the next."""


def prune(db: Database, now: float, config: PoolConfig) -> int:
    """Delete finished jobs past their time, and old events and nodes; how many jobs."""
    batch, old = config.prune_batch, now - config.keep_events_s
    _in_batches(batch, lambda: _delete(db, EVENTS, old, batch))
    _in_batches(batch, lambda: _delete(db, NODES, old, batch))
    return _in_batches(batch, lambda: _prune_jobs(db, now, config))


def _in_batches(size: int, remove: Callable[[], int]) -> int:
    total = 0
    for _ in range(MOST_BATCHES):
        removed = remove()
        total += removed
        if removed < size:
            break
    return total


def _delete(db: Database, statement: str, before: float, most: int) -> int:
    with db.transaction():
        return int(db.execute(statement, (db.at(before), most)).rowcount)


def _prune_jobs(db: Database, now: float, config: PoolConfig) -> int:
    completed_before, dead_before = now - config.keep_completed_s, now - config.keep_dead_s
    # Ids begin with the time of creation, so the oldest are found without an index on the end.
    edge = _id_at(max(completed_before, dead_before))
    params = (edge, *map(db.at, (completed_before, completed_before, dead_before)), config.prune_batch)
    with db.transaction():
        doomed = db.execute(DOOMED if db.is_sqlite else DOOMED + POSTGRES_LOCK, params).fetchall()
        ids = [job for job, _, _ in doomed]
        if ids:
            _remove(db, ids)
            for queue, count in Counter(queue for _, queue, is_listed in doomed if is_listed).items():
                tally.loose(db, queue, dead=-count)
    return len(ids)


def _remove(db: Database, ids: list[str]) -> None:
    among, values = (SQLITE_AMONG, json.dumps(ids)) if db.is_sqlite else (POSTGRES_AMONG, ids)
    for statement in CHILDREN_FIRST:
        db.execute(statement.format(among=among), (values,))


def _id_at(at: float) -> str:
    """The smallest id of version 7 that could be made at this time, in the form both databases compare."""
    return f"{max(int(at * 1000), 0):012x}" + "0" * 20
