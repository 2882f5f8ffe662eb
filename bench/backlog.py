"""A long queue, and what a claim from its head costs. Runs in the agent, on a connection of its own."""

import time

from pool.domain.fairness import STEP, Shares
from pool.store.claim import meet_queues, take
from pool.store.database import Database
from pool.store.deltas import Deltas

FILL_MS = 900_000
"""A million rows may take a slow disk longer than any statement of the node."""

COLUMNS = "id, task, args, kwargs, status, queue, tenant, rank, created_at, run_at"

SQLITE_FILL = f"""INSERT INTO pool_job ({COLUMNS})
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?1)
SELECT printf('%016x%s', i, lower(hex(randomblob(8)))), 'bench.tasks.noop', '[]', '{{}}', 'PENDING', 'q' || (i % ?2),
  't' || (i % ?3), (i / ?3 + 1) * {STEP}, '2026-01-01 00:00:00', '2026-01-01 00:00:00' FROM n"""

POSTGRES_FILL = f"""INSERT INTO pool_job ({COLUMNS})
SELECT gen_random_uuid(), 'bench.tasks.noop', '[]', '{{}}', 'PENDING', 'q' || mod(i, %(queues)s::int),
  't' || mod(i, %(tenants)s::int), (i / %(tenants)s::int + 1) * {STEP}, now(), now()
FROM generate_series(0, %(jobs)s::int - 1) i"""


def fill(jobs: int, tenants: int, queues: int) -> None:
    db = Database("default", 20_000, statement_ms=FILL_MS)
    with db.transaction():
        if db.is_sqlite:
            db.raw.execute(SQLITE_FILL, (jobs, queues, tenants))
        else:
            db.raw.execute(POSTGRES_FILL, {"jobs": jobs, "queues": queues, "tenants": tenants})
        meet_queues(db)
    if not db.is_sqlite:
        db.execute("VACUUM ANALYZE pool_job")
    db.close()


def claim_times_us(batch: int, times: int) -> list[float]:
    """Claim so often, each time in a transaction of its own that is committed; how long each claim took."""
    db, shares = Database("default", 20_000), Shares()
    taken = []
    for _ in range(times):
        with db.transaction():
            start = time.perf_counter()
            claimed = take(db, "bench", batch, Deltas(), (), shares, time.time()).jobs
            taken.append((time.perf_counter() - start) * 1e6)
        if len(claimed) != batch:
            raise RuntimeError(f"A claim of {batch} got {len(claimed)}.")
    db.close()
    return taken
