"""Rows that somebody else's open transaction holds locked. PostgreSQL only: SQLite locks the whole file or nothing."""

from collections.abc import Sequence

from pool.store.database import Database

LOCK_TIMEOUT = "55P03"

LOCK_FREE = "SELECT id::text FROM pool_job WHERE id = ANY(%s::uuid[]) FOR UPDATE SKIP LOCKED"
EXISTING = "SELECT id::text FROM pool_job WHERE id = ANY(%s::uuid[])"


def is_lock_timeout(error: Exception) -> bool:
    """Whether a statement gave up waiting for a lock."""
    return getattr(error.__cause__, "sqlstate", None) == LOCK_TIMEOUT


def locked_by_others(db: Database, jobs: Sequence[str]) -> frozenset[str]:
    """Lock those of the jobs that are free, in the caller's transaction; the ids of the others that exist."""
    if db.is_sqlite or not jobs:
        return frozenset()
    free = {job for (job,) in db.execute(LOCK_FREE, (list(jobs),)).fetchall()}
    missing = [job for job in jobs if job not in free]
    return frozenset(job for (job,) in db.execute(EXISTING, (missing,)).fetchall()) if missing else frozenset()
