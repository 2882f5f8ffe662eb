"""Unique keys: who holds one, and who takes it over.

Called in the enqueuing process, in the transaction that stores the jobs. A key is never given back: its row stays, and
the next one who wants it looks whether the holder still holds it. Somebody who enqueues the same key at the same moment
waits for the other's transaction, since only its end decides; apart from that nobody waits.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from pool.domain.errors import NotPossible
from pool.domain.links import holds
from pool.domain.states import JobStatus
from pool.store.among import as_uuid
from pool.store.new_job import as_text

TRIES = 20
"""A key may change hands between two looks; each look is one statement."""

POSTGRES_INSERT = """INSERT INTO pool_uniquekey (key, job, scope, until)
SELECT * FROM unnest(%s::text[], %s::uuid[], %s::text[], %s::timestamptz[])
ON CONFLICT (key) DO NOTHING RETURNING key"""

SQLITE_INSERT = """INSERT INTO pool_uniquekey (key, job, scope, until)
SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'),
json_extract(value, '$[3]') FROM json_each(%s) WHERE true
ON CONFLICT (key) DO NOTHING RETURNING key"""

LOOK = """SELECT u.key, u.job, u.scope, u.until IS NOT NULL AND u.until > %s, j.status
FROM pool_uniquekey u LEFT JOIN pool_job j ON j.id = u.job WHERE u.key {among}"""

POSTGRES_LOCK = "SELECT key FROM pool_uniquekey WHERE key = ANY(%s::text[]) ORDER BY key FOR UPDATE"

POSTGRES_TAKE_OVER = """UPDATE pool_uniquekey u SET job = v.job, scope = v.scope, until = v.until
FROM unnest(%s::text[], %s::uuid[], %s::text[], %s::timestamptz[], %s::uuid[]) AS v(key, job, scope, until, holder)
WHERE u.key = v.key AND u.job = v.holder RETURNING u.key"""

SQLITE_TAKE_OVER = """UPDATE pool_uniquekey SET job = v.job, scope = v.scope, until = v.until
FROM (SELECT json_extract(value, '$[0]') AS key, json_extract(value, '$[1]') AS job,
  json_extract(value, '$[2]') AS scope, json_extract(value, '$[3]') AS until, json_extract(value, '$[4]') AS holder
  FROM json_each(%s)) AS v
