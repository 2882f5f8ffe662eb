"""Keep queues and tenants within their limits: producers are slowed down when it gets tight, and refused at the end.

Called before new jobs are stored, in the process that enqueues. Counters are looked up at most once a second, and more
often only when it is tight; what this process adds in between is added up. So many processes at once may overshoot a
little. Nothing here writes or locks.
"""

import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import connections

from pool.conf import get_config
from pool.domain.backpressure import pause_s, retry_after_s, room_for
from pool.domain.errors import QueueFull
from pool.domain.states import JobStatus
from pool.logs import get_logger
from pool.store.new_job import NewJob
from pool.store.standing import LOOK_S, MOST_KNOWN, forgets, queue_standing, tenant_standing

log = get_logger(__name__)

TIGHT_LOOK_S = 0.05
"""Between two looks once it is tight: what the pool does meanwhile counts then."""
WARN_EVERY_S = 10.0

WAITING_IN_QUEUE = """SELECT coalesce(sum(scheduled + blocked + pending), 0),
coalesce(sum(completed + failed + timeout + cancelled), 0) FROM pool_tally WHERE queue = %s"""

WAITING_OF_TENANT = """SELECT count(*), NULL FROM (
  SELECT 1 FROM pool_job WHERE status || '' = 'PENDING' AND finished_at IS NULL AND "rank" > 0 AND tenant = %s
  LIMIT %s) AS counted"""


@dataclass(slots=True)
class Level:
    """How much waits in a queue or of a tenant, as this process knows it."""

    look: Callable[[], tuple[int, int | None]]
    waiting: int = 0
    ended: int | None = None
    ended_per_s: float | None = None
    looked_at: float | None = None
    warned_at: float | None = field(default=None)

    def refresh(self, now: float, most: int, soft: float, jobs: int) -> None:
        """Look again when it is time, or when it matters."""
        is_tight = self.waiting + jobs >= most * soft
        if self.looked_at is not None and now - self.looked_at < (TIGHT_LOOK_S if is_tight else LOOK_S):
            return
        waiting, ended = self.look()
        if self.looked_at is not None and ended is not None and self.ended is not None:
            self.ended_per_s = (ended - self.ended) / max(now - self.looked_at, TIGHT_LOOK_S)
        self.waiting, self.ended, self.looked_at = waiting, ended, now


Limit = tuple[str, str, int, int]
"""Whether it is of a queue or tenant, of which, how many jobs come in, and how many it takes."""

Spared = Callable[[], Collection[UUID]]
"""Finds the jobs that will not be stored, because others stand for them."""

_levels: dict[tuple[str, str, str], Level] = {}
forgets(_levels.clear)


def admit(
    alias: str,
    rows: Sequence[NewJob],
    places: Collection[tuple[str, int]],
    *,
    have_tenants: bool,
    spared: Spared | None = None,
) -> None:
    """Let the jobs in, perhaps after a pause; raises QueueFull when one of their queues or tenants has no room.

    `places` are their queues with priorities.
    """
    limits = _limits(alias, rows, places, have_tenants=have_tenants)
    if limits and spared is not None and (ids := spared()):
        rows = [row for row in rows if row.id not in ids]
        limits = _limits(alias, rows, {(row.queue, row.priority) for row in rows}, have_tenants=have_tenants)
    if not limits:
        return
    weighed = [(_level(alias, kind, name), kind, name, jobs, most) for kind, name, jobs, most in limits]
    pause = max(_weigh(*one) for one in weighed)
    for level, _, _, jobs, _ in weighed:
        level.waiting += jobs
    # Within a transaction a pause would keep its locks for longer, and help nobody.
    if pause and not connections[alias].in_atomic_block:
        time.sleep(pause)


def _limits(
    alias: str, rows: Sequence[NewJob], places: Collection[tuple[str, int]], *, have_tenants: bool
) -> list[Limit]:
    limits = _limits_of_queues(alias, rows, places)
    return limits + _limits_of_tenants(alias, rows) if have_tenants else limits


def _limits_of_queues(alias: str, rows: Sequence[NewJob], places: Collection[tuple[str, int]]) -> list[Limit]:
    limits = {}
    for queue, priority in places:
        own = queue_standing(alias, queue, priority).max_waiting
        if most := get_config().max_waiting if own is None else own:
            limits[queue] = most
    if not limits:
        return []
    counts = Counter(row.queue for row in rows)
    return [("Queue", queue, counts[queue], most) for queue, most in sorted(limits.items())]


def _limits_of_tenants(alias: str, rows: Sequence[NewJob]) -> list[Limit]:
    counts = Counter(row.tenant for row in rows if row.tenant and row.status is JobStatus.PENDING)
    found = [(tenant, jobs, tenant_standing(alias, tenant).max_waiting) for tenant, jobs in sorted(counts.items())]
    return [("Tenant", tenant, jobs, most) for tenant, jobs, most in found if most]


def _weigh(level: Level, kind: str, name: str, jobs: int, most: int) -> float:
    """How long to pause before so many jobs may come in. Raises QueueFull."""
    config, now = get_config(), time.monotonic()
    level.refresh(now, most, config.backpressure_at, jobs)
    if not room_for(level.waiting, most, jobs):
        raise _full(level, kind, name, jobs, most)
    pause = pause_s(level.waiting + jobs, most, config.backpressure_at, config.backpressure_pause_ms / 1000)
    if pause and (level.warned_at is None or now - level.warned_at >= WARN_EVERY_S):
        level.warned_at = now
        log.warning(f"{kind.lower()}.nearly_full", name=name, waiting=level.waiting, max_waiting=most)
    return pause


def _full(level: Level, kind: str, name: str, jobs: int, most: int) -> QueueFull:
    whose = f"{kind} {name!r} is at capacity"
    if jobs > most:
        return QueueFull(f"{whose}: {jobs:,} jobs at once are more than the {most:,} it takes at all.")
    wait = retry_after_s(level.waiting + jobs - most, level.ended_per_s)
    room = f"{level.waiting:,} of {most:,} jobs wait" + (f", and {jobs:,} more do not fit" if jobs > 1 else "")
    return QueueFull(f"{whose}: {room}. Try again in {wait} s.", wait)


def _level(alias: str, kind: str, name: str) -> Level:
    key = (alias, kind, name)
    known = _levels.get(key)
    if known is None:
        if len(_levels) >= MOST_KNOWN:
            _levels.clear()
        look = _waiting_in_queue if kind == "Queue" else _waiting_of_tenant
        known = _levels[key] = Level(lambda: look(alias, name))
    return known


def _waiting_in_queue(alias: str, queue: str) -> tuple[int, int]:
    waiting, ended = _ask(alias, WAITING_IN_QUEUE, (queue,))
    return max(int(waiting), 0), int(ended)


def _waiting_of_tenant(alias: str, tenant: str) -> tuple[int, None]:
    # One more than the limit tells enough, however many there are.
    most = tenant_standing(alias, tenant).max_waiting or 0
    return int(_ask(alias, WAITING_OF_TENANT, (tenant, most + 1))[0]), None


def _ask(alias: str, statement: str, params: Sequence[Any]) -> Any:
    with connections[alias].cursor() as cursor:
        cursor.execute(statement, params)
        return cursor.fetchone()
