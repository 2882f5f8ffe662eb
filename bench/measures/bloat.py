"""What millions of jobs leave in the job table of PostgreSQL, however full its pages are and whenever autovacuum comes.

Every job is inserted and updated twice, and no update can be done in place, because the state of a job decides in which
indexes it stands. A node with two workers does as many jobs as `--jobs` says, for each way of storing them. Only when
named: with 5,000,000 jobs it takes an hour and more.
"""

import time
from typing import Any

from bench.databases import for_libpq
from bench.measures.drain import require_all_completed
from bench.measures.plan import Plan, Values
from bench.processes import wait_for
from bench.site import Ground, Site
from bench.variants import VARIANTS, Variant

PORTION = 50_000
BATCH, TIMES = 10, 200
"""Of the claims at the end."""

BACKLOG = "SELECT coalesce(sum(pending), 0) FROM pool_tally"
SIZES = "SELECT pg_table_size('pool_job') / 1e6, pg_indexes_size('pool_job') / 1e6"
STATISTICS = "SELECT n_dead_tup, autovacuum_count FROM pg_stat_user_tables WHERE relname = 'pool_job'"


def measure(ground: Ground, plan: Plan) -> Values:
    if ground.database.kind != "postgres":
        raise RuntimeError("SQLite has no fill factor and no autovacuum: measure this with --database postgres")
    values: Values = {}
    for variant in VARIANTS:
        found = _of(ground, variant, plan.jobs)
        values |= {f"{variant.key}_{aspect}": value for aspect, value in found.items()}
    return values


def _of(ground: Ground, variant: Variant, jobs: int) -> Values:
    import psycopg

    portion = min(PORTION, jobs // 5)
    jobs = jobs // portion * portion
    with ground.site() as site, psycopg.connect(for_libpq(site.env["DATABASE_URL"]), autocommit=True) as own:
        own.execute(f"ALTER TABLE pool_job SET ({variant.settings})".encode())
        with site.node():
            moments = _feed(site, own, jobs // portion, portion)
        require_all_completed(site, jobs)
        (table, indexes), (dead, vacuums) = _one(own, SIZES), _one(own, STATISTICS)
        site.agent("enqueue_many", task="bench.tasks.noop", args=[1], jobs=BATCH * TIMES)
        claim = site.agent("claim_cost", batch=BATCH, times=TIMES)
        own.execute("VACUUM FULL pool_job")
        fifth = len(moments) - 1 - (len(moments) - 1) // 5
        return {
            "rate": jobs / (moments[-1] - moments[0]),
            "late": jobs * (len(moments) - 1 - fifth) / (len(moments) - 1) / (moments[-1] - moments[fifth]),
            "table": table,
            "indexes": indexes,
            "dead": dead,
            "vacuums": vacuums,
            "claim": claim,
            "least": sum(_one(own, SIZES)),
        }


def _feed(site: Site, own: Any, portions: int, portion: int) -> list[float]:
    """Enqueue in portions, and hardly more than the node keeps up with; when each was done."""
    moments = [time.time()]
    for _ in range(portions):
        site.agent("enqueue_many", task="bench.tasks.noop", args=[1], jobs=portion)
        wait_for(lambda: _one(own, BACKLOG)[0] < portion, "the node to keep up", limit_s=300, every_s=0.05)
        moments.append(time.time())
    moments[-1] = site.wait_done()
    return moments


def _one(own: Any, statement: str) -> tuple[float, ...]:
    return tuple(float(value) for value in own.execute(statement).fetchone())
