"""Looks at the fronts of queues, for the node to decide what it claims: bounded, and along the index that claims go by.

`heads` tells how much waits at the front of each queue, and at which priorities; `look` tells, about once a second and
only in a pool that has more to do than it can, since when the first of each priority wait.
"""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from pool.domain.fairness import Front, Head
from pool.store.database import Database

SQLITE_TERMS = 400
"""SQLite takes up to 500 SELECTs in one UNION; more queues than that are nested."""

SQLITE_HEAD = """SELECT ? AS queue, priority, count(*) FROM (SELECT priority FROM pool_job
WHERE status = 'PENDING' AND queue = ? ORDER BY priority DESC, "rank", id LIMIT ?) GROUP BY priority"""

POSTGRES_HEADS = """SELECT open.name, head.priority, count(*) FROM unnest(%s::text[]) AS open(name)
CROSS JOIN LATERAL (SELECT priority FROM pool_job WHERE status = 'PENDING' AND queue = open.name
  ORDER BY priority DESC, rank, id LIMIT %s) head GROUP BY open.name, head.priority"""

LOOKED_AT = 5
"""Jobs at each front that are asked since when they wait."""
MOST_FRONTS = 500

FRONTS = f"""WITH RECURSIVE front(queue, priority) AS (
  SELECT name, (SELECT max(priority) FROM pool_job WHERE status = 'PENDING' AND queue = name) FROM ({{names}}) AS named
  UNION ALL
  SELECT front.queue, (SELECT max(job.priority) FROM pool_job AS job
    WHERE job.status = 'PENDING' AND job.queue = front.queue AND job.priority < front.priority)
  FROM front WHERE front.priority IS NOT NULL)
SELECT queue, priority, (SELECT {{since}} FROM (
    SELECT job.run_at FROM pool_job AS job
    WHERE job.status = 'PENDING' AND job.queue = front.queue AND job.priority = front.priority
    ORDER BY job."rank", job.id LIMIT {LOOKED_AT}) AS head),
  (SELECT job."rank" FROM pool_job AS job WHERE job.status = 'PENDING' AND job.queue = front.queue
    AND job.priority = front.priority ORDER BY job."rank" LIMIT 1),
  (SELECT job."rank" FROM pool_job AS job WHERE job.status = 'PENDING' AND job.queue = front.queue
    AND job.priority = front.priority ORDER BY job."rank" DESC LIMIT 1)
FROM front WHERE priority IS NOT NULL LIMIT {MOST_FRONTS}"""

SQLITE_FRONTS = FRONTS.format(
    names="SELECT value AS name FROM json_each(?)", since="min(strftime('%s', run_at) + substr(run_at, 20))"
)
POSTGRES_FRONTS = FRONTS.format(
    names="SELECT unnest(%s::text[]) AS name", since="extract(epoch from min(run_at))::float8"
)


class Slice(NamedTuple):
    """So many jobs of one queue at one priority, from a rank on."""

    queue: str
    priority: int
    least_rank: int
    most: int


def heads(db: Database, rooms: Mapping[str, int | None], depth: int, weights: Mapping[str, float]) -> list[Head]:
    """Count what waits at the front of each of these queues, up to so many jobs."""
    if db.is_sqlite:
        params = [value for queue in rooms for value in (queue, queue, depth)]
        rows = db.raw.execute(_sqlite_heads(len(rooms)), params).fetchall()
    else:
        rows = db.raw.execute(POSTGRES_HEADS, (list(rooms), depth)).fetchall()
    counts: dict[str, list[tuple[int, int]]] = {}
    for queue, priority, jobs in rows:
        counts.setdefault(queue, []).append((priority, jobs))
    return [
        Head(queue, sorted(found, reverse=True), weights[queue], rooms[queue], sum(n for _, n in found) < depth)
        for queue, found in counts.items()
    ]


def look(db: Database, queues: Sequence[str], now: float) -> list[Front]:
    """Find the fronts of each priority."""
    if db.is_sqlite:
        rows = db.raw.execute(SQLITE_FRONTS, (json.dumps(list(queues)),)).fetchall()
    else:
        rows = db.raw.execute(POSTGRES_FRONTS, (list(queues),)).fetchall()
    # On PostgreSQL a front may go while it is looked at.
    return [
        Front(queue, priority, now - since, first or 0, last or 0)
        for queue, priority, since, first, last in rows
        if since is not None
    ]


@lru_cache(maxsize=32)
def _sqlite_heads(count: int) -> str:
    sizes = [min(SQLITE_TERMS, count - at) for at in range(0, count, SQLITE_TERMS)]
    parts = [" UNION ALL ".join([f"SELECT * FROM ({SQLITE_HEAD})"] * size) for size in sizes]
    return parts[0] if len(parts) == 1 else " UNION ALL ".join(f"SELECT * FROM ({part})" for part in parts)
