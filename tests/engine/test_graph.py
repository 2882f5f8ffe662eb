"""Graphs of jobs drain while workers are killed: nothing is stuck, lost, started too early or counted twice.

`POOL_GRAPH_JOBS=10000 pytest tests/engine/test_graph.py` drains a larger one.
"""

import os
from typing import Any

import pytest

from tests.engine import reads
from tests.engine.engine_site import TASKS, EngineSite, worker_pids
from tests.engine.test_churn import Killer

JOBS = int(os.environ.get("POOL_GRAPH_JOBS", "300"))
WIDTH = 10
LIMIT_S = 60 + JOBS / 10

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2 * LIMIT_S)]


def enqueue_layers(ledger: str, jobs: int, width: int) -> dict[str, list[str]]:
    """Layers of jobs, each job after two of the layer above, in one transaction; of each job its parents."""
    from django.db import transaction

    from tests.engine.tasks import notes

    parents: dict[str, list[str]] = {}
    above: list[str] = []
    with transaction.atomic():
        for _ in range(jobs // width):
            layer = []
            for place in range(width):
                mine = [above[place], above[(place + 1) % width]] if above else []
                layer.append(notes.using(depends_on=mine, max_attempts=20).enqueue(ledger, 0.002).id)
                parents[layer[-1]] = mine
            above = layer
    return parents


def enqueue_batch(ledger: str, jobs: int) -> tuple[str, list[str]]:
    """A batch of jobs, some of which fail; its id, and the callbacks."""
    import pool
    from pool.models import Job
    from tests.engine.tasks import notes

    with pool.batch("graph", on_success=(notes, (ledger,)), on_end=(notes.using(priority=5), (ledger,))) as batch:
        batch.enqueue_many(notes.using(max_attempts=20), [((ledger, 0.002), {})] * jobs)
    callbacks = Job.objects.filter(batch=None, status="BLOCKED").values_list("id", flat=True)
    return str(batch.id), [str(id) for id in callbacks]


def batch_counts(id: str) -> dict[str, Any]:
    from pool.store.read import batch_dict, get_batch

    return batch_dict(get_batch(id))


def open_ties() -> int:
    from pool.models import BatchChange, JobDependency

    return JobDependency.objects.filter(met=False).count() + BatchChange.objects.count()


def test_a_graph_drains_while_workers_and_the_node_are_killed(site_on_both: EngineSite) -> None:
    site = site_on_both
    node = site.start_node(workers=2)
    killer = Killer(node, worker_pids)
    with killer.at_work():
        parents = site.do(enqueue_layers, str(site.ledger), JOBS, WIDTH)
        site.wait_until(lambda: len(site.lines()) > JOBS // 4, "a part of the jobs to have run", LIMIT_S)
        node.kill()
        killer.node = node = site.start_node(workers=2, wait=False)
        assert {"COMPLETED": len(parents)} == site.wait_until_ended(LIMIT_S)
    check_order(site, parents)
    assert 0 == site.do(open_ties)
    assert site.recount().counted == site.recount().kept
    assert 0 == node.stop()


def test_a_batch_is_counted_once_while_workers_are_killed(site_on_both: EngineSite) -> None:
    site = site_on_both
    node = site.start_node(workers=2)
    killer = Killer(node, worker_pids)
    with killer.at_work():
        batch, callbacks = site.do(enqueue_batch, str(site.ledger), JOBS)
        assert {"COMPLETED": JOBS + 2} == site.wait_until_ended(LIMIT_S)
    counts = site.do(batch_counts, batch)
    assert (JOBS, JOBS, 0) == (counts["total"], counts["completed"], counts["waiting"])
    begun = {line.job: place for place, line in enumerate(site.lines()) if line.what == "begin"}
    assert set(callbacks) == set(sorted(begun, key=lambda job: begun[job])[-2:])
    assert 0 == site.do(open_ties)
    assert 0 == node.stop()


def test_two_nodes_drain_one_graph(site_on_both: EngineSite) -> None:
    site = site_on_both
    nodes = [site.start_node(workers=2, wait=False) for _ in range(2)]
    for node in nodes:
        site.wait_for_pids(node, 2)
    parents = site.do(enqueue_layers, str(site.ledger), JOBS, WIDTH)
    assert {"COMPLETED": len(parents)} == site.wait_until_ended(LIMIT_S)
    check_order(site, parents)
    assert {1} == {spent[0] for spent in site.do(reads.spent).values()}
    assert site.recount().counted == site.recount().kept
    assert [0, 0] == [node.stop() for node in nodes]


def test_a_failure_cancels_what_hangs_on_it_and_nothing_else(site_on_both: EngineSite) -> None:
    site = site_on_both
    node = site.start_node(workers=2)
    notes, ledger = f"{TASKS}notes", str(site.ledger)
    failed = site.enqueue(f"{TASKS}poisons", ledger, options={"max_attempts": 1})
    child = site.enqueue(notes, ledger, options={"depends_on": [failed]})
    other = site.enqueue(notes, ledger, options={"depends_on": [failed], "on_parent_failure": "run"})
    assert {"FAILED": 1, "CANCELLED": 1, "COMPLETED": 1} == site.wait_until_ended()
    assert {child: "CANCELLED", other: "COMPLETED"} == site.statuses_of([child, other])
    assert site.recount().counted == site.recount().kept
    assert 0 == node.stop()


def check_order(site: EngineSite, parents: dict[str, list[str]]) -> None:
    """No job began before all its parents had ended."""
    first_begin: dict[str, int] = {}
    last_end: dict[str, int] = {}
    for place, line in enumerate(site.lines()):
        if line.what == "begin":
            first_begin.setdefault(line.job, place)
        else:
            last_end[line.job] = place
    assert set(parents) == set(first_begin)
    early = [job for job, mine in parents.items() if any(last_end[one] > first_begin[job] for one in mine)]
    assert not early
