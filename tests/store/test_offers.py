"""What the pool offers, and what it lacks, from the rows of its workers."""

import json
from datetime import timedelta

from pool.domain.states import NodeState, WorkerState
from pool.models import Node
from pool.store import nodes, offers
from pool.store.nodes import NodeIdentity, WorkerRow
from tests.store.rows import NOW, moment


def add_worker(database, node, worker, capabilities, ended_at=None):
    nodes.write_workers(
        database,
        node,
        [
            WorkerRow(
                worker, 0, 1, "general", WorkerState.IDLE, True, "[]", 0, 0, NOW, NOW, None, None, ended_at, "",
                json.dumps(capabilities),
            )
        ],
    )  # fmt: skip


def test_only_living_workers_of_living_nodes_count(alias, database):
    with database.transaction():
        for node in ("a", "b", "c"):
            nodes.register(database, NodeIdentity(node, "host", 1, "boot", 1, ""), 1, NOW)
            nodes.beat(database, node, NodeState.RUNNING, 1, "", NOW)
        add_worker(database, "a", "w1", ["general"])
        add_worker(database, "a", "w2", ["io", "s3"])
        add_worker(database, "a", "w3", ["gpu"], ended_at=NOW)
        add_worker(database, "b", "w4", ["tpu"])
        nodes.leave(database, "b", NodeState.STOPPED, NOW)
        add_worker(database, "c", "w5", ["old"])
    Node.objects.using(alias).filter(pk="c").update(last_beat=moment(NOW) - timedelta(hours=1))
    now = moment(NOW + 1)
    assert {frozenset({"general"}), frozenset({"io", "s3"})} == set(offers.offers(now))
    assert ["", ""] == [offers.lacking(one, now) for one in ([], ["s3", "io"])]
    assert "No worker offers gpu." == offers.lacking(["gpu"], now)
    assert "No worker offers general and io together." == offers.lacking(["io", "general"], now)
