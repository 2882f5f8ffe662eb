"""Take a batch of jobs for this node: due, in open queues, most urgent first, fair between queues and tenants.

One statement moves them to ASSIGNED with a new epoch and the attempt already counted, so that a job which kills its
worker cannot be tried for ever. It reads one index range per open queue and stops at the batch, whatever waits behind.
With several open queues a look at their fronts comes first, and `pool.domain.fairness` deals the batch out; what limits
and keys hold back is settled in the same transaction.
"""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from pool.domain.fairness import Shares, allot, in_turn
from pool.domain.jobs import ClaimedJob
from pool.store import fronts, keys, limits
from pool.store.database import Database, seconds
from pool.store.deltas import Deltas
from pool.store.fronts import Slice
from pool.store.limits import OpenQueue
from pool.store.locks import LOCK_TIMEOUT

SQLITE_FIELDS = f"""id, task, queue, args, kwargs, epoch, attempts, attempts_base, interruptions, losses, max_attempts,
timeout, backoff, priority, "rank", {seconds("run_at")}, {seconds("created_at")}, {seconds("expires_at")},
limit_key, affinity, requires, batch"""

POSTGRES_FIELDS = """j.id::text, j.task, j.queue, j.args::text, j.kwargs::text, j.epoch, j.attempts, j.attempts_base,
j.interruptions, j.losses, j.max_attempts, j.timeout, j.backoff::text, j.priority, j.rank,
extract(epoch from j.run_at)::float8, extract(epoch from j.created_at)::float8,
extract(epoch from j.expires_at)::float8, j.limit_key, j.affinity, j.requires::text, j.batch::text"""

SQLITE_HEAD = """SELECT * FROM (SELECT id FROM pool_job WHERE status = 'PENDING' AND queue = ?
ORDER BY priority DESC, "rank", id LIMIT ?)"""

SQLITE_SLICE = """SELECT * FROM (SELECT id FROM pool_job WHERE status = 'PENDING' AND queue = ? AND priority = ?
AND "rank" >= ? ORDER BY "rank", id LIMIT ?)"""

SQLITE_CLAIM = f"""UPDATE pool_job SET status = 'ASSIGNED', epoch = epoch + 1, attempts = attempts + 1, node = ?
WHERE +status = 'PENDING' AND id IN ({{heads}}) RETURNING {SQLITE_FIELDS}"""

SQLITE_TERMS = 400
"""SQLite takes up to 500 SELECTs in one UNION; more queues than that are nested."""

POSTGRES_HEADS = """unnest(%s::text[], %s::int[]) AS open(name, most) CROSS JOIN LATERAL (
    SELECT id FROM pool_job WHERE status = 'PENDING' AND queue = open.name
    ORDER BY priority DESC, rank, id LIMIT open.most FOR UPDATE SKIP LOCKED) head"""

POSTGRES_SLICES = """unnest(%s::text[], %s::int[], %s::bigint[], %s::int[]) AS slice(name, priority, least, most)
  CROSS JOIN LATERAL (SELECT id FROM pool_job
    WHERE status = 'PENDING' AND queue = slice.name AND priority = slice.priority AND rank >= slice.least
    ORDER BY rank, id LIMIT slice.most FOR UPDATE SKIP LOCKED) head"""

POSTGRES_TAKE = f"""WITH picked AS MATERIALIZED (SELECT head.id FROM {{heads}})
UPDATE pool_job j SET status = 'ASSIGNED', epoch = epoch + 1, attempts = attempts + 1, node = %s
FROM picked WHERE j.id = picked.id AND j.status || '' = 'PENDING' RETURNING {POSTGRES_FIELDS}"""

POSTGRES_CLAIM = POSTGRES_TAKE.replace("{heads}", POSTGRES_HEADS)
POSTGRES_CLAIM_SLICES = POSTGRES_TAKE.replace("{heads}", POSTGRES_SLICES)

LEAST_HEAD = 8
"""Jobs looked at in each queue, however many queues there are."""

ROUNDS = 4
"""Looks for more in one claim, when what was taken had to be put out of the way again."""

NEW_QUEUES = """WITH RECURSIVE met(name) AS (
  SELECT min(queue) FROM pool_job WHERE status = 'PENDING'
  UNION ALL
  SELECT (SELECT min(queue) FROM pool_job WHERE status = 'PENDING' AND queue > met.name)
  FROM met WHERE met.name IS NOT NULL)
SELECT name FROM met WHERE name IS NOT NULL AND name NOT IN (SELECT name FROM pool_queue)"""