WHERE pool_uniquekey.key = v.key AND pool_uniquekey.job = v.holder RETURNING pool_uniquekey.key"""

HAND_OVER = "UPDATE pool_uniquekey SET job = %s WHERE key = %s"


class Wanted(NamedTuple):
    """A key that a new job wants to hold."""

    key: str
    job: UUID
    scope: str
    until: datetime | None


class _Held(NamedTuple):
    job: UUID
    holds: bool


def take(cursor: Any, is_postgres: bool, wanted: Sequence[Wanted], now: datetime) -> dict[UUID, UUID]:
    """Take the keys; of each job that did not get its own, the job that holds it."""
    first: dict[str, Wanted] = {}
    for one in wanted:
        first.setdefault(one.key, one)
    # In one order, so that two who want the same keys do not wait for each other.
    lost = _take(_Keys(cursor, is_postgres, now), sorted(first.values()))
    second = {one.job: first[one.key].job for one in wanted if first[one.key] is not one}
    return lost | {job: lost.get(holder, holder) for job, holder in second.items()}


def held(cursor: Any, is_postgres: bool, wanted: Sequence[Wanted], now: datetime) -> dict[UUID, UUID]:
    """The same as far as a look tells that takes nothing: the job that would stand for each that gets no key."""
    holders = _Keys(cursor, is_postgres, now).look([one.key for one in wanted])
    stands = {key: one.job for key, one in holders.items() if one.holds}
    return {one.job: stands[one.key] for one in wanted if stands.setdefault(one.key, one.job) != one.job}


def reclaim(cursor: Any, is_postgres: bool, wanted: Sequence[Wanted], now: datetime) -> dict[UUID, UUID]:
    """Let jobs that ended hold their keys again, as the keys' rows have it; of each that cannot, the job that holds it.

    They are locked until the transaction ends.
    """
    keys = _Keys(cursor, is_postgres, now)
    first: dict[str, Wanted] = {}
    for one in wanted:
        first.setdefault(one.key, one)
    keys.lock(sorted(first))
    holders = keys.look(list(first))
    lost: dict[UUID, UUID] = {}
    for key, one in first.items():
        holder = holders.get(key)
        if holder is not None and holder.job != one.job and holder.holds:
            lost[one.job] = holder.job
        elif holder is not None:
            keys.hand_over(key, one.job)
    if new := [one for key, one in sorted(first.items()) if key not in holders]:
        lost |= _take(keys, new)
    second = {one.job: first[one.key].job for one in wanted if first[one.key] is not one}
    return lost | {job: lost.get(holder, holder) for job, holder in second.items()}


def _take(keys: "_Keys", left: list[Wanted]) -> dict[UUID, UUID]:
    lost: dict[UUID, UUID] = {}
    for _ in range(TRIES):
        if not left:
            return lost
        new = keys.insert(left)
        left = [one for one in left if one.key not in new]
        holders = keys.look([one.key for one in left]) if left else {}
        lost |= {one.job: holders[one.key].job for one in left if one.key in holders and holders[one.key].holds}
        free = [(one, holders[one.key].job) for one in left if one.key in holders and not holders[one.key].holds]
        taken = keys.take_over(free) if free else set()
        left = [one for one in left if one.key not in taken and one.job not in lost]
    raise NotPossible("The unique keys of these jobs change hands too fast. Try again.")


class _Keys:
    """The statements, in the dialect of the cursor."""

    def __init__(self, cursor: Any, is_postgres: bool, now: datetime) -> None:
        self.cursor, self.is_postgres, self.now = cursor, is_postgres, now

    def insert(self, wanted: Sequence[Wanted]) -> set[str]:
        """Take those that nobody ever held."""
        if self.is_postgres:
            self.cursor.execute(POSTGRES_INSERT, list(map(list, zip(*wanted, strict=True))))
        else:
            self.cursor.execute(SQLITE_INSERT, (json.dumps([_as_texts(one) for one in wanted]),))
        return {key for (key,) in self.cursor.fetchall()}

    def look(self, keys: Sequence[str]) -> dict[str, _Held]:
        """Who holds them, and whether they still do."""
        way = "= ANY(%s::text[])" if self.is_postgres else "IN (SELECT value FROM json_each(%s))"
        now: Any = self.now if self.is_postgres else as_text(self.now)
        self.cursor.execute(LOOK.format(among=way), (now, list(keys) if self.is_postgres else json.dumps(keys)))
        return {key: _Held(as_uuid(job), _holds(*facts)) for key, job, *facts in self.cursor.fetchall()}

    def lock(self, keys: Sequence[str]) -> None:
        """Keep others from taking them over until the transaction ends."""
        if self.is_postgres:
            self.cursor.execute(POSTGRES_LOCK, (list(keys),))

    def hand_over(self, key: str, job: UUID) -> None:
        self.cursor.execute(HAND_OVER, (job if self.is_postgres else job.hex, key))

    def take_over(self, free: Sequence[tuple[Wanted, UUID]]) -> set[str]:
        """Take those whose holder no longer holds them, unless somebody else just did, or retried the holder."""
        if self.is_postgres:
            self.lock([one.key for one, _ in free])
            holders = self.look([one.key for one, _ in free])
            free = [(one, holder) for one, holder in free if one.key in holders and not holders[one.key].holds]
            if not free:
                return set()
            columns = zip(*((*one, holder) for one, holder in free), strict=True)
            self.cursor.execute(POSTGRES_TAKE_OVER, list(map(list, columns)))
        else:
            rows = [[*_as_texts(one), holder.hex] for one, holder in free]
            self.cursor.execute(SQLITE_TAKE_OVER, (json.dumps(rows),))
        return {key for (key,) in self.cursor.fetchall()}


def _holds(scope: str, is_in_period: Any, status: str | None) -> bool:
    return holds(scope, None if status is None else JobStatus(status), is_in_period=bool(is_in_period))


def _as_texts(one: Wanted) -> list[str | None]:
    return [one.key, one.job.hex, one.scope, None if one.until is None else as_text(one.until)]
