"""Limits of the key that jobs carry: how many of a key execute at a time, and how many start in a second.

Part of the node's transactions, and of no cost to jobs without a key. The claim takes jobs as usual; those whose key
has no room are put out of its way before anybody sees that they were claimed: BLOCKED until another of the key ends, or
SCHEDULED for when the rate allows them. When one of a key leaves its node, those that wait for it become PENDING in the
same transaction, and the next claim judges them anew. On PostgreSQL both lock the key; neither waits for it.
"""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from pool.domain.jobs import ClaimedJob
from pool.domain.key_limits import Held, Keyed, Stand, hold
from pool.store.database import Database
from pool.store.deltas import Deltas
from pool.store.rank import Woken, give_ranks

SQLITE_LIMITS = """SELECT id, epoch, queue, limit_key, limit_running, limit_rate FROM pool_job
WHERE id IN (SELECT value FROM json_each(?))"""
POSTGRES_LIMITS = """SELECT id::text, epoch, queue, limit_key, limit_running, limit_rate FROM pool_job
WHERE id = ANY(%s::uuid[])"""

LOCK_KEYS = """SELECT key FROM unnest(%s::text[]) AS wanted(key)
WHERE pg_try_advisory_xact_lock(hashtextextended('pool limit key ' || key, 0))"""

EXECUTING = """SELECT
(SELECT count(*) FROM pool_job WHERE status = 'ASSIGNED' AND limit_key > '' AND limit_key = %s)
+ (SELECT count(*) FROM pool_job WHERE status = 'RUNNING' AND limit_key > '' AND limit_key = %s)"""

SQLITE_BUCKET = "SELECT tokens, (strftime('%s', at) + substr(at, 20)) FROM pool_keyrate WHERE key = ?"
POSTGRES_BUCKET = "SELECT tokens, extract(epoch from at)::float8 FROM pool_keyrate WHERE key = %s"

KEEP_BUCKET = """INSERT INTO pool_keyrate (key, tokens, at) VALUES (%s, %s, %s::timestamptz)
ON CONFLICT (key) DO UPDATE SET tokens = excluded.tokens, at = excluded.at"""

SQLITE_NEXT = """SELECT id, epoch, queue, limit_key, limit_running, limit_rate FROM (
  SELECT id, epoch, queue, limit_key, limit_running, limit_rate FROM pool_job
  WHERE status = 'PENDING' AND queue = ? ORDER BY priority DESC, "rank", id LIMIT ?)
WHERE limit_key IN (SELECT value FROM json_each(?))"""

POSTGRES_NEXT = """SELECT id::text, epoch, queue, limit_key, limit_running, limit_rate FROM (
  SELECT id, epoch, queue, limit_key, limit_running, limit_rate FROM pool_job
  WHERE status = 'PENDING' AND queue = %s ORDER BY priority DESC, rank, id LIMIT %s FOR UPDATE SKIP LOCKED) AS head
WHERE limit_key = ANY(%s)"""

HOLD_WAITING = """UPDATE pool_job SET status = %s, run_at = coalesce(%s::timestamptz, run_at)
WHERE id = %s::uuid AND status = 'PENDING'"""

HOLD = """UPDATE pool_job SET status = %s, run_at = coalesce(%s::timestamptz, run_at), epoch = epoch - 1,
attempts = attempts - 1, node = '' WHERE id = %s::uuid AND epoch = %s AND status = 'ASSIGNED'"""

# No range of keys: SQLite would rather go through that than seek one key, once it knows that one has nearly all.
WAITS = "status = 'BLOCKED' AND NOT (limit_key = '') AND waits_for = 0 AND lacks = ''"
ORDER = 'priority DESC, "rank", id'

FIRSTS = f"""WITH RECURSIVE met(name) AS (
  SELECT min(queue) FROM pool_job WHERE {WAITS} AND limit_key = %s
  UNION ALL
  SELECT (SELECT min(queue) FROM pool_job WHERE {WAITS} AND limit_key = %s AND queue > met.name)
  FROM met WHERE met.name IS NOT NULL)
SELECT queue, limit_running FROM met CROSS JOIN pool_job WHERE met.name IS NOT NULL
AND met.name NOT IN (SELECT name FROM pool_queue WHERE paused)
AND id = (SELECT id FROM pool_job WHERE {WAITS} AND limit_key = %s AND queue = met.name ORDER BY {ORDER} LIMIT 1)
ORDER BY {ORDER}"""
"""Of each open queue, the first that waits for room of the key. Queue by queue: very many may wait in a paused one."""

