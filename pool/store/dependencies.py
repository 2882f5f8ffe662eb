"""Jobs that wait for others: when a parent has ended, its children start, wait on, or are cancelled.

Whoever ends a job or batch tells its dependents in the same transaction: their rows become fresh. A node follows,
mostly in that very transaction, else in its next turn: it looks at fresh rows, at the parents' ends, and moves the
children. It waits for nobody's lock; what somebody holds stays fresh and is looked at again. A parent that has not
ended yet is kept from ending (FOR SHARE) until its row is no longer fresh, so that no end is missed.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from pool.domain.links import batch_end
from pool.domain.states import TERMINAL, JobStatus, ParentEnd
from pool.domain.unblocking import ParentEnded
from pool.models import JobDependency
from pool.store import batches
from pool.store.among import among
from pool.store.database import Database
from pool.store.deltas import Deltas
from pool.store.unblock import unblock

PORTION = 1000
"""Rows told, or looked at, in one statement, so that a parent of a million children holds up nobody."""
MOST = 1000
"""Rows looked at in one turn; what is left waits for the next."""


def _in_each(statement: str, lock: str = "") -> tuple[str, str]:
    """The statement for PostgreSQL and for SQLite, which takes a partial index only for a condition written as there.

    Which way that is depends on the Django that migrated the database, so it is written in both.
    """
    postgres = statement.replace("{open}", "NOT met").replace("{new}", "fresh").replace("{by}", "") + lock
    sqlite = statement.replace("{open}", "NOT met AND met = 0").replace("{new}", "fresh AND fresh = 1")
    return postgres, sqlite.replace("{by}", "INDEXED BY pool_dependency_open")


SOMETHING_OPEN = _in_each("SELECT EXISTS (SELECT 1 FROM pool_jobdependency WHERE {open})")
SOMETHING_NEW = _in_each(
    "SELECT EXISTS (SELECT 1 FROM pool_jobdependency WHERE {new}), EXISTS (SELECT 1 FROM pool_batchchange)"
)


def _tell(chosen: str) -> tuple[str, str]:
    """Tell the chosen. On PostgreSQL they are looked at again when they are locked.

    Another node may just have told and settled one of them: made fresh once more, it would be counted twice.
    """
    postgres, sqlite = _in_each(chosen)
    update = "UPDATE pool_jobdependency SET fresh = true WHERE id IN"
    postgres = postgres.replace("{hold}", " FOR UPDATE")
    sqlite = sqlite.replace("{hold}", "")
    return f"WITH next AS MATERIALIZED ({postgres}) {update} (SELECT id FROM next)", f"{update} ({sqlite})"


TELL = _tell("SELECT id FROM pool_jobdependency {by} WHERE {open} AND NOT fresh AND parent {among} LIMIT %s{hold}")
TELL_ONE_OF_EACH = _tell("""SELECT (SELECT id FROM pool_jobdependency {by}
WHERE {open} AND NOT fresh AND parent = listed.value LIMIT 1{hold}) AS id FROM {listed}""")

FRESH = _in_each(
    """SELECT id, child::text, parent::text, wants FROM pool_jobdependency
WHERE {new} AND id > %s ORDER BY pool_jobdependency.id LIMIT %s""",
    lock=" FOR UPDATE SKIP LOCKED",
)

JOBS = "SELECT id::text, status FROM pool_job WHERE id {among}"
BATCHES = "SELECT id::text, total, completed, failed, cancelled FROM pool_batch WHERE id {among}"
POSTGRES_SHARE = " FOR SHARE SKIP LOCKED"
HELD = (
    "SELECT id::text FROM pool_job WHERE id {among}",
    "SELECT id::text FROM pool_batch WHERE id {among}",
)

NOT_ENDED = "UPDATE pool_jobdependency SET fresh = false WHERE id {among}"
SETTLED = "UPDATE pool_jobdependency SET fresh = false, met = true WHERE id {among}"


BEGINNING = 0, 0


class Row(NamedTuple):
    """One child that waits for one parent."""

    id: int
    child: str
    parent: str
    wants: ParentEnd


@dataclass(slots=True)
class Followed:
    """What came of it."""

    started: int = 0
    """Children that wait for nobody any more."""
    cancelled: int = 0
    more: bool = False
    """There is more to follow at once."""
    left: bool = False
    """Somebody holds rows just now: they are to be looked at again."""
    place: tuple[int, int] = BEGINNING
    """After which row the next turn goes on, and how many were told meanwhile, perhaps before it. What is held stays at
    the front, and may be more than a turn looks at."""


def tell(db: Database, ended: Iterable[str]) -> int:
    """Tell the first dependents of ended jobs or batches, in the transaction that ended them; how many.

    Whoever follows them tells the next ones of the same parents in that same transaction, so that each that has ended
    and has dependents left has one to go on from: also those of many parents that a portion had no room for.
    """
    if not db.execute(SOMETHING_OPEN[db.is_sqlite]).fetchone()[0] or not (ids := list(ended)):
        return 0
    told = int(among(db, TELL[db.is_sqlite], ids, after=(PORTION,)).rowcount)
    if told == PORTION and len(ids) > 1:
        told += int(among(db, TELL_ONE_OF_EACH[db.is_sqlite], ids).rowcount)
    return told


def tell_from_outside(alias: str, ended: Collection[UUID]) -> int:
    """The same over Django's connection, for those who are no node: a node follows when this is committed."""
    ties = JobDependency.objects.using(alias)
    first = ties.filter(parent__in=ended, met=False, fresh=False).values("pk")[:PORTION]
    return ties.filter(pk__in=first).update(fresh=True)


