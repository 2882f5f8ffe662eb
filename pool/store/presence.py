"""Which nodes really live: the row of a node that was killed stays as it was until another node finds it lost.

A node holds its slots locked while it lives, so that on its own host the lock tells, frozen nodes included. From
elsewhere, or where the slots are gone, its last beat tells. Asked by the operator's verbs, in any process.
"""

import fcntl
import os
from datetime import timedelta
from pathlib import Path

from django.utils import timezone

from pool.conf import database_alias, get_config
from pool.domain.states import LIVE_NODES
from pool.models import Node

SLOTS_PREFIX = "slots-"
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def boot_id() -> str:
    """What names this run of this machine; empty where the kernel does not say."""
    try:
        return BOOT_ID.read_text().strip()
    except OSError:
        return ""


def slots_path(run_dir: str, node: str) -> Path:
    return Path(run_dir) / f"{SLOTS_PREFIX}{node[:12]}"


def is_held(path: Path) -> bool | None:
    """Whether the node of these slots lives, frozen perhaps; None when they are not on this host."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        # Shared, so that two who look at once do not take each other for the node.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def living_nodes() -> list[Node]:
    """Nodes that count as alive and are not known to be dead, the oldest first."""
    rows = Node.objects.using(database_alias()).filter(state__in=LIVE_NODES).order_by("started_at")
    return [node for node in rows if lives(node)]


def lives(node: Node) -> bool:
    if node.boot_id and node.boot_id == boot_id():
        # A lock tells only of this very machine: a shared folder may keep locks apart for each host.
        held = is_held(slots_path(node.run_dir, node.pk))
        if held is not None:
            return held
    return node.last_beat > timezone.now() - timedelta(seconds=get_config().lease_s)
