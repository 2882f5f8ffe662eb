"""Take a batch of jobs for this node: due, in open queues, most urgent first.

One statement moves them to ASSIGNED with a new epoch and the attempt already counted, so that a job which kills its
worker cannot be tried for ever. It reads one index range per open queue and stops at the batch, whatever waits behind.
"""

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from pool.domain.jobs import ClaimedJob
from pool.store.database import Database, seconds
from pool.store.deltas import Deltas

SQLITE_FIELDS = f"""id, task, queue, args, kwargs, epoch, attempts, attempts_base, interruptions, losses, max_attempts,
timeout, backoff, priority, "rank", {seconds("run_at")}, {seconds("created_at")}, {seconds("expires_at")}"""

POSTGRES_FIELDS = """j.id::text, j.task, j.queue, j.args::text, j.kwargs::text, j.epoch, j.attempts, j.attempts_base,
j.interruptions, j.losses, j.max_attempts, j.timeout, j.backoff::text, j.priority, j.rank,
extract(epoch from j.run_at)::float8, extract(epoch from j.created_at)::float8,
extract(epoch from j.expires_at)::float8"""

OPEN_QUEUES = """SELECT name FROM pool_queue WHERE NOT paused
AND EXISTS (SELECT 1 FROM pool_job WHERE status = 'PENDING' AND queue = name)"""

SQLITE_HEAD = """SELECT * FROM (SELECT id, priority, "rank" FROM pool_job WHERE status = 'PENDING' AND queue = ?
ORDER BY priority DESC, "rank", id LIMIT ?)"""

SQLITE_CLAIM = f"""UPDATE pool_job SET status = 'ASSIGNED', epoch = epoch + 1, attempts = attempts + 1, node = ?
WHERE +status = 'PENDING' AND id IN (SELECT id FROM ({{heads}}) ORDER BY priority DESC, "rank", id LIMIT ?)
RETURNING {SQLITE_FIELDS}"""

LEAST_HEAD = 8
"""Jobs looked at in each queue, however many queues there are."""

SQLITE_TERMS = 400
"""SQLite takes up to 500 SELECTs in one UNION; more queues than that are nested."""

POSTGRES_CLAIM = f"""WITH picked AS MATERIALIZED (
  SELECT head.id FROM unnest(%s::text[]) AS open(name) CROSS JOIN LATERAL (
    SELECT id, priority, rank FROM pool_job WHERE status = 'PENDING' AND queue = open.name
    ORDER BY priority DESC, rank, id LIMIT %s FOR UPDATE SKIP LOCKED) head
  ORDER BY head.priority DESC, head.rank, head.id LIMIT %s)
UPDATE pool_job j SET status = 'ASSIGNED', epoch = epoch + 1, attempts = attempts + 1, node = %s
FROM picked WHERE j.id = picked.id AND j.status || '' = 'PENDING' RETURNING {POSTGRES_FIELDS}"""

NEW_QUEUES = """WITH RECURSIVE met(name) AS (
  SELECT min(queue) FROM pool_job WHERE status = 'PENDING'
  UNION ALL
  SELECT (SELECT min(queue) FROM pool_job WHERE status = 'PENDING' AND queue > met.name)
  FROM met WHERE met.name IS NOT NULL)
SELECT name FROM met WHERE name IS NOT NULL AND name NOT IN (SELECT name FROM pool_queue)"""


def claim(db: Database, node: str, most: int, deltas: Deltas, only: Sequence[str] = ()) -> list[ClaimedJob]:
    """Lease up to `most` jobs to the node, from the named queues or from all, in the caller's transaction.

    With many queues only the front of each is looked at first, and all of it when that was not enough.
    """
    take = _claim_sqlite if db.is_sqlite else _claim_postgres
    queues = _open_queues(db, only)
    if not queues:
        return []
    head = min(2 * most // len(queues) + LEAST_HEAD, most)
    rows = take(db, node, most, queues, head)
    if len(rows) < most and head < most:
        rows += take(db, node, most - len(rows), queues, most)
    jobs = [ClaimedJob(*row) for row in rows]
    # RETURNING keeps no order.
    jobs.sort(key=lambda job: (-job.priority, job.rank, job.id))
    for queue, count in Counter(job.queue for job in jobs).items():
        deltas.add(queue, pending=-count, executing=count)
    return jobs


def passed_by(db: Database, only: Sequence[str] = ()) -> bool:
    """Whether jobs wait that somebody else holds locked. Ask after a claim that came short, in its transaction."""
    return not db.is_sqlite and bool(_open_queues(db, only))


def meet_queues(db: Database) -> list[str]:
    """Give every queue that has jobs waiting its row; the names that were new.

    One index seek per queue. An enqueuing process never does this: its transaction may stay open for long.
    """
    names = [name for (name,) in db.execute(NEW_QUEUES).fetchall()]
    for name in names:
        db.execute("INSERT INTO pool_queue (name) VALUES (%s) ON CONFLICT (name) DO NOTHING", (name,))
    return names


def _open_queues(db: Database, only: Sequence[str]) -> list[str]:
    """Queues in which jobs may start now."""
    return [name for (name,) in db.execute(OPEN_QUEUES).fetchall() if not only or name in only]


def _claim_sqlite(db: Database, node: str, most: int, queues: Sequence[str], head: int) -> list[Any]:
    params: list[Any] = [node]
    for name in queues:
        params += (name, head)
    statement = SQLITE_CLAIM.replace("{heads}", _heads(len(queues)))
    return list(db.raw.execute(statement, (*params, most)).fetchall())


@lru_cache(maxsize=16)
def _heads(count: int) -> str:
    parts = [" UNION ALL ".join([SQLITE_HEAD] * min(SQLITE_TERMS, count - at)) for at in range(0, count, SQLITE_TERMS)]
    return parts[0] if len(parts) == 1 else " UNION ALL ".join(f"SELECT * FROM ({part})" for part in parts)


def _claim_postgres(db: Database, node: str, most: int, queues: Sequence[str], head: int) -> list[Any]:
    return list(db.raw.execute(POSTGRES_CLAIM, (list(queues), head, most, node)).fetchall())
