"""Limits of queues, decided in the claim's transaction: how many execute at a time, and how many start in a second."""

import random

import pytest

from pool.domain.fairness import Shares
from pool.domain.verdict import judge
from pool.models import Queue
from pool.store.claim import meet_queues, take
from pool.store.limits import POSTGRES_LIMITS, SQLITE_LIMITS
from pool.store.record import record
from tests.store.rows import (
    BACKOFF,
    NODE,
    NOW,
    ON_POSTGRES,
    assert_counted,
    ended,
    enqueue,
    in_turn,
    plan_of,
    settle,
    take_as,
)


def limit(alias, name="default", **limits):
    Queue.objects.using(alias).create(name=name, **limits)


# At a time -----------------------------------------------------------------------


def test_no_more_execute_than_the_queue_allows(alias, database):
    limit(alias, max_running=3)
    enqueue(alias, 10)
    taken = take_as(database)
    assert 3 == len(taken.jobs)
    assert taken.held_back
    assert 0 == len(take_as(database).jobs)
    assert {"executing": 3, "pending": 7}.items() <= assert_counted(alias)["default"].items()


def test_one_starts_when_another_has_ended(alias, database):
    limit(alias, max_running=3)
    enqueue(alias, 10)
    jobs = take_as(database).jobs
    settle(database, *map(ended, jobs[:2]))
    assert 2 == len(take_as(database).jobs)
    assert_counted(alias)


def test_ends_of_the_same_transaction_count(alias, database):
    limit(alias, max_running=1)
    enqueue(alias, 2)
    (job,) = take_as(database).jobs
    ending = ended(job)

    def act(deltas):
        record(database, NODE, [(ending, judge(ending, BACKOFF))], deltas)
        return take(database, NODE, 5, deltas, (), Shares(), NOW)

    assert 1 == len(in_turn(database, act).jobs)
    assert_counted(alias)


def test_other_queues_go_on(alias, database):
    limit(alias, "narrow", max_running=1)
    enqueue(alias, 10, queue="narrow", priority=50)
    enqueue(alias, 10, queue="wide")
    taken = take_as(database)
    assert ["narrow", *["wide"] * 10] == [job.queue for job in taken.jobs]
    assert taken.held_back


def test_a_limit_below_what_executes_lets_nothing_start(alias, database):
    enqueue(alias, 10)
    take_as(database, most=5)
    Queue.objects.using(alias).update(max_running=2)
    assert [] == take_as(database).jobs


def test_limits_of_full_queues_cost_the_others_nothing_of_their_share(alias, database):
    limit(alias, "a", max_running=2)
    enqueue(alias, 50, queue="a")
    enqueue(alias, 50, queue="b")
    enqueue(alias, 50, queue="c")
    taken = [job.queue for job in take_as(database, most=20).jobs]
    assert (2, 9, 9) == tuple(taken.count(queue) for queue in "abc")


# In a second ---------------------------------------------------------------------


def test_a_seconds_worth_starts_at_once_and_then_the_rate_holds(alias, database):
    limit(alias, rate=5.0)
    enqueue(alias, 100)
    taken = take_as(database)
    assert 5 == len(taken.jobs)
    assert pytest.approx(0.2) == taken.again_s
    assert [] == take_as(database, now=NOW + 0.1).jobs
    assert 1 == len(take_as(database, now=NOW + 0.2).jobs)
    assert 5 == len(take_as(database, now=NOW + 60).jobs)
    assert_counted(alias)


def test_a_burst_of_its_own(alias, database):
    limit(alias, rate=5.0, burst=30)
    enqueue(alias, 100)
    assert 30 == len(take_as(database).jobs)
    assert 10 == len(take_as(database, now=NOW + 2).jobs)


def test_slow_rates_let_one_start_at_a_time(alias, database):
    limit(alias, rate=0.1)
    enqueue(alias, 5)
    assert (1, 0, 1) == tuple(len(take_as(database, now=NOW + wait).jobs) for wait in (0, 9.9, 10))


def test_no_more_start_than_the_rate_over_any_time(alias, database):
    chance, now, started = random.Random(4), NOW, 0
    limit(alias, rate=10.0)
    enqueue(alias, 300)
    for _ in range(60):
        now += chance.choice([0.0, 0.01, 0.25])
        started += len(take_as(database, most=chance.randint(1, 8), now=now).jobs)
    assert started <= 10 + (now - NOW) * 10 + 0.01
    assert started >= (now - NOW) * 10 * 0.5


def test_a_claim_that_was_rolled_back_used_no_start(alias, database):
    limit(alias, rate=5.0)
    enqueue(alias, 100)
    assert 5 == len(take_as(database, commits=False).jobs)
    database.rollback()
    assert 5 == len(take_as(database).jobs)


def test_both_limits_hold(alias, database):
    limit(alias, rate=5.0, max_running=2)
    enqueue(alias, 10)
    jobs = take_as(database).jobs
    assert 2 == len(jobs)
    settle(database, *map(ended, jobs))
    assert 2 == len(take_as(database).jobs)


# Several nodes -------------------------------------------------------------------


@ON_POSTGRES
def test_a_node_passes_by_a_limited_queue_that_another_claims_from(alias, database, other_database):
    limit(alias, "narrow", max_running=1)
    enqueue(alias, 5, queue="narrow")
    enqueue(alias, 5, queue="wide")
    with database.transaction():
        meet_queues(database)
    assert {"narrow", "wide"} == {job.queue for job in take_as(database, most=2, commits=False).jobs}
    taken = take_as(other_database, node="node-2")
    assert {"wide"} == {job.queue for job in taken.jobs}
    assert taken.passed_by
    database.commit()
    assert [] == take_as(other_database, node="node-2").jobs
    assert_counted(alias)


def test_two_nodes_share_one_limit(alias, database, other_database):
    limit(alias, max_running=4)
    enqueue(alias, 20)
    assert 3 == len(take_as(database, most=3).jobs)
    assert 1 == len(take_as(other_database, node="node-2").jobs)
    assert_counted(alias)


def test_limits_are_read_by_the_names_of_queues(alias, database):
    if database.is_sqlite:
        plan = plan_of(database, SQLITE_LIMITS, ('["a"]',))
    else:
        plan = plan_of(database, POSTGRES_LIMITS, (["a"],))
    assert "SCAN pool_queue" not in plan
    assert "Seq Scan" not in plan
