"""Since when the oldest job of each queue waits: one statement for all queues. Reads only, over Django's connection.

Of each queue and priority only the front is looked at, along the index that claims go by, so the answer costs the same
whatever waits behind.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from django.db import connections

HEAD = 20
"""Jobs at the front of each queue and priority that are asked for their age."""
MOST_FRONTS = 500
"""Pairs of queue and priority that are looked at, the highest priorities first."""

FRONTS = f"""WITH RECURSIVE front(queue, priority) AS (
  SELECT name, (SELECT max(priority) FROM pool_job WHERE status = 'PENDING' AND queue = name) FROM ({{names}}) AS named
  UNION ALL
  SELECT front.queue, (SELECT max(job.priority) FROM pool_job AS job
    WHERE job.status = 'PENDING' AND job.queue = front.queue AND job.priority < front.priority)
  FROM front WHERE front.priority IS NOT NULL)
SELECT queue, (SELECT min(head.run_at) FROM (
    SELECT job.run_at FROM pool_job AS job
    WHERE job.status = 'PENDING' AND job.queue = front.queue AND job.priority = front.priority
    ORDER BY job.rank, job.id LIMIT {HEAD}) AS head)
FROM front WHERE priority IS NOT NULL LIMIT {MOST_FRONTS}"""

SQLITE_NAMES = "SELECT value AS name FROM json_each(%s)"
POSTGRES_NAMES = "SELECT unnest(%s::text[]) AS name"


def oldest_run_at(alias: str, queues: Sequence[str]) -> dict[str, datetime]:
    """Find since when the oldest of the next jobs of each priority waits, by queue: exact for up to HEAD of them."""
    if not queues:
        return {}
    connection = connections[alias]
    is_sqlite = connection.vendor == "sqlite"
    names = json.dumps(list(queues)) if is_sqlite else list(queues)
    found: dict[str, datetime] = {}
    with connection.cursor() as cursor:
        cursor.execute(FRONTS.format(names=SQLITE_NAMES if is_sqlite else POSTGRES_NAMES), [names])
        for queue, run_at in cursor.fetchall():
            if run_at is not None:
                at = _aware(run_at)
                found[queue] = min(at, found.get(queue, at))
    return found


def _aware(at: Any) -> datetime:
    """A time as it comes from the driver: SQLite's is text, in UTC."""
    return datetime.fromisoformat(at).replace(tzinfo=UTC) if isinstance(at, str) else at