SQLITE_WAKE = f"""UPDATE pool_job SET status = 'PENDING', "rank" = 0 WHERE +status = 'BLOCKED' AND id IN (
SELECT job.id FROM json_each(?) AS open CROSS JOIN pool_job AS job WHERE job.id IN (
  SELECT id FROM pool_job WHERE {WAITS} AND limit_key = ? AND queue = open.value ORDER BY {ORDER} LIMIT ?)
ORDER BY priority DESC, "rank", job.id LIMIT ?) RETURNING id, queue, priority, tenant"""

POSTGRES_WAKE = f"""WITH heads AS MATERIALIZED (
  SELECT head.* FROM unnest(%s::text[]) AS open(name) CROSS JOIN LATERAL (
    SELECT id, priority, rank FROM pool_job WHERE {WAITS} AND limit_key = %s AND queue = open.name
    ORDER BY {ORDER} LIMIT %s FOR UPDATE SKIP LOCKED) AS head),
next AS MATERIALIZED (SELECT id FROM heads ORDER BY {ORDER} LIMIT %s)
UPDATE pool_job j SET status = 'PENDING', rank = 0 FROM next WHERE j.id = next.id AND j.status || '' = 'BLOCKED'
RETURNING j.id, j.queue, j.priority, j.tenant"""

NEXT_KEY = f"SELECT min(limit_key) FROM pool_job WHERE {WAITS} AND limit_key > %s"

CLEARED = 500
"""Jobs at the front of a queue that are looked through when jobs of a key were in the way."""

MOST_KEYS = 200
"""Keys looked at in one sweep; the next one goes on from there."""


@dataclass(slots=True)
class Admitted:
    """What the keys made of a claim."""

    jobs: list[ClaimedJob]
    held: list[Held] = field(default_factory=list)
    """Those that were put out of the way."""
    returned: int = 0
    """Jobs that are PENDING again, because another node has their key in hand just now."""


@dataclass(slots=True)
class KeyWatch:
    """What one node remembers of keys from turn to turn."""

    after: str = ""
    """The last key that the sweep looked at."""
    due: set[str] = field(default_factory=set)
    """Keys that somebody else had locked when one of their jobs ended here."""


def admit(db: Database, jobs: list[ClaimedJob], deltas: Deltas, now: float) -> Admitted:
    """Undo the claim of those whose key has no room, in the claim's transaction. `jobs` are in their order."""
    keys = {job.limit_key for job in jobs if job.limit_key}
    if not keys:
        return Admitted(jobs)
    locked = _lock(db, keys)
    keyed = _limits(db, [job for job in jobs if job.limit_key in locked])
    held, buckets = hold(keyed, _stands(db, keyed), now)
    for key, bucket in buckets.items():
        db.execute(KEEP_BUCKET, (key, bucket.tokens, db.at(bucket.at)))
    returned = [job for job in jobs if job.limit_key and job.limit_key not in locked]
    _undo(db, held, returned, deltas)
    gone = {one.job.id for one in held} | {job.id for job in returned}
    return Admitted([job for job in jobs if job.id not in gone], held, len(returned))


def clear_way(db: Database, held: Sequence[Held], deltas: Deltas, now: float) -> None:
    """Put those behind them out of the way too, before they are claimed: there may be very many of the same key."""
    keys = sorted({one.job.key for one in held})
    for queue in sorted({one.job.queue for one in held}):
        keyed = [Keyed(*row) for row in _next(db, queue, keys)]
        # Those that might start are left to the claim: the buckets stay as they are.
        also, _ = hold(keyed, _stands(db, keyed, are_claimed=False), now)
        rows = [_row(db, one) for one in also]
        if rows:
            db.executemany(HOLD_WAITING, [row[:3] for row in rows])
        for status, *_ in rows:
            deltas.add(queue, pending=-1, **{status.lower(): 1})


def wake(db: Database, keys: Collection[str], deltas: Deltas) -> tuple[int, set[str]]:
    """Let those go on that waited for room of these keys, in the transaction in which jobs of them ended.

    Returns how many may start now, and the keys that another node has in hand just now.
    """
    if not keys:
        return 0, set()
    locked = _lock(db, keys)
    return sum(_wake(db, key, deltas) for key in sorted(locked)), set(keys) - locked


