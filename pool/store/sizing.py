"""What the autoscaler asks of the database: what waits for workers, and the change of a node's size.

A size that an operator set stays until its time is over: the statement looks for that, so that one who asks between two
looks of the node is not overruled.
"""

import json
from collections.abc import Collection

from pool.store import shelf
from pool.store.database import Database

WAITING = """SELECT t.queue, sum(t.pending) FROM pool_tally t WHERE NOT EXISTS (
SELECT 1 FROM pool_queue q WHERE q.name = t.queue AND q.paused) GROUP BY t.queue"""

MOST_COUNTED = 1000
"""Of the jobs under one key so many are looked at, those of paused queues among them."""

SHELVED = f"""SELECT queue, count(*) FROM (
  SELECT queue FROM pool_job WHERE status = 'BLOCKED' AND NOT (lacks = '') AND lacks = %s
  ORDER BY priority DESC, "rank", id LIMIT {MOST_COUNTED}) AS first
WHERE queue NOT IN (SELECT name FROM pool_queue WHERE paused) GROUP BY queue"""

RESIZE = """UPDATE pool_node SET wanted = %s WHERE id = %s AND wanted = %s AND state = 'RUNNING'
AND (scale_held_until IS NULL OR scale_held_until <= %s::timestamptz)"""


def waiting(db: Database, queues: Collection[str]) -> int:
    """Count the jobs that may start now in these queues, or in all when none is named; paused ones do not count."""
    rows = db.execute(WAITING).fetchall()
    return sum(max(int(pending), 0) for queue, pending in rows if not queues or queue in queues)


def shelved(db: Database, queues: Collection[str]) -> dict[frozenset[str], int]:
    """Count the jobs that wait for capable workers, by what they require; up to MOST_COUNTED of each."""
    found: dict[frozenset[str], int] = {}
    for key, requires in shelf.waiting(db).items():
        rows = db.execute(SHELVED, (key,)).fetchall()
        if jobs := sum(int(count) for queue, count in rows if not queues or queue in queues):
            found[frozenset(json.loads(requires))] = jobs
    return found


def resize(db: Database, node: str, before: int, after: int, now: float) -> bool:
    """Change the size of a node, in the caller's transaction; False when somebody else has set it meanwhile."""
    return bool(db.execute(RESIZE, (after, node, before, db.at(now))).rowcount)
