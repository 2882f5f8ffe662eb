"""Whether the pool is well, in a summary; and a check by hand, which asks every worker for a sign of life and waits.

Over Django's connection. The check is a ring and a look at rows: a worker has answered when its beat is another one. A
row may be older than the last beat before the ring, and clocks of hosts differ: so it rings twice, and what counts is
the second answer.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from pool.conf import database_alias, get_config
from pool.models import WorkerSnapshot
from pool.store.actor import NOBODY, Actor
from pool.store.again import again_on_conflict
from pool.store.doorbell import CHECK, ring_until
from pool.store.events import write_action
from pool.store.status import pool_status, workers

ANSWER_S = 5.0
"""What workers have to answer: a node writes once a second, and they are asked twice."""
RING_EVERY_S = 0.5
MOVED = timedelta(seconds=0.25)
"""A beat that differs by less is the same one: a node writes it down by a wall clock that it sets right each second."""

Beats = Mapping[str, datetime]


def health_summary(now: datetime | None = None, figures: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Give the health of the pool: status, capacity, alerts, and how many workers are well."""
    now = now or timezone.now()
    figures = pool_status(now) if figures is None else figures
    counts, health = figures["pool"]["workers"], figures["health"]
    return {
        "timestamp": figures["timestamp"],
        "status": health["status"],
        "monitoring": get_config().health_checks,
        "capacity": health["capacity"],
        "workers": {
            "total": counts["total"],
            "healthy": counts["total"] - counts["unhealthy"],
            "unhealthy": counts["unhealthy"],
        },
        "alerts": health["alerts"],
    }


def check_health(by: Actor = NOBODY, wait_s: float = ANSWER_S) -> dict[str, Any]:
    """Ask every worker for a sign of life now; the summary after that, and who did not answer in time.

    It waits some seconds and reads what others commit meanwhile: call it outside of transactions.
    """
    asked = _beats()
    _note(by, len(asked))
    _ring_and_wait(asked, wait_s / 2)
    silent = _ring_and_wait({worker: beat for worker, beat in _beats().items() if worker in asked}, wait_s / 2)
    return {**health_summary(), "checked": len(asked), "silent": silent}


def _ring_and_wait(before: Beats, wait_s: float) -> list[str]:
    """Ring, and again, until every beat is another one; those that are not."""
    is_answered = ring_until(lambda: not _unchanged(before), database_alias(), CHECK, wait_s, RING_EVERY_S)
    return [] if is_answered else _unchanged(before)


@again_on_conflict
def _note(by: Actor, asked: int) -> None:
    alias = database_alias()
    with transaction.atomic(using=alias):
        write_action(alias, "pool.checked", by.name, by.source, workers=asked)


def _beats() -> dict[str, datetime]:
    return {worker["id"]: datetime.fromisoformat(worker["last_beat"]) for worker in workers()}


def _unchanged(before: Beats) -> list[str]:
    """Workers that live and have not beaten since."""
    rows = WorkerSnapshot.objects.using(database_alias()).filter(pk__in=list(before), ended_at=None).order_by("pk")
    beats = rows.values_list("pk", "last_beat")
    return [worker for worker, beat in beats if beat - before[worker] < MOVED]


__all__ = ["check_health", "health_summary"]