def sweep(db: Database, watch: KeyWatch, deltas: Deltas, *, all_keys: bool) -> int:
    """Wake what nobody woke: keys that were locked then, and once a second all others in turn."""
    keys = watch.due | (_some_keys(db, watch) if all_keys else set())
    woken, watch.due = wake(db, keys, deltas)
    return woken


def keys_of(jobs: Iterable[ClaimedJob]) -> set[str]:
    return {job.limit_key for job in jobs if job.limit_key}


def _lock(db: Database, keys: Collection[str]) -> set[str]:
    """Hold the keys until the end of the transaction; those that nobody else holds."""
    if db.is_sqlite:
        return set(keys)
    return {key for (key,) in db.execute(LOCK_KEYS, (sorted(keys),)).fetchall()}


def _limits(db: Database, jobs: Sequence[ClaimedJob]) -> list[Keyed]:
    ids = [job.id for job in jobs]
    if db.is_sqlite:
        rows = db.raw.execute(SQLITE_LIMITS, (json.dumps(ids),)).fetchall()
    else:
        rows = db.raw.execute(POSTGRES_LIMITS, (ids,)).fetchall()
    found = {row[0]: Keyed(*row) for row in rows}
    return [found[id] for id in ids]


def _stands(db: Database, jobs: Sequence[Keyed], *, are_claimed: bool = True) -> dict[str, Stand]:
    """Where the keys of these jobs stand without them."""
    claimed = Counter(job.key for job in jobs)
    counted = {job.key for job in jobs if job.running is not None}
    rated = {job.key for job in jobs if job.rate is not None}
    stands = {}
    for key in claimed:
        executing = db.execute(EXECUTING, (key, key)).fetchone()[0] if key in counted else 0
        executing -= claimed[key] if key in counted and are_claimed else 0
        bucket = _bucket(db, key) if key in rated else None
        stands[key] = Stand(executing, *(bucket or (0.0, None)))
    return stands


def _bucket(db: Database, key: str) -> Any:
    return db.raw.execute(SQLITE_BUCKET if db.is_sqlite else POSTGRES_BUCKET, (key,)).fetchone()


def _undo(db: Database, held: Sequence[Held], returned: Sequence[ClaimedJob], deltas: Deltas) -> None:
    rows = [_row(db, one) for one in held]
    for (status, *_), one in zip(rows, held, strict=True):
        deltas.add(one.job.queue, executing=-1, **{status.lower(): 1})
    for job in returned:
        rows.append(("PENDING", None, job.id, job.epoch))
        deltas.add(job.queue, executing=-1, pending=1)
    if rows:
        db.executemany(HOLD, rows)


def _row(db: Database, held: Held) -> tuple[Any, ...]:
    """Its new status, when it may start, and which claim of which job it is."""
    job = held.job
    if held.until is None:
        return "BLOCKED", None, job.id, job.epoch
    return "SCHEDULED", db.at(held.until), job.id, job.epoch


def _next(db: Database, queue: str, keys: Sequence[str]) -> list[Any]:
    if db.is_sqlite:
        return list(db.raw.execute(SQLITE_NEXT, (queue, CLEARED, json.dumps(keys))).fetchall())
    return list(db.raw.execute(POSTGRES_NEXT, (queue, CLEARED, keys)).fetchall())


def _wake(db: Database, key: str, deltas: Deltas) -> int:
    firsts = db.execute(FIRSTS, (key, key, key)).fetchall()
    if not firsts:
        return 0
    queues, (most, *_) = zip(*firsts, strict=True)
    room = most - db.execute(EXECUTING, (key, key)).fetchone()[0] if most is not None else 1
    if room <= 0:
        return 0
    if db.is_sqlite:
        rows = db.raw.execute(SQLITE_WAKE, (json.dumps(queues), key, room, room)).fetchall()
    else:
        rows = db.raw.execute(POSTGRES_WAKE, (list(queues), key, room, room)).fetchall()
    woken = [Woken(id, queue, priority, tenant, had_turn=True) for id, queue, priority, tenant in rows]
    for job in woken:
        deltas.add(job.queue, blocked=-1, pending=1)
    give_ranks(db, woken)
    return len(woken)


def _some_keys(db: Database, watch: KeyWatch) -> set[str]:
    """The next keys of which jobs are BLOCKED, in their order, and from the beginning after the last."""
    keys: set[str] = set()
    while len(keys) < MOST_KEYS:
        (key,) = db.execute(NEXT_KEY, (watch.after,)).fetchone()
        if key is None:
            watch.after = ""
            break
        keys.add(key)
        watch.after = key
    return keys
