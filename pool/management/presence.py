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

NO_NODE = "No node is running. Start one with: manage.py pool start"

READY_WORKERS = (WorkerState.IDLE, WorkerState.BUSY)


def living_nodes() -> list[Node]:
    """Nodes that count as alive and are not known to be dead."""
    rows = Node.objects.using(database_alias()).filter(state__in=LIVE_NODES)
    return [node for node in rows if lives(node)]


def staying_nodes(folder: Path) -> list[Node]:
    """Those of them that use this host's run folder and were not asked to leave."""
    place = (socket.gethostname(), str(folder))
    nodes = [node for node in living_nodes() if (node.host, node.run_dir) == place]
    return [node for node in nodes if node.state != NodeState.DRAINING and node.stop_requested_at is None]


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
