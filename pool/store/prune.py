"""Remove what is older than its retention, in small transactions. Rows that may still run are never touched.

Called by the clerk and by `pool prune`. A job goes with its attempts, logs, ties and keys, and with its place among the
dead letters; a batch goes after its last job. A job that somebody retries at that moment either goes or stays, whole.
Jobs are looked for before the transaction and looked at again in it, and a batch that held the lock for long is
followed by smaller ones.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pool.domain.config import PoolConfig
from pool.store import tally
from pool.store.among import among
from pool.store.database import Database

OVER = """((status IN ('COMPLETED', 'CANCELLED') AND finished_at < %s::timestamptz)
OR (status IN ('FAILED', 'TIMEOUT') AND (discarded_at < %s::timestamptz OR finished_at < %s::timestamptz)))"""

UNTIED = "NOT EXISTS (SELECT 1 FROM pool_jobdependency WHERE parent = pool_job.id AND NOT met)"
"""No job waits to hear how this one ended."""

DOOMED = f"""SELECT id::text FROM pool_job WHERE id > %s::uuid AND id < %s::uuid AND {OVER} AND {UNTIED}
AND NOT EXISTS (SELECT 1 FROM pool_uniquekey WHERE job = pool_job.id AND until > %s::timestamptz)
ORDER BY pool_job.id LIMIT %s"""

STILL_DOOMED = f"""SELECT id::text, queue, status IN ('FAILED', 'TIMEOUT') AND discarded_at IS NULL FROM pool_job
WHERE id {{among}} AND {OVER} AND {UNTIED}"""

POSTGRES_LOCK = " FOR UPDATE SKIP LOCKED"

CHILDREN_FIRST = (
    "DELETE FROM pool_attempt WHERE job_id {among}",
    "DELETE FROM pool_joblog WHERE job_id {among}",
    "DELETE FROM pool_jobdependency WHERE child {among}",
    "DELETE FROM pool_uniquekey WHERE job {among}",
    "DELETE FROM pool_job WHERE status IN ('COMPLETED', 'CANCELLED', 'FAILED', 'TIMEOUT') AND id {among}",
)

EVENTS = """DELETE FROM pool_poolevent WHERE id IN (
SELECT id FROM pool_poolevent WHERE at < %s::timestamptz ORDER BY at LIMIT %s)"""

ALERTS = """DELETE FROM pool_alertrecord WHERE id IN (
SELECT id FROM pool_alertrecord WHERE resolved_at < %s::timestamptz LIMIT %s)"""

NODES = """DELETE FROM pool_node WHERE id IN (
SELECT id FROM pool_node WHERE stopped_at < %s::timestamptz AND state IN ('STOPPED', 'LOST')
AND NOT EXISTS (SELECT 1 FROM pool_job WHERE status = 'ASSIGNED' AND node = pool_node.id)
AND NOT EXISTS (SELECT 1 FROM pool_job WHERE status = 'RUNNING' AND node = pool_node.id) LIMIT %s)"""

WORKERS = """DELETE FROM pool_workersnapshot WHERE id IN (
SELECT id FROM pool_workersnapshot WHERE ended_at < %s::timestamptz LIMIT %s)"""

BATCHES = """DELETE FROM pool_batch WHERE id IN (SELECT id FROM pool_batch WHERE finished_at < %s::timestamptz
AND NOT EXISTS (SELECT 1 FROM pool_job WHERE batch = pool_batch.id)
AND NOT EXISTS (SELECT 1 FROM pool_jobdependency WHERE parent = pool_batch.id AND NOT met) LIMIT %s)"""

KEY_RATES = """DELETE FROM pool_keyrate WHERE key IN (
SELECT key FROM pool_keyrate WHERE at < %s::timestamptz LIMIT %s)"""

FIRST_ID = "0" * 32
KEEP_KEY_RATES_S = 30 * 86_400.0
"""A bucket that nobody took from for so long is as full as a new one."""
KEEP_WORKERS_S = 86_400.0
"""How long the last row of a worker that ended is kept."""
GO_S = 20.0
"""How long one go removes jobs; what is left waits for the next."""
HOLD_S = 0.03
"""A batch that held the lock longer is followed by one of half its size."""
REST_S = 0.01
"""Between two batches at the least, and as long as the one before held the lock."""

Rest = Callable[[float], None]


def prune(db: Database, now: float, config: PoolConfig, go_s: float = GO_S, rest: Rest = time.sleep) -> int:
    """Delete finished jobs past their time, and old events, nodes and workers; how many jobs."""
    old = now - config.keep_events_s
    workers, rates = now - KEEP_WORKERS_S, now - KEEP_KEY_RATES_S
    for statement, before in ((EVENTS, old), (ALERTS, old), (NODES, old), (WORKERS, workers), (KEY_RATES, rates)):
        _delete(db, statement, before, _Pace(config.prune_batch, go_s, rest))
    jobs = _prune_jobs(db, now, config, _Pace(config.prune_batch, go_s, rest))
    _delete(db, BATCHES, now - config.keep_completed_s, _Pace(config.prune_batch, go_s, rest))
    return jobs


class _Pace:
    """How much goes in one transaction, and when it is enough."""

    def __init__(self, most: int, go_s: float, rest: Rest) -> None:
        self.most = self.size = most
        self.until = time.monotonic() + go_s
        self._rest = rest
        self._held_s = 0.0

    @contextmanager
    def transaction(self, db: Database, doing: str = "") -> Iterator[None]:
        with db.transaction(doing):
            began = time.monotonic()
            yield
        self._held_s = time.monotonic() - began

    def next(self) -> bool:
        """Leave the lock to others for a moment; False when the time is over."""
        if time.monotonic() >= self.until:
            return False
        self.size = max(self.size // 2, 1) if self._held_s > HOLD_S else min(self.size + self.size // 4 + 1, self.most)
        self._rest(max(self._held_s, REST_S))
        return True


def _delete(db: Database, statement: str, before: float, pace: _Pace) -> None:
    while True:
        size = pace.size
        with pace.transaction(db):
            deleted = db.execute(statement, (db.at(before), size)).rowcount
        if deleted < size or not pace.next():
            return


def _prune_jobs(db: Database, now: float, config: PoolConfig, pace: _Pace) -> int:
    completed_before, dead_before = now - config.keep_completed_s, now - config.keep_dead_s
    # Ids begin with the time of creation, so the oldest are found without an index on the end.
    edge = _id_at(max(completed_before, dead_before))
    over = tuple(map(db.at, (completed_before, completed_before, dead_before)))
    last, total = FIRST_ID, 0
    while True:
        size = pace.size
        with db.errors:
            ids = [id for (id,) in db.execute(DOOMED, (last, edge, *over, db.at(now), size)).fetchall()]
        if ids:
            last = ids[-1]
            with pace.transaction(db, "prune"):
                total += remove(db, ids, over)
        if len(ids) < size or not pace.next():
            return total


def remove(db: Database, ids: list[str], over: tuple[str, ...]) -> int:
    """Remove those of the jobs that are past their time still, in the caller's transaction; how many."""
    sure = STILL_DOOMED if db.is_sqlite else STILL_DOOMED + POSTGRES_LOCK
    doomed = among(db, sure, ids, after=over).fetchall()
    if doomed:
        gone = [id for id, _, _ in doomed]
        for statement in CHILDREN_FIRST:
            among(db, statement, gone)
        for queue, count in Counter(queue for _, queue, is_listed in doomed if is_listed).items():
            tally.loose(db, queue, dead=-count)
    return len(doomed)


def _id_at(at: float) -> str:
    """The smallest id of version 7 that could be made at this time, in the form both databases compare."""
    return f"{max(int(at * 1000), 0):012x}" + "0" * 20
