"""The counters of the queues: kept, never counted. The sum over all rows of a queue is the truth at any moment.

Whoever changes jobs outside a node appends a loose row (`node = ''`) in the same transaction and so waits for nobody. A
node keeps one row per queue, adds to it in the transaction of its turn, and folds the loose rows into its own.
"""

from functools import cache
from typing import Any

from django.db.models import Sum

from pool.models import Tally
from pool.store.database import Database

COUNTERS = (
    "scheduled",
    "blocked",
    "pending",
    "executing",
    "dead",
    "submitted",
    "completed",
    "failed",
    "timeout",
    "cancelled",
    "retried",
)

FOLD_BATCH = 5000
"""Loose rows taken in one turn."""

FIELDS = ("queue", *COUNTERS)

SQLITE_TAKE = f"""DELETE FROM pool_tally WHERE id IN (SELECT id FROM pool_tally WHERE node = '' LIMIT ?)
RETURNING {", ".join(FIELDS)}"""

POSTGRES_TAKE = f"""WITH loose AS MATERIALIZED (
  SELECT id FROM pool_tally WHERE node = '' LIMIT %s FOR UPDATE SKIP LOCKED)
DELETE FROM pool_tally t USING loose WHERE t.id = loose.id
RETURNING {", ".join(f"t.{name}" for name in FIELDS)}"""

Sums = dict[str, dict[str, int]]


class Folded(Sums):
    """What the loose rows taken in one turn added up to, by queue."""

    more = False
    """A full batch came: there may be further rows."""
    arrived = 0
    """Jobs that were enqueued. What a node that is gone had folded came long before."""


def sums(alias: str) -> Sums:
    """Read all counters by queue, over Django's connection."""
    rows = Tally.objects.using(alias).order_by().values_list("queue").annotate(*map(Sum, COUNTERS))
    return {queue: dict(zip(COUNTERS, map(int, totals), strict=True)) for queue, *totals in rows}


def depths(db: Database) -> dict[str, int]:
    """Read how many jobs may start now, by queue, over the node's connection."""
    rows = db.execute("SELECT queue, sum(pending) FROM pool_tally GROUP BY queue").fetchall()
    return {queue: int(pending) for queue, pending in rows}


def add(db: Database, node: str, queue: str, **deltas: int) -> None:
    """Add to the node's own row of the queue, in the node's transaction."""
    changed = {name: delta for name, delta in deltas.items() if delta}
    if not changed:
        return
    # Only the node itself writes its rows, so between the two statements nobody makes a second one.
    if not db.execute(_update(tuple(changed)), (*changed.values(), node, queue)).rowcount:
        db.execute(_insert(tuple(changed)), (queue, node, *changed.values()))


def loose(cursor: Any, queue: str, **deltas: int) -> None:
    """Append a change from outside a node, on a cursor of Django's connection, in the caller's transaction."""
    cursor.execute(_insert(tuple(deltas)), (queue, "", *deltas.values()))


def fold(db: Database, node: str) -> Folded:
    """Move loose rows into the node's own, in the node's transaction; what they added up to, by queue."""
    rows = db.raw.execute(SQLITE_TAKE if db.is_sqlite else POSTGRES_TAKE, (FOLD_BATCH,)).fetchall()
    folded = Folded()
    folded.more = len(rows) >= FOLD_BATCH
    for queue, *changes in rows:
        known = folded.setdefault(queue, dict.fromkeys(COUNTERS, 0))
        row = dict(zip(COUNTERS, changes, strict=True))
        for name, change in row.items():
            known[name] += change
        # Of a row that says more than that jobs came, the jobs were counted by the node that left it.
        if row["submitted"] == row["scheduled"] + row["blocked"] + row["pending"]:
            folded.arrived += row["submitted"]
    for queue, deltas in folded.items():
        add(db, node, queue, **deltas)
    return folded


def abandon(db: Database, node: str) -> None:
    """Make the rows of a node that is gone loose, so that a living one folds them. The sums stay as they are."""
    db.execute("UPDATE pool_tally SET node = '' WHERE node = %s AND node <> ''", (node,))


@cache
def _update(names: tuple[str, ...]) -> str:
    changes = ", ".join(f"{name} = {name} + %s" for name in _checked(names))
    return f"UPDATE pool_tally SET {changes} WHERE node = %s AND queue = %s"


@cache
def _insert(names: tuple[str, ...]) -> str:
    columns = ", ".join(("queue", "node", *_checked(names)))
    return f"INSERT INTO pool_tally ({columns}) VALUES ({', '.join(['%s'] * (len(names) + 2))})"


def _checked(names: tuple[str, ...]) -> tuple[str, ...]:
    unknown = set(names) - set(COUNTERS)
    if unknown:
        raise ValueError(f"No such counter: {', '.join(sorted(unknown))}.")
    return names
