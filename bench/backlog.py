"""A long queue, and what a claim from its head costs. Runs in the agent, on a connection of its own."""

import time

from pool.store.claim import claim, meet_queues
from pool.store.database import Database
from pool.store.deltas import Deltas

TENANTS = 1000

COLUMNS = "id, task, args, kwargs, status, queue, tenant, rank, created_at, run_at"

SQLITE_FILL = f"""INSERT INTO pool_job ({COLUMNS})
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?)
SELECT printf('%016x%s', i, lower(hex(randomblob(8)))), 'bench.tasks.noop', '[]', '{{}}', 'PENDING', 'default',
  't' || (i % {TENANTS}), i / {TENANTS}, '2026-01-01 00:00:00', '2026-01-01 00:00:00' FROM n"""

POSTGRES_FILL = f"""INSERT INTO pool_job ({COLUMNS})
SELECT gen_random_uuid(), 'bench.tasks.noop', '[]', '{{}}', 'PENDING', 'default',
  't' || mod(i, {TENANTS}), i / {TENANTS}, now(), now() FROM generate_series(0, %s - 1) i"""


def fill(jobs: int) -> None:
    db = Database("default", 20_000)
    if not db.is_sqlite:
        # A million rows may take a slow disk longer than any statement of the node.
        db.execute("SET statement_timeout = 0")
    with db.transaction():
        db.raw.execute(SQLITE_FILL if db.is_sqlite else POSTGRES_FILL, (jobs,))
        meet_queues(db)
    if not db.is_sqlite:
        db.execute("VACUUM ANALYZE pool_job")
    db.close()


def claim_times_us(batch: int, times: int) -> list[float]:
    """Claim so often, each time in a transaction of its own that is committed; how long each claim took."""
    db = Database("default", 20_000)
    taken = []
    for _ in range(times):
        with db.transaction():
            start = time.perf_counter()
            claimed = claim(db, "bench", batch, Deltas())
            taken.append((time.perf_counter() - start) * 1e6)
        if len(claimed) != batch:
            raise RuntimeError(f"A claim of {batch} got {len(claimed)}.")
    db.close()
    return taken
