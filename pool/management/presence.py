"""Which nodes really live: a row may outlive a node that was killed, so those of this host must show their process.

Asked by the verbs that wait for nodes to come or to go.
"""

import socket
from datetime import timedelta
from pathlib import Path

from django.utils import timezone

from pool.conf import database_alias, get_config
from pool.domain.states import LIVE_NODES, NodeState, WorkerState
from pool.engine import linux
from pool.models import Node, WorkerSnapshot

READY_WORKERS = (WorkerState.IDLE, WorkerState.BUSY)


def living_nodes() -> list[Node]:
    """Nodes that count as alive and are not known to be dead."""
    rows = Node.objects.using(database_alias()).filter(state__in=LIVE_NODES)
    return [node for node in rows if lives(node)]


def nodes_of(folder: Path) -> list[Node]:
    """Those of them on this host that use the run folder."""
    host = socket.gethostname()
    return [node for node in living_nodes() if node.host == host and node.run_dir == str(folder)]


def lives(node: Node) -> bool:
    if node.host == socket.gethostname() and node.boot_id:
        return node.boot_id == linux.boot_id() and linux.start_time(node.pid) == node.pid_started
    return node.last_beat > timezone.now() - timedelta(seconds=get_config().lease_s)


def is_ready(node: Node) -> bool:
    """Whether it runs and one of its workers could take a job."""
    if node.state != NodeState.RUNNING:
        return False
    workers = WorkerSnapshot.objects.using(database_alias()).filter(node=node.pk, ended_at=None)
    return workers.filter(state__in=READY_WORKERS).exists()
