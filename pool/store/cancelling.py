"""Cancels that a node has yet to carry out."""

from pool.store.database import Database

ASKED = """SELECT id::text, epoch FROM pool_job
WHERE node = %s AND cancel_requested_at IS NOT NULL AND finished_at IS NULL AND status IN ('ASSIGNED', 'RUNNING')"""


def asked_to_cancel(db: Database, node: str) -> list[tuple[str, int]]:
    """Ids and epochs of the node's jobs that somebody wants to end: a later claim of the same job is another matter."""
    return [(job, epoch) for job, epoch in db.execute(ASKED, (node,)).fetchall()]
