"""Give jobs their turn: the rank that orders them within their queue and priority, fair between tenants.

A rank is given when a job may start: by the process that enqueues it, or by the node that finds its time has come. It
comes from an unlocked look at what waits, through two indexes, so that enqueuing waits for nobody; two processes that
look at once give the same rank twice, and the older job goes first. Jobs without a tenant have rank 0, and cost no
look, unless others of their queue and priority take turns just now.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
from django.db import connections

from pool.domain.fairness import STEP, next_ranks
from pool.domain.states import JobStatus
from pool.store.database import Database
from pool.store.new_job import NewJob
from pool.store.standing import queue_standing

# The guard of the second look is no index's: whatever statistics say, it goes by the tenant.
LOOK = """SELECT
(SELECT "rank" FROM pool_job WHERE status = 'PENDING' AND queue = %s AND priority = %s AND "rank" > 0
  ORDER BY "rank" LIMIT 1),
(SELECT "rank" FROM pool_job WHERE status || '' = 'PENDING' AND finished_at IS NULL AND "rank" > 0
  AND tenant = %s AND queue = %s AND priority = %s ORDER BY "rank" DESC LIMIT 1),
(SELECT weight FROM pool_tenant WHERE name = %s)"""

GIVE = """UPDATE pool_job SET "rank" = %s WHERE id = %s::uuid AND status = 'PENDING'"""

Line = tuple[str, int, str]
"""A tenant's jobs in one queue, at one priority."""
Ask = Callable[[str, Sequence[Any]], Any]


class Woken(NamedTuple):
    """A job that waited for something and may start now."""

    id: Any
    queue: str
    priority: int
    tenant: str
    had_turn: bool
    """It was in line before, and goes to the front: it failed, or its key had no room."""


def ranked(
    alias: str, rows: Sequence[NewJob], places: Collection[tuple[str, int]], *, have_tenants: bool
) -> Sequence[NewJob]:
    """Give new jobs their ranks; the rows as they are when none needs one. `places` are their queues and priorities."""
    turns = {place for place in places if queue_standing(alias, *place).has_turns}
    if not (turns or have_tenants):
        return rows
    lines = _lines(rows, turns)
    if not lines:
        return rows
    with connections[alias].cursor() as cursor:
        ask = asking(cursor)
        ranks = {line: iter(_new(ask, line, jobs)) for line, jobs in lines.items()}
    return [_with_rank(row, ranks) for row in rows]


def give_ranks(db: Database, woken: Iterable[Woken]) -> None:
    """Give ranks to jobs that have just become PENDING with rank 0, in the node's transaction."""
    lines: dict[Line, list[Woken]] = {}
    for job in woken:
        lines.setdefault((job.queue, job.priority, job.tenant), []).append(job)
    given: list[tuple[int, Any]] = []
    for line, jobs in lines.items():
        given += given_ranks(lambda sql, params: db.execute(sql, params).fetchone(), line, jobs)
    if given:
        db.executemany(GIVE, given)


def given_ranks(ask: Ask, line: Line, jobs: Sequence[Woken]) -> Iterator[tuple[int, Any]]:
    """The ranks of jobs of one line that have just woken, each with the job's id."""
    turn, last, weight = _look(ask, line)
    if not line[2] and turn is None:
        return
    behind = iter(next_ranks(last, turn, weight, len(jobs)))
    for job in jobs:
        yield (turn or STEP) if job.had_turn else next(behind), job.id


def asking(cursor: Any) -> Ask:
    """Ask over a cursor of Django's connection."""

    def ask(sql: str, params: Sequence[Any]) -> Any:
        cursor.execute(sql, params)
        return cursor.fetchone()

    return ask


def _lines(rows: Sequence[NewJob], turns: Collection[tuple[str, int]]) -> Counter[Line]:
    """The lines that need ranks, and how many."""
    return Counter(
        (row.queue, row.priority, row.tenant)
        for row in rows
        if (row.tenant or (row.queue, row.priority) in turns) and row.status is JobStatus.PENDING
    )


def _with_rank(row: NewJob, ranks: dict[Line, Iterator[int]]) -> NewJob:
    line = ranks.get((row.queue, row.priority, row.tenant))
    if line is None or row.status is not JobStatus.PENDING:
        return row
    return msgspec.structs.replace(row, rank=next(line))


def _new(ask: Ask, line: Line, jobs: int) -> Sequence[int]:
    """Ranks for new jobs of a line."""
    turn, last, weight = _look(ask, line)
    if not line[2] and turn is None:
        return [0] * jobs
    return next_ranks(last, turn, weight, jobs)


def _look(ask: Ask, line: Line) -> tuple[int | None, int | None, float]:
    queue, priority, tenant = line
    turn, last, weight = ask(LOOK, (queue, priority, tenant, queue, priority, tenant))
    return turn, last, 1.0 if weight is None else weight
