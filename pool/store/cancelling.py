"""Cancels that a node has yet to carry out."""

from pool.store.database import Database

ASKED = """SELECT id::text FROM pool_job
WHERE node = %s AND cancel_requested_at IS NOT NULL AND finished_at IS NULL AND status IN ('ASSIGNED', 'RUNNING')"""


def asked_to_cancel(db: Database, node: str) -> list[str]:
    """Ids of the node's jobs that somebody wants to end."""
    return [job for (job,) in db.execute(ASKED, (node,)).fetchall()]
