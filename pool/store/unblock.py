"""Move jobs that waited for others: to their start, to a later one, or to their end.

Called by `pool.store.dependencies` in a node's transaction. Rows that somebody else holds locked are left alone and
named, never waited for.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from pool.domain.errors import ParentFailed
from pool.domain.ids import spelled
from pool.domain.jobs import failure
from pool.domain.states import JobStatus
from pool.domain.unblocking import Cancelled, ParentEnded, Starts, Waits, judge_child
from pool.store import batches
from pool.store.among import among
from pool.store.database import Database
from pool.store.deltas import Deltas
from pool.store.rank import Woken, give_ranks

CHILDREN = "SELECT id::text, status, waits_for, queue, batch::text FROM pool_job WHERE id {among}"
POSTGRES_LOCK = " ORDER BY pool_job.id FOR UPDATE SKIP LOCKED"
HELD = "SELECT id::text FROM pool_job WHERE id {among}"

START = """UPDATE pool_job SET waits_for = 0,
status = CASE WHEN run_at > %s::timestamptz THEN 'SCHEDULED' ELSE 'PENDING' END,
run_at = CASE WHEN run_at > %s::timestamptz THEN run_at ELSE %s::timestamptz END
WHERE status = 'BLOCKED' AND waits_for > 0 AND id {among}
RETURNING id::text, queue, priority, tenant, status"""

WAIT = "UPDATE pool_job SET waits_for = %s WHERE status = 'BLOCKED' AND waits_for > 0 AND id {among}"

CANCEL = """UPDATE pool_job SET status = 'CANCELLED', finished_at = %s::timestamptz, waits_for = 0, error = %s::jsonb
WHERE status = 'BLOCKED' AND waits_for > 0 AND id = %s::uuid"""


class Child(NamedTuple):
    """A job, by what decides about it."""

    id: str
    status: JobStatus
    waits_for: int
    queue: str
    batch: str | None


@dataclass(slots=True)
class Moved:
    started: int = 0
    cancelled: list[str] = field(default_factory=list)
    held: set[str] = field(default_factory=set)
    """Children that somebody has locked."""
    of_batches: bool = False
    """Some of the cancelled count in a batch."""


def unblock(db: Database, ended: Mapping[str, Sequence[ParentEnded]], now: float, deltas: Deltas) -> Moved:
    """Decide about children by those of their parents that have ended, and move them."""
    moved = Moved()
    if not ended:
        return moved
    children = _children(db, ended, moved)
    verdicts = [(one, judge_child(one.status, one.waits_for, ended[one.id])) for one in children]
    _start(db, [child.id for child, verdict in verdicts if isinstance(verdict, Starts)], now, deltas, moved)
    _wait(db, [(child.id, verdict.parents) for child, verdict in verdicts if isinstance(verdict, Waits)])
    _cancel(db, [(child, one.because) for child, one in verdicts if isinstance(one, Cancelled)], now, deltas, moved)
    return moved


def _children(db: Database, ids: Collection[str], moved: Moved) -> list[Child]:
    """Hold them until the transaction ends; those that somebody else holds are noted."""
    found = among(db, CHILDREN + ("" if db.is_sqlite else POSTGRES_LOCK), ids).fetchall()
    children = [Child(id, JobStatus(status), *facts) for id, status, *facts in found]
    if not db.is_sqlite and len(children) < len(ids):
        others = set(ids) - {child.id for child in children}
        moved.held = {id for (id,) in among(db, HELD, others).fetchall()}
    return children


def _start(db: Database, ids: Sequence[str], now: float, deltas: Deltas, moved: Moved) -> None:
    if not ids:
        return
    at = db.at(now)
    rows = among(db, START, ids, before=(at, at, at)).fetchall()
    for _, queue, *_, status in rows:
        deltas.add(queue, blocked=-1, **{str(status).lower(): 1})
    pending = (row for row in rows if row[-1] == JobStatus.PENDING)
    give_ranks(db, [Woken(id, queue, priority, tenant, had_turn=False) for id, queue, priority, tenant, _ in pending])
    moved.started = len(rows)


def _wait(db: Database, waiting: Iterable[tuple[str, int]]) -> None:
    by_parents: defaultdict[int, list[str]] = defaultdict(list)
    for id, parents in waiting:
        by_parents[parents].append(id)
    for parents, ids in by_parents.items():
        among(db, WAIT, ids, before=(parents,))


def _cancel(
    db: Database, ending: Sequence[tuple[Child, ParentEnded]], now: float, deltas: Deltas, moved: Moved
) -> None:
    if not ending:
        return
    at = db.at(now)
    db.executemany(CANCEL, [(at, _why(because), child.id) for child, because in ending])
    for queue, jobs in Counter(child.queue for child, _ in ending).items():
        deltas.add(queue, blocked=-jobs, cancelled=jobs)
    moved.cancelled = [child.id for child, _ in ending]
    ended = ((child.batch, JobStatus.CANCELLED) for child, _ in ending if child.batch is not None)
    moved.of_batches = batches.note(db, ended)


def _why(because: ParentEnded) -> str:
    why = failure(ParentFailed, f"It waited for {spelled(because.parent)}, which ended as {because.end}.")
    return json.dumps({"type": why.type, "message": why.message, "traceback": ""})
