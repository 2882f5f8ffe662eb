"""Claims from several queues: dealt by weight and priority, with a share for what waits too long."""

from collections import Counter

import pytest

from pool.domain.fairness import Shares
from pool.models import Job, Queue
from pool.store import standing
from pool.store.claim import meet_queues, take
from pool.store.deltas import Deltas
from pool.store.enqueue import enqueue_rows
from pool.store.fronts import POSTGRES_FRONTS, POSTGRES_HEADS, SQLITE_FRONTS, SQLITE_HEAD
from tests.store.rows import NODE, NOW, assert_counted, enqueue, moment, new_job, plan_of


class Node:
    """What a node does in its turns, and remembers."""

    def __init__(self, database, **shares):
        self.database, self.shares, self.now = database, Shares(**shares), NOW

    def claim(self, most, only=()):
        self.now += 0.01
        deltas = Deltas()
        with self.database.transaction():
            meet_queues(self.database)
            taken = take(self.database, NODE, most, deltas, only, self.shares, self.now)
            deltas.write(self.database, NODE)
        return taken

    def queues(self, most):
        return Counter(job.queue for job in self.claim(most).jobs)


@pytest.fixture
def node(database):
    return Node(database)


def test_queues_share_alike(alias, node):
    enqueue(alias, 100, queue="a")
    enqueue(alias, 100, queue="b")
    assert {"a": 10, "b": 10} == node.queues(20)
    assert_counted(alias)


def test_by_their_weights(alias, node):
    Queue.objects.using(alias).create(name="a", weight=3.0)
    enqueue(alias, 100, queue="a")
    enqueue(alias, 100, queue="b")
    assert {"a": 15, "b": 5} == node.queues(20)


def test_also_one_by_one(alias, node):
    Queue.objects.using(alias).create(name="a", weight=3.0)
    enqueue(alias, 100, queue="a")
    enqueue(alias, 100, queue="b")
    assert {"a": 15, "b": 5} == sum((node.queues(1) for _ in range(20)), Counter())


def test_what_one_leaves_the_others_take(alias, node):
    enqueue(alias, 2, queue="a")
    enqueue(alias, 100, queue="b")
    assert {"a": 2, "b": 18} == node.queues(20)


def test_ranks_of_different_queues_have_nothing_in_common(alias, node):
    """A queue of tenants that is far advanced would else come after every other."""
    enqueue(alias, 50, queue="a", tenant="x")
    Job.objects.using(alias).filter(queue="a").update(rank=10**9)
    enqueue(alias, 50, queue="b")
    assert {"a": 10, "b": 10} == node.queues(20)


def test_a_higher_priority_comes_first_whatever_the_weight(alias, node):
    Queue.objects.using(alias).create(name="a", weight=100.0)
    enqueue(alias, 100, queue="a")
    enqueue(alias, 15, queue="b", priority=1)
    assert {"b": 15, "a": 5} == node.queues(20)


@pytest.mark.parametrize("queues", [2, 30])
def test_also_when_it_waits_deeper_than_the_first_look(alias, node, queues):
    enqueue(alias, 120, queue="urgent", priority=9)
    for number in range(queues):
        enqueue(alias, 20, queue=f"q{number}")
    assert {"urgent": 100} == node.queues(100)
    assert min(20 + 20 * queues, 100) == node.queues(100).total()
    assert_counted(alias)


def test_jobs_start_in_turns(alias, node):
    enqueue(alias, 3, queue="a")
    enqueue(alias, 3, queue="b")
    assert ["a", "b", "a", "b", "a", "b"] == [job.queue for job in node.claim(6).jobs]


def test_an_only_queue_is_taken_whole(alias, node):
    enqueue(alias, 9, queue="a")
    enqueue(alias, 9, queue="b")
    assert {"b"} == {job.queue for job in node.claim(20, only=["b"]).jobs}


# What waits too long -------------------------------------------------------------


def flood(alias, **values):
    old = moment(NOW - 100)
    enqueue_rows(alias, [new_job(priority=-5, created_at=old, run_at=old, **values) for _ in range(50)])
    enqueue(alias, 500, priority=5)


@pytest.mark.parametrize("queue", ["default", "slow"])
def test_a_share_goes_to_what_waits_too_long(alias, database, queue):
    node = Node(database, starvation_after_s=60.0, starvation_share=0.1)
    flood(alias, queue=queue)
    taken = [job.priority for _ in range(21) for job in node.claim(10).jobs]
    assert 20 == taken.count(-5), "one in ten, once the first claim was full"
    assert_counted(alias)


def test_nothing_goes_to_what_came_lately(alias, database):
    node = Node(database, starvation_after_s=200.0, starvation_share=0.1)
    flood(alias)
    assert {5} == {job.priority for _ in range(20) for job in node.claim(10).jobs}


def test_nor_without_a_share(alias, database):
    node = Node(database, starvation_after_s=60.0, starvation_share=0.0)
    flood(alias)
    assert {5} == {job.priority for _ in range(20) for job in node.claim(10).jobs}


def test_tenants_share_with_those_who_were_there_before_anybody_had_a_turn(alias, node):
    """Jobs without a tenant have no rank, and a hundred thousand of them would come first."""
    enqueue(alias, 200)
    standing.forget()
    enqueue(alias, 20, tenant="b")
    tenants = []
    for _ in range(6):
        ids = [job.id for job in node.claim(10).jobs]
        tenants += Job.objects.using(alias).filter(pk__in=ids).values_list("tenant", flat=True)
    assert 20 == tenants.count("b"), "half of each claim, from the second on"
    assert_counted(alias)


# What it costs -------------------------------------------------------------------


def test_looks_at_fronts_read_the_index_in_its_order(alias, database):
    if database.is_sqlite:
        plans = [
            plan_of(database, SQLITE_HEAD, ("a", "a", 10)),
            plan_of(database, SQLITE_FRONTS, ('["a"]',)),
        ]
    else:
        plans = [
            plan_of(database, POSTGRES_HEADS, (["a"], 10)),
            plan_of(database, POSTGRES_FRONTS, (["a"],)),
        ]
    for plan in plans:
        assert "pool_job_claim" in plan
        assert "SCAN pool_job" not in plan
        assert "Seq Scan on pool_job" not in plan