MEET = "INSERT INTO pool_queue (name) VALUES (%s) ON CONFLICT (name) DO NOTHING"
MEET_MS = 10
"""How long PostgreSQL waits for somebody who makes the same row."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What a claim brought, and when the next one is worth while."""

    jobs: list[ClaimedJob] = field(default_factory=list)
    passed_by: bool = False
    """There are further jobs, which somebody holds locked just now."""
    held_back: bool = False
    """There are further jobs, which may start when others of their queue have ended."""
    again_s: float | None = None
    """There are further jobs, of which a rate lets one start in so long."""
    delayed: bool = False
    """Jobs were put off to a time of their own."""


def claim(db: Database, node: str, most: int, deltas: Deltas, only: Sequence[str] = ()) -> list[ClaimedJob]:
    """Lease up to `most` jobs to the node now, from the named queues or from all, and remember nothing of it."""
    return take(db, node, most, deltas, only, Shares(), time.time()).jobs


def take(db: Database, node: str, most: int, deltas: Deltas, only: Sequence[str], shares: Shares, now: float) -> Taken:
    """Lease up to `most` jobs to the node, in the caller's transaction. `shares` is what it remembers of its claims."""
    queues = limits.open_queues(db, only)
    if not queues:
        shares.busy = False
        return Taken()
    if shares.wants_look(now):
        shares.saw(fronts.look(db, [queue.name for queue in queues], now), now)
    taken = _Claim(db, node, deltas, queues, shares, now).fill(most)
    shares.busy = len(taken.jobs) >= most or taken.held_back or taken.again_s is not None
    return taken


def passed_by(db: Database, only: Sequence[str] = ()) -> bool:
    """Whether jobs wait that somebody else holds locked. Ask after a claim that came short, in its transaction."""
    return not db.is_sqlite and any(not queue.is_limited for queue in limits.open_queues(db, only))


def meet_queues(db: Database) -> list[str]:
    """Give every queue that has jobs waiting its row; the names that were new.

    One index seek per queue. An enqueuing process never does this: its transaction may stay open for long.
    """
    return [name for (name,) in db.execute(NEW_QUEUES).fetchall() if _meet(db, name)]


def _meet(db: Database, name: str) -> bool:
    """False when somebody's open transaction is making the row: that is looked at again, and not waited for."""
    if db.is_sqlite:
        db.execute(MEET, (name,))
        return True
    try:
        with db.savepoint("pool_queue"):
            db.execute(f"SET LOCAL lock_timeout = {MEET_MS}")
            db.execute(MEET, (name,))
            db.execute(f"SET LOCAL lock_timeout = {db.lock_wait_ms}")
    except Exception as error:
        if getattr(error, "sqlstate", None) != LOCK_TIMEOUT:
            raise
        return False
    return True


Rooms = dict[str, int | None]
"""By queue, how many of its jobs may start; None: any number."""


