"""The counters of batches, kept by whoever ends one of their jobs.

A change is a row of its own in the transaction that made it, so that nobody waits for the batch's row. A node adds the
changes up, and only the node that holds the batch's row takes changes away: so it knows all of them when it decides
that the last job has ended.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from pool.domain.states import DEAD_LETTERS, JobStatus
from pool.models import BatchChange
from pool.store.among import among
from pool.store.database import Database

COUNTERS = ("completed", "failed", "cancelled")
COUNTER = {
    JobStatus.COMPLETED: "completed",
    JobStatus.CANCELLED: "cancelled",
    **dict.fromkeys(DEAD_LETTERS, "failed"),
}

MOST = 1000
"""Batches added up in one turn."""

NOTE = "INSERT INTO pool_batchchange (batch, completed, failed, cancelled) VALUES (%s::uuid, %s, %s, %s)"

CHANGED = "SELECT DISTINCT batch::text FROM pool_batchchange LIMIT %s"
HOLD = "SELECT id::text FROM pool_batch WHERE id {among}"
POSTGRES_HOLD = f"{HOLD} ORDER BY pool_batch.id FOR UPDATE SKIP LOCKED"
TAKE = "DELETE FROM pool_batchchange WHERE batch {among} RETURNING batch::text, completed, failed, cancelled"
ADD = """UPDATE pool_batch SET completed = completed + %s, failed = failed + %s, cancelled = cancelled + %s,
finished_at = CASE WHEN completed + failed + cancelled + %s >= total THEN coalesce(finished_at, %s::timestamptz) END
WHERE id = %s::uuid RETURNING finished_at IS NOT NULL"""


@dataclass(slots=True)
class Folded:
    ended: list[str] = field(default_factory=list)
    """Batches whose last job has ended."""
    left: bool = False
    """Somebody else holds a batch that has changed, or there are too many for one turn."""


def note(db: Database, ends: Iterable[tuple[str, JobStatus]]) -> bool:
    """Note how jobs of batches ended, in the transaction that ended them; whether there were any."""
    changes: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for batch, status in ends:
        changes[batch][COUNTER[status]] += 1
    if changes:
        db.executemany(NOTE, [(batch, *(counts[name] for name in COUNTERS)) for batch, counts in changes.items()])
    return bool(changes)


def note_from_outside(alias: str, changes: Iterable[tuple[Any, str, int]]) -> None:
    """Note that jobs ended, or (with minus one) that they have not after all, over Django's connection."""
    sums: defaultdict[Any, Counter[str]] = defaultdict(Counter)
    for batch, status, step in changes:
        sums[batch][COUNTER[JobStatus(status)]] += step
    rows = [BatchChange(batch=batch, **counts) for batch, counts in sums.items()]
    BatchChange.objects.using(alias).bulk_create(rows)


def fold(db: Database, now: float) -> Folded:
    """Add the changes to their batches, in the node's transaction."""
    changed = [batch for (batch,) in db.execute(CHANGED, (MOST,)).fetchall()]
    folded = Folded()
    if not changed:
        return folded
    held = [id for (id,) in among(db, HOLD if db.is_sqlite else POSTGRES_HOLD, changed).fetchall()]
    folded.left = len(held) + _forget_gone(db, changed, held) < len(changed) or len(changed) == MOST
    sums: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for batch, *counts in among(db, TAKE, held).fetchall() if held else ():
        sums[batch] = [known + more for known, more in zip(sums[batch], counts, strict=True)]
    for batch, counts in sums.items():
        has_ended = db.execute(ADD, (*counts, sum(counts), db.at(now), batch)).fetchone()[0]
        if has_ended:
            folded.ended.append(batch)
    return folded


def _forget_gone(db: Database, changed: Sequence[str], held: Sequence[str]) -> int:
    """Remove changes of batches that are no more; of how many."""
    if len(held) == len(changed):
        return 0
    there = {id for (id,) in among(db, HOLD, changed).fetchall()}
    gone = set(changed) - there
    if gone:
        among(db, TAKE, gone)
    return len(gone)
