"""What an enqueuing process knows of queues and tenants: looked up at most once a second, and remembered in between.

Most pools have no limits and no tenants, and enqueuing must stay as cheap for them as if there were none: one small
statement a second tells that. Reads only, over Django's connection, in the caller's transaction if there is one.
"""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

from django.db import connections

LOOK_S = 1.0
MOST_KNOWN = 10_000
"""Names of queues and tenants may come from outside: what is remembered of them has a bound."""

LOOK_AT_QUEUE = """SELECT
(SELECT max("rank") FROM pool_job WHERE status = 'PENDING' AND queue = %s AND priority = %s),
(SELECT max_waiting FROM pool_queue WHERE name = %s)"""

LOOK_AT_TENANT = "SELECT max_waiting FROM pool_tenant WHERE name = %s"


class QueueStanding(NamedTuple):
    at: float
    has_turns: bool = False
    """Jobs with a rank wait at this priority, so a new one must take its turn among them."""
    max_waiting: int | None = None


class TenantStanding(NamedTuple):
    at: float
    max_waiting: int | None = None


_queues: dict[tuple[str, str, int], QueueStanding] = {}
_tenants: dict[tuple[str, str], TenantStanding] = {}
_forget_too: list[Callable[[], None]] = []


def queue_standing(alias: str, queue: str, priority: int) -> QueueStanding:
    """How a queue stands at one priority."""
    now, key = time.monotonic(), (alias, queue, priority)
    known = _queues.get(key)
    if known is None or now - known.at >= LOOK_S:
        with connections[alias].cursor() as cursor:
            cursor.execute(LOOK_AT_QUEUE, (queue, priority, queue))
            rank, max_waiting = cursor.fetchone()
        _make_room(_queues)
        known = _queues[key] = QueueStanding(now, bool(rank), max_waiting)
    return known


def tenant_standing(alias: str, tenant: str) -> TenantStanding:
    """What is set for a tenant."""
    now, key = time.monotonic(), (alias, tenant)
    known = _tenants.get(key)
    if known is None or now - known.at >= LOOK_S:
        with connections[alias].cursor() as cursor:
            cursor.execute(LOOK_AT_TENANT, (tenant,))
            row = cursor.fetchone()
        _make_room(_tenants)
        known = _tenants[key] = TenantStanding(now, row[0] if row else None)
    return known


def forget() -> None:
    """Look again at everything: limits were changed in this process, or a test begins."""
    _queues.clear()
    _tenants.clear()
    for clear in _forget_too:
        clear()


def forgets(clear: Callable[[], None]) -> Callable[[], None]:
    """Register what else has to be cleared then."""
    _forget_too.append(clear)
    return clear


def _make_room(known: dict[Any, Any]) -> None:
    if len(known) >= MOST_KNOWN:
        known.clear()
