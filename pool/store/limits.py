"""What the limits of queues let start now: how many of their jobs execute at a time, and how many start in a second.

Part of the claim, in the node's transaction. Only queues that have such limits cost anything. On PostgreSQL their rows
are locked there, so that nodes which claim at once do not both fill the last place; a row that another node holds is
passed over, and looked at again soon. SQLite has one writer at a time.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pool.domain.token_bucket import Bucket, filled
from pool.store.database import Database
from pool.store.deltas import Deltas

OPEN_QUEUES = """SELECT name, weight, max_running IS NOT NULL OR rate IS NOT NULL FROM pool_queue WHERE NOT paused
AND EXISTS (SELECT 1 FROM pool_job WHERE status = 'PENDING' AND queue = name)"""

SQLITE_LIMITS = """SELECT name, max_running, rate, burst, tokens,
(strftime('%s', tokens_at) + substr(tokens_at, 20)) FROM pool_queue WHERE name IN (SELECT value FROM json_each(?))"""

POSTGRES_LIMITS = """SELECT name, max_running, rate, burst, tokens, extract(epoch from tokens_at)::float8
FROM pool_queue WHERE name = ANY(%s) ORDER BY name FOR UPDATE SKIP LOCKED"""

SQLITE_EXECUTING = """SELECT queue, sum(executing) FROM pool_tally
WHERE queue IN (SELECT value FROM json_each(?)) GROUP BY queue"""

POSTGRES_EXECUTING = "SELECT queue, sum(executing) FROM pool_tally WHERE queue = ANY(%s) GROUP BY queue"

KEEP_BUCKET = "UPDATE pool_queue SET tokens = %s, tokens_at = %s::timestamptz WHERE name = %s"


class OpenQueue(NamedTuple):
    """A queue from which jobs may start."""

    name: str
    weight: float
    is_limited: bool


@dataclass(slots=True)
class Room:
    """What the limits of one queue leave."""

    running: int | None
    """Places left for jobs that execute; None: any number."""
    bucket: Bucket | None
    used: int = 0

    @property
    def left(self) -> int:
        limits = [] if self.running is None else [self.running]
        if self.bucket is not None:
            limits.append(self.bucket.ready)
        return max(min(limits) - self.used, 0)


@dataclass(slots=True)
class Limits:
    """The limited queues of one claim. `locked` are those whose rows somebody else holds."""

    rooms: dict[str, Room] = field(default_factory=dict)
    locked: frozenset[str] = frozenset()

    def room(self, queue: str) -> int | None:
        """How many jobs of the queue may start; None: any number."""
        if queue in self.locked:
            return 0
        found = self.rooms.get(queue)
        return None if found is None else found.left

    def use(self, queues: Iterable[str]) -> None:
        """Note that a job of each of them starts."""
        for queue in queues if self.rooms else ():
            if queue in self.rooms:
                self.rooms[queue].used += 1

    def write(self, db: Database) -> None:
        """Take the tokens out of the buckets, in the claim's transaction."""
        for queue, room in self.rooms.items():
            if room.bucket is not None and room.used:
                bucket = room.bucket.take(room.used)
                db.execute(KEEP_BUCKET, (bucket.tokens, db.at(bucket.at), queue))

    @property
    def holds_back(self) -> bool:
        """Whether jobs wait for the end of another one of their queue."""
        return any(room.running is not None and room.running <= room.used for room in self.rooms.values())

    @property
    def again_s(self) -> float | None:
        """How long until a rate lets the next job start; None when no rate holds any back."""
        empty = [room.bucket.take(room.used) for room in self.rooms.values() if room.bucket is not None]
        waits = [bucket.wait_s() for bucket in empty if not bucket.ready]
        return min(waits, default=None)


NONE = Limits()
"""Of a claim from queues without limits: it never holds a room, so nothing is ever noted in it."""


def open_queues(db: Database, only: Sequence[str]) -> list[OpenQueue]:
    """Queues in which jobs may start now, as far as their own jobs go."""
    rows = db.execute(OPEN_QUEUES).fetchall()
    return [OpenQueue(name, weight, bool(limited)) for name, weight, limited in rows if not only or name in only]


def limits_of(db: Database, queues: Sequence[OpenQueue], deltas: Deltas, now: float) -> Limits:
    """Read, and on PostgreSQL lock, what limits these queues; `deltas` are what the transaction has changed so far."""
    names = [queue.name for queue in queues if queue.is_limited]
    if not names:
        return NONE
    rows = _of(db, SQLITE_LIMITS, POSTGRES_LIMITS, names)
    # Only a statement that begins after the rows are locked sees what their last holder committed.
    executing = _executing(db, [name for name, most, *_ in rows if most is not None], deltas)
    rooms = {name: _room(name, *limits, executing=executing, now=now) for name, *limits in rows}
    return Limits(rooms, frozenset(names) - set(rooms))


def _room(
    name: str,
    most: int | None,
    rate: float | None,
    burst: int | None,
    tokens: float,
    at: float | None,
    *,
    executing: Mapping[str, int],
    now: float,
) -> Room:
    running = None if most is None else most - executing.get(name, 0)
    return Room(running, None if rate is None else filled(rate, burst, tokens, at, now))


def _executing(db: Database, names: Sequence[str], deltas: Deltas) -> dict[str, int]:
    """Jobs that execute, with what this transaction has not written yet."""
    if not names:
        return {}
    counted = {queue: int(total) for queue, total in _of(db, SQLITE_EXECUTING, POSTGRES_EXECUTING, names)}
    return {name: counted.get(name, 0) + deltas.by_queue.get(name, {}).get("executing", 0) for name in names}


def _of(db: Database, on_sqlite: str, on_postgres: str, names: Sequence[str]) -> list[Any]:
    if db.is_sqlite:
        return list(db.raw.execute(on_sqlite, (json.dumps(list(names)),)).fetchall())
    return list(db.raw.execute(on_postgres, (list(names),)).fetchall())
