"""Which nodes the verbs that start and stop them speak of, and when one of them is ready."""

import socket
from pathlib import Path

from pool.conf import database_alias
from pool.domain.states import NodeState, WorkerState
from pool.models import Node, WorkerSnapshot
from pool.store.presence import living_nodes

NO_NODE = "No node is running. Start one with: manage.py pool start"

READY_WORKERS = (WorkerState.IDLE, WorkerState.BUSY)


def staying_nodes(folder: Path) -> list[Node]:
    """Living nodes that use this host's run folder and were not asked to leave."""
    place = (socket.gethostname(), str(folder))
    nodes = [node for node in living_nodes() if (node.host, node.run_dir) == place]
    return [node for node in nodes if node.state != NodeState.DRAINING and node.stop_requested_at is None]


def is_ready(node: Node) -> bool:
    """Whether it runs and one of its workers could take a job."""
    if node.state != NodeState.RUNNING:
        return False
    workers = WorkerSnapshot.objects.using(database_alias()).filter(node=node.pk, ended_at=None)
    return workers.filter(state__in=READY_WORKERS).exists()
