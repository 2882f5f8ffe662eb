"""The operator's verbs over nodes: scale, follow the load, stop, restart.

Used by commands, pages and API as part of `pool.store.operate`. Each writes its wish into the rows of the nodes with
its audit entry; they learn of it by the doorbell, or by their poll.
"""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from pool.conf import database_alias, get_config
from pool.domain.config import WORKER_CEILING
from pool.domain.errors import InvalidOption, NotReady
from pool.domain.states import LIVE_NODES
from pool.models import Node
from pool.store.actor import NOBODY, Actor
from pool.store.again import again_on_conflict
from pool.store.doorbell import ring_on_commit
from pool.store.events import write_action
from pool.store.presence import living_nodes

AUTO = "auto"
"""Asked for instead of a size: as many workers as the load asks for."""


@again_on_conflict
def scale(size: int, by: Actor = NOBODY) -> int:
    """Ask the live nodes for this many workers in all; the size asked for. Raises InvalidOption, NotReady.

    It stays for `scale_hold_s`; then the autoscaler goes on from there.
    """
    if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= WORKER_CEILING:
        raise InvalidOption(f"The number of workers must be a whole number from 1 to {WORKER_CEILING}, not {size!r}.")
    alias = database_alias()
    with transaction.atomic(using=alias):
        nodes = living_nodes()
        if not nodes:
            raise NotReady("No node is running. Start one with: manage.py pool start")
        if size < len(nodes):
            raise InvalidOption(
                f"{len(nodes)} nodes are running, and each needs a worker: ask for {len(nodes)} or more."
            )
        share, rest = divmod(size, len(nodes))
        until = timezone.now() + timedelta(seconds=get_config().scale_hold_s)
        for index, node in enumerate(nodes):
            wanted = share + (index < rest)
            Node.objects.using(alias).filter(pk=node.pk).update(wanted=wanted, scale_held_until=until)
        write_action(alias, "pool.scale_requested", by.name, by.source, size=size)
        ring_on_commit(alias, "control")
    return size


@again_on_conflict
def follow_load(by: Actor = NOBODY) -> int:
    """Let the size follow the load again before the time of one set by hand is over; how many nodes held one."""
    alias = database_alias()
    with transaction.atomic(using=alias):
        held = Node.objects.using(alias).filter(state__in=LIVE_NODES, scale_held_until__gt=timezone.now())
        released = held.update(scale_held_until=None)
        if released:
            write_action(alias, "pool.scale_released", by.name, by.source)
            ring_on_commit(alias, "control")
    return released


def hold_s() -> float | None:
    """For how long a size that is asked for now stays; None where nothing else would change it."""
    config = get_config()
    return config.scale_hold_s if config.autoscaling and config.scale_hold_s else None


def wanted_size() -> int:
    """Workers asked for over all live nodes."""
    return sum(node.wanted for node in living_nodes())


def request_stop(by: Actor = NOBODY, node: str = "") -> int:
    """Ask live nodes (or one) to drain and leave; how many were asked."""
    return _ask_nodes("stop_requested_at", "pool.stop_requested", by, node)


def request_restart(by: Actor = NOBODY, node: str = "") -> int:
    """Ask live nodes (or one) to load the code again and replace every worker, busy ones after their job."""
    return _ask_nodes("restart_requested_at", "pool.restart_requested", by, node)


@again_on_conflict
def _ask_nodes(column: str, event: str, by: Actor, node: str) -> int:
    alias = database_alias()
    with transaction.atomic(using=alias):
        nodes = Node.objects.using(alias).filter(state__in=LIVE_NODES)
        if node:
            nodes = nodes.filter(pk=node)
        # One that only seems dead, because it cannot reach the database now, shall find the wish when it can.
        nodes.update(**{column: timezone.now()})
        count = sum(node in ("", known.pk) for known in living_nodes())
        write_action(alias, event, by.name, by.source, nodes=count)
        ring_on_commit(alias, "control")
    return count
