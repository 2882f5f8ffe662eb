"""What the living workers of the pool offer to jobs that require it. Read over Django's connection."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.utils import timezone

from pool.conf import database_alias, get_config
from pool.domain.kinds import missing
from pool.domain.states import LIVE_NODES
from pool.models import Node, WorkerSnapshot


def offers(now: datetime | None = None) -> list[frozenset[str]]:
    """What each kind of worker offers, of all nodes that live."""
    alias, since = database_alias(), (now or timezone.now()) - timedelta(seconds=get_config().lease_s)
    nodes = Node.objects.using(alias).filter(state__in=LIVE_NODES, last_beat__gte=since).values("id")
    workers = WorkerSnapshot.objects.using(alias).filter(node__in=nodes, ended_at=None).order_by()
    return list({frozenset(names) for names in workers.values_list("capabilities", flat=True)})


def lacking(requires: Sequence[str], now: datetime | None = None) -> str:
    """Why no worker can do a job that requires this, in a sentence; empty when one can, or could if it had room."""
    return missing(requires, offers(now)) if requires else ""
