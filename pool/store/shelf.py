"""Jobs that require what no worker had room to offer: out of the way of all others, until one has.

They are BLOCKED, under a key that says what they require, with an index of their own. A node puts them there when it
cannot place them, and takes the first ones of a key back when a worker of its own that offers all of it has room. So
however many wait, none is claimed in vain again and again, and the claim passes none of them by.
"""

import json
from collections.abc import Sequence
from typing import Any

from pool.store.database import Database
from pool.store.deltas import Deltas
from pool.store.rank import Woken, give_ranks

MARK = "UPDATE pool_job SET lacks = %s WHERE id = %s::uuid AND status = 'BLOCKED'"

SQLITE_RELEASE = """UPDATE pool_job SET status = 'PENDING', "rank" = 0, lacks = '' WHERE +status = 'BLOCKED' AND id IN (
  SELECT id FROM pool_job WHERE status = 'BLOCKED' AND NOT (lacks = '') AND lacks = ?
  ORDER BY priority DESC, "rank", id LIMIT ?)
RETURNING id, queue, priority, tenant, 1"""

POSTGRES_RELEASE = """WITH next AS MATERIALIZED (
  SELECT id FROM pool_job WHERE status = 'BLOCKED' AND NOT (lacks = '') AND lacks = %s
  ORDER BY priority DESC, rank, id LIMIT %s FOR UPDATE SKIP LOCKED)
UPDATE pool_job j SET status = 'PENDING', rank = 0, lacks = '' FROM next
WHERE j.id = next.id AND j.status || '' = 'BLOCKED'
RETURNING j.id, j.queue, j.priority, j.tenant, true"""

SQLITE_RELEASE_OF = SQLITE_RELEASE.replace("lacks = ?", "lacks = ? AND queue IN (SELECT value FROM json_each(?))")
POSTGRES_RELEASE_OF = POSTGRES_RELEASE.replace("lacks = %s", "lacks = %s AND queue = ANY(%s)")

WAITING = """WITH RECURSIVE met(key) AS (
  SELECT min(lacks) FROM pool_job WHERE status = 'BLOCKED' AND NOT (lacks = '')
  UNION ALL
  SELECT (SELECT min(lacks) FROM pool_job WHERE status = 'BLOCKED' AND NOT (lacks = '') AND lacks > met.key)
  FROM met WHERE met.key IS NOT NULL)
SELECT key, (SELECT requires {text} FROM pool_job WHERE status = 'BLOCKED' AND NOT (lacks = '') AND lacks = key LIMIT 1)
FROM met WHERE key IS NOT NULL"""


def mark(db: Database, job: str, key: str) -> None:
    """A job that has just become BLOCKED waits under this key, in the node's transaction."""
    db.execute(MARK, (key, job))


def release(db: Database, key: str, most: int, deltas: Deltas, only: Sequence[str] = ()) -> int:
    """The first jobs under a key may start, in the node's transaction; how many there were.

    `only` names the queues that the node serves: what it does not claim would be put off again by whoever does.
    """
    statement = SQLITE_RELEASE if db.is_sqlite else POSTGRES_RELEASE
    params: tuple[Any, ...] = (key, most)
    if only:
        statement = SQLITE_RELEASE_OF if db.is_sqlite else POSTGRES_RELEASE_OF
        params = (key, json.dumps(list(only)) if db.is_sqlite else list(only), most)
    woken = [Woken(*row) for row in db.raw.execute(statement, params).fetchall()]
    for job in woken:
        deltas.add(job.queue, blocked=-1, pending=1)
    give_ranks(db, woken)
    return len(woken)


def waiting(db: Database) -> dict[str, str]:
    """The keys under which jobs wait, with what they require as JSON. One seek for each."""
    return dict(db.execute(WAITING.format(text="" if db.is_sqlite else "::text")).fetchall())
