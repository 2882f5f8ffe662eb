"""Jobs whose time has come move from SCHEDULED to PENDING. They stay out of the claim's index until then."""

from pool.store.database import Database, seconds
from pool.store.deltas import Deltas
from pool.store.rank import Woken, give_ranks

BATCH = 2000

SQLITE_PROMOTE = """UPDATE pool_job SET status = 'PENDING', "rank" = 0 WHERE +status = 'SCHEDULED' AND id IN (
SELECT id FROM pool_job WHERE status = 'SCHEDULED' AND run_at <= ? ORDER BY run_at LIMIT ?)
RETURNING id, queue, priority, tenant, attempts > 0 OR limit_key > ''"""

POSTGRES_PROMOTE = """WITH due AS MATERIALIZED (
  SELECT id FROM pool_job WHERE status = 'SCHEDULED' AND run_at <= %s ORDER BY run_at LIMIT %s FOR UPDATE SKIP LOCKED)
UPDATE pool_job j SET status = 'PENDING', rank = 0 FROM due WHERE j.id = due.id AND j.status || '' = 'SCHEDULED'
RETURNING j.id, j.queue, j.priority, j.tenant, j.attempts > 0 OR j.limit_key > ''"""

SQLITE_EARLIER = """UPDATE pool_job SET run_at = strftime('%Y-%m-%d %H:%M:%f', run_at, ?) || '000'
WHERE status = 'SCHEDULED' AND epoch > 0"""
POSTGRES_EARLIER = """UPDATE pool_job SET run_at = run_at - make_interval(secs => %s)
WHERE status = 'SCHEDULED' AND epoch > 0"""

SQLITE_NEXT = f"SELECT {seconds('min(run_at)')} FROM pool_job WHERE status = 'SCHEDULED'"
POSTGRES_NEXT = "SELECT extract(epoch from min(run_at))::float8 FROM pool_job WHERE status = 'SCHEDULED'"


def promote(db: Database, now: float, deltas: Deltas) -> int:
    """Move up to BATCH due jobs, in the caller's transaction; how many moved."""
    statement = SQLITE_PROMOTE if db.is_sqlite else POSTGRES_PROMOTE
    woken = [Woken(*row) for row in db.raw.execute(statement, (db.at(now), BATCH)).fetchall()]
    for job in woken:
        deltas.add(job.queue, scheduled=-1, pending=1)
    give_ranks(db, woken)
    return len(woken)


def bring_forward(db: Database, seconds: float) -> int:
    """Let jobs that were claimed before wait no longer because the clock was set back by so much; how many.

    What they wait for is a pause, by the clock as it was. A job that was never claimed waits for a point in time.
    Where several nodes share the database each does this: then some of the pauses are shorter.
    """
    if db.is_sqlite:
        return int(db.raw.execute(SQLITE_EARLIER, (f"-{seconds:.3f} seconds",)).rowcount)
    return int(db.raw.execute(POSTGRES_EARLIER, (seconds,)).rowcount)


def next_due(db: Database) -> float | None:
    """When the next scheduled job is due, in seconds since 1970; None when there is none."""
    row = db.raw.execute(SQLITE_NEXT if db.is_sqlite else POSTGRES_NEXT).fetchone()
    return None if row is None or row[0] is None else float(row[0])