def follow(db: Database, now: float, deltas: Deltas, place: tuple[int, int] = BEGINNING) -> Followed:
    """Do what the ends lead to, also for those that end by it, in the node's transaction. `place` as in Followed."""
    followed = Followed()
    if not any(db.execute(SOMETHING_NEW[db.is_sqlite]).fetchone()):
        return followed
    after, told = place
    # What is before the place may be held, and is looked at again when the list is through.
    followed.left = after > 0
    told += _end_batches(db, now, followed)
    looked = 0
    while looked < MOST:
        rows = _fresh(db, after)
        if not rows and not told:
            return followed
        # At the end of the list it begins again, with those who were told meanwhile.
        after = rows[-1].id if rows else 0
        told = (told if rows else 0) + (_settle(db, rows, now, deltas, followed) if rows else 0)
        looked += len(rows)
    followed.more, followed.place = True, (after, told)
    return followed


def _fresh(db: Database, after: int) -> list[Row]:
    rows = db.execute(FRESH[db.is_sqlite], (after, PORTION)).fetchall()
    return [Row(id, child, parent, ParentEnd(wants)) for id, child, parent, wants in rows]


def _settle(db: Database, rows: Sequence[Row], now: float, deltas: Deltas, followed: Followed) -> int:
    """Look at the parents of these rows and move the children; how many more rows were told."""
    ends = _ends(db, {row.parent for row in rows})
    ended: defaultdict[str, list[ParentEnded]] = defaultdict(list)
    for row in rows:
        if (end := ends.get(row.parent)) is not None:
            ended[row.child].append(ParentEnded(row.parent, row.wants, end))
    moved = unblock(db, ended, now, deltas)
    # Only rows that are no longer fresh make room for the next ones.
    _mark(db, NOT_ENDED, [row.id for row in rows if row.parent in ends and ends[row.parent] is None])
    _mark(db, SETTLED, [row.id for row in rows if ends.get(row.parent) is not None and row.child not in moved.held])
    followed.started += moved.started
    followed.cancelled += len(moved.cancelled)
    followed.left |= bool(moved.held) or any(row.parent not in ends for row in rows)
    told = tell(db, [*moved.cancelled, *(parent for parent, end in ends.items() if end is not None)])
    return told + (_end_batches(db, now, followed) if moved.of_batches else 0)


def _ends(db: Database, ids: set[str]) -> dict[str, JobStatus | None]:
    """How they ended, None for those that have not; without those that somebody holds just now."""
    lock = "" if db.is_sqlite else POSTGRES_SHARE
    jobs = {id: JobStatus(status) for id, status in among(db, JOBS + lock, ids).fetchall()}
    ends: dict[str, JobStatus | None] = {id: status if status in TERMINAL else None for id, status in jobs.items()}
    if others := ids - set(ends):
        ends |= {id: batch_end(*counts) for id, *counts in among(db, BATCHES + lock, others).fetchall()}
    if others := ids - set(ends):
        held = {id for statement in HELD for (id,) in among(db, statement, others).fetchall()}
        # Nobody will end what is gone.
        ends |= dict.fromkeys(others - held, JobStatus.CANCELLED)
    return ends


def _end_batches(db: Database, now: float, followed: Followed) -> int:
    folded = batches.fold(db, now)
    followed.left |= folded.left
    return tell(db, folded.ended)


def _mark(db: Database, statement: str, ids: Sequence[int]) -> Any:
    return among(db, statement, ids, kind="bigint") if ids else None