class _Claim:
    """One claim while it is made."""

    def __init__(
        self, db: Database, node: str, deltas: Deltas, queues: Sequence[OpenQueue], shares: Shares, now: float
    ) -> None:
        self.db, self.node, self.deltas, self.shares, self.now = db, node, deltas, shares, now
        self.limits = limits.limits_of(db, queues, deltas, now)
        self.weights = {queue.name: queue.weight for queue in queues}
        self.short: set[str] = set()
        """Queues that gave less than was seen of them, because somebody holds their jobs: others get their part."""

    def fill(self, most: int) -> Taken:
        jobs: list[ClaimedJob] = []
        is_passed_by, is_cut_off, is_delayed = bool(self.limits.locked), False, False
        for turn in range(ROUNDS):
            wanted, known_short = most - len(jobs), len(self.short)
            rows, is_all = self._round(wanted, deeper=turn > 0)
            found = keys.admit(self.db, in_turn(rows, self.weights), self.deltas, self.now)
            self.limits.use(job.queue for job in found.jobs)
            jobs += found.jobs
            is_short = len(self.short) > known_short
            is_passed_by = is_passed_by or found.returned > 0 or is_short
            is_delayed = is_delayed or any(one.until is not None for one in found.held)
            is_cut_off = bool(rows) and len(found.jobs) < wanted and not (is_all and len(found.jobs) == len(rows))
            if not (is_cut_off or is_short) or found.returned:
                break
            keys.clear_way(self.db, found.held, self.deltas, self.now)
        self.limits.write(self.db)
        if turn:
            jobs = in_turn(jobs, self.weights)
        if len(jobs) >= most:
            return Taken(jobs, delayed=is_delayed)
        again_s = 0.0 if is_cut_off and not is_passed_by else self.limits.again_s
        return Taken(jobs, is_passed_by, self.limits.holds_back, again_s, is_delayed)

    def _round(self, most: int, *, deeper: bool) -> tuple[list[ClaimedJob], bool]:
        """Take once; the jobs, and whether nothing more is to be had."""
        rooms: Rooms = {
            queue: room for queue in self.weights if queue not in self.short and (room := self.limits.room(queue)) != 0
        }
        jobs = [] if deeper else self._late(self.shares.for_late(most), rooms)
        parts, is_all = self._parts(most - len(jobs), rooms, deeper=deeper)
        jobs += self._turned(parts)
        heads = self._take_heads({queue: part for queue, part in parts.items() if part > 0})
        if len(rooms) > 1:
            came = Counter([job.queue for job in heads])
            self.short |= {queue for queue, part in parts.items() if came[queue] < part}
        jobs += heads
        for queue, count in Counter([job.queue for job in jobs]).items():
            self.deltas.add(queue, pending=-count, executing=count)
        return jobs, is_all

    def _parts(self, most: int, rooms: Rooms, *, deeper: bool) -> tuple[dict[str, int], bool]:
        """How many to take from each queue, and whether that is all there is."""
        if not rooms or most <= 0:
            return {}, not rooms
        if len(rooms) == 1:
            ((queue, room),) = rooms.items()
            return {queue: most if room is None else min(room, most)}, True
        depth = most if deeper else min(2 * most // len(rooms) + LEAST_HEAD, most)
        heads = fronts.heads(self.db, rooms, depth, self.weights)
        parts, self.shares.debts = allot(most, heads, self.shares.debts)
        return parts, depth >= most or all(head.is_whole for head in heads)

    def _late(self, most: int, rooms: Rooms) -> list[ClaimedJob]:
        """Take some of what has waited too long, whatever is more urgent."""
        slices = []
        for front in self.shares.late:
            if most > 0 and front.queue in rooms:
                room = rooms[front.queue]
                part = most if room is None else min(room, most)
                slices.append(Slice(front.queue, front.priority, 0, part))
                most -= part
                if room is not None:
                    rooms[front.queue] = room - part
        return self._take_slices(slices)

    def _turned(self, parts: dict[str, int]) -> list[ClaimedJob]:
        """Take what tenants get of queues in which others were first, out of the queues' parts."""
        shares = self.shares
        slices = [
            Slice(queue, shares.mixed[queue], 1, turned)
            for queue, part in parts.items()
            if (turned := shares.for_tenants(queue, part))
        ]
        jobs = self._take_slices(slices)
        for job in jobs:
            parts[job.queue] -= 1
        return jobs

    def _take_heads(self, parts: Mapping[str, int]) -> list[ClaimedJob]:
        if not parts:
            return []
        if not self.db.is_sqlite:
            return self._run(POSTGRES_CLAIM, (list(parts), list(parts.values()), self.node))
        params = [value for part in parts.items() for value in part]
        return self._run(_sqlite_claim(SQLITE_HEAD, len(parts)), (self.node, *params))

    def _take_slices(self, slices: Sequence[Slice]) -> list[ClaimedJob]:
        if not slices:
            return []
        if not self.db.is_sqlite:
            columns = [list(column) for column in zip(*slices, strict=True)]
            return self._run(POSTGRES_CLAIM_SLICES, (*columns, self.node))
        params = [value for one in slices for value in one]
        return self._run(_sqlite_claim(SQLITE_SLICE, len(slices)), (self.node, *params))

    def _run(self, statement: str, params: Sequence[Any]) -> list[ClaimedJob]:
        return [ClaimedJob(*row) for row in self.db.raw.execute(statement, params).fetchall()]


@lru_cache(maxsize=32)
def _sqlite_claim(term: str, count: int) -> str:
    parts = [" UNION ALL ".join([term] * min(SQLITE_TERMS, count - at)) for at in range(0, count, SQLITE_TERMS)]
    whole = parts[0] if len(parts) == 1 else " UNION ALL ".join(f"SELECT * FROM ({part})" for part in parts)
    return SQLITE_CLAIM.replace("{heads}", whole)
