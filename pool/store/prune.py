"""Remove what is older than its retention, in small transactions. Rows that may still run are never touched."""

from pool.domain.config import PoolConfig
from pool.store.database import Database

DOOMED = """SELECT id::text FROM pool_job
WHERE id < %s::uuid AND ((status IN ('COMPLETED', 'CANCELLED') AND finished_at < %s::timestamptz)
OR (status IN ('FAILED', 'TIMEOUT') AND finished_at < %s::timestamptz)) ORDER BY id LIMIT %s"""

MOST_BATCHES = 20
"""In one go; what is left waits for the next."""


def prune(db: Database, now: float, config: PoolConfig) -> int:
    """Delete finished jobs past their time with their attempts and logs, and old events; how many jobs."""
    total = 0
    for _ in range(MOST_BATCHES):
        removed = _prune_batch(db, now, config)
        total += removed
        if removed < config.prune_batch:
            break
    with db.transaction():
        db.execute("DELETE FROM pool_poolevent WHERE at < %s::timestamptz", (db.at(now - config.keep_events_s),))
    return total


def _prune_batch(db: Database, now: float, config: PoolConfig) -> int:
    completed_before, dead_before = now - config.keep_completed_s, now - config.keep_dead_s
    with db.transaction():
        # Ids begin with the time of creation, so the oldest are found without an index on the end.
        edge = _id_at(max(completed_before, dead_before))
        params = (edge, db.at(completed_before), db.at(dead_before), config.prune_batch)
        ids = [job for (job,) in db.execute(DOOMED, params).fetchall()]
        if ids:
            marks = ", ".join(["%s::uuid"] * len(ids))
            for statement in (
                f"DELETE FROM pool_attempt WHERE job_id IN ({marks})",
                f"DELETE FROM pool_joblog WHERE job_id IN ({marks})",
                f"DELETE FROM pool_job WHERE id IN ({marks})",
            ):
                db.execute(statement, ids)
    return len(ids)


def _id_at(at: float) -> str:
    """The smallest id of version 7 that could be made at this time, in the form both databases compare."""
    return f"{max(int(at * 1000), 0):012x}" + "0" * 20
