"""Limits of the key that jobs carry: who starts, who waits for what, and that nobody waits in vain."""

import random

import msgspec
import pytest

from pool.domain.config import PoolConfig
from pool.domain.states import EXECUTING, JobStatus, Outcome
from pool.models import Job, KeyRate
from pool.store import operate
from pool.store.claim import meet_queues
from pool.store.enqueue import enqueue_rows
from pool.store.keys import (
    EXECUTING as COUNT_EXECUTING,
)
from pool.store.keys import (
    FIRSTS,
    NEXT_KEY,
    POSTGRES_WAKE,
    SQLITE_WAKE,
    KeyWatch,
    sweep,
    wake,
)
from pool.store.new_job import LinkedJob
from pool.store.prune import KEEP_KEY_RATES_S, prune
from tests.store.rows import (
    NOW,
    ON_POSTGRES,
    assert_counted,
    ended,
    enqueue,
    in_turn,
    moment,
    new_job,
    plan_of,
    promote_all,
    put,
    row,
    settle,
    statuses,
    take_as,
    work_of,
)

S = JobStatus


def enqueue_keyed(alias, count=1, key="k", running=None, rate=None, **values):
    plain = [msgspec.structs.asdict(new_job(**values)) for _ in range(count)]
    jobs = [LinkedJob(**one, limit_key=key, limit_running=running, limit_rate=rate) for one in plain]
    enqueue_rows(alias, jobs)
    return [job.id for job in jobs]


# At a time -----------------------------------------------------------------------


def test_as_many_of_a_key_start_as_may_and_the_others_are_blocked(alias, database):
    ids = enqueue_keyed(alias, 5, running=2)
    assert 2 == len(take_as(database).jobs)
    assert [S.ASSIGNED, S.ASSIGNED, S.BLOCKED, S.BLOCKED, S.BLOCKED] == statuses(alias, ids)
    assert {"executing": 2, "blocked": 3, "pending": 0}.items() <= assert_counted(alias)["default"].items()


def test_of_their_claim_nothing_is_left(alias, database):
    _, id = enqueue_keyed(alias, 2, running=1)
    before = row(alias, id)
    take_as(database)
    assert before | {"status": "BLOCKED"} == row(alias, id)


def test_the_next_starts_when_one_has_ended(alias, database):
    ids = enqueue_keyed(alias, 3, running=1)
    (first,) = take_as(database).jobs
    recorded = settle(database, ended(first))
    assert 1 == recorded.woken
    assert [S.COMPLETED, S.PENDING, S.BLOCKED] == statuses(alias, ids)
    assert 1 == len(take_as(database).jobs)
    assert_counted(alias)


@pytest.mark.parametrize("outcome", sorted(set(Outcome)))
def test_however_it_ended(alias, database, outcome):
    ids = enqueue_keyed(alias, 2, running=1)
    (first,) = take_as(database).jobs
    settle(database, ended(first, outcome))
    assert S.PENDING == statuses(alias, ids)[1]
    assert_counted(alias)


def test_also_when_it_was_given_back_unbegun(alias, database):
    ids = enqueue_keyed(alias, 2, running=1)
    (first,) = take_as(database).jobs
    settle(database, ended(first, Outcome.INTERRUPTED, started_at=None, worker=""))
    assert [S.PENDING, S.PENDING] == statuses(alias, ids)
    assert 1 == len(take_as(database).jobs)
    assert_counted(alias)


def test_other_keys_and_jobs_without_one_go_on(alias, database):
    enqueue_keyed(alias, 3, "a", running=1)
    enqueue_keyed(alias, 3, "b", running=2)
    enqueue(alias, 3)
    assert 1 + 2 + 3 == len(take_as(database).jobs)


def test_the_claim_takes_others_for_those_it_had_to_leave(alias, database):
    enqueue_keyed(alias, 50, running=1)
    enqueue(alias, 20)
    assert 10 == len(take_as(database, most=10).jobs)
    assert_counted(alias)


def test_very_many_of_one_key_are_soon_out_of_the_way(alias, database):
    enqueue_keyed(alias, 3000, running=1)
    ids = enqueue(alias, 2)
    claims = 0
    while S.PENDING in statuses(alias, ids):
        assert 0.0 == take_as(database, most=4).again_s or S.PENDING not in statuses(alias, ids)
        claims += 1
    assert claims <= 3
    assert_counted(alias)


def test_priority_and_age_decide_who_is_next(alias, database):
    enqueue_keyed(alias, running=1)
    (first,) = take_as(database).jobs
    enqueue_keyed(alias, 2, running=1)
    (urgent,) = enqueue_keyed(alias, running=1, priority=5)
    assert [] == take_as(database).jobs
    settle(database, ended(first))
    assert [S.PENDING] == statuses(alias, [urgent])
    assert 1 == Job.objects.using(alias).filter(status=S.PENDING).count()


def test_a_blocked_job_can_be_cancelled(alias, database):
    _, id = enqueue_keyed(alias, 2, running=1)
    (first,) = take_as(database).jobs
    operate.cancel(id)
    assert 0 == settle(database, ended(first)).woken
    assert [S.CANCELLED] == statuses(alias, [id])
    assert_counted(alias)


def test_a_job_that_waits_for_others_is_not_woken(alias, database):
    id = put(alias, S.BLOCKED, limit_key="k", limit_running=1, waits_for=1)
    assert (0, set()) == in_turn(database, lambda deltas: wake(database, {"k"}, deltas))
    assert [S.BLOCKED] == statuses(alias, [id])


def test_a_paused_queue_stands_before_nobody_else_of_its_key(alias, database):
    held = enqueue_keyed(alias, 3, running=1, queue="held")
    (first,) = take_as(database).jobs
    (other,) = enqueue_keyed(alias, 1, running=1, queue="open")
    assert [] == take_as(database).jobs
    operate.pause("held")
    settle(database, ended(first))
    assert [S.COMPLETED, S.BLOCKED, S.BLOCKED, S.PENDING] == statuses(alias, [*held, other])
    (second,) = take_as(database).jobs
    operate.resume("held")
    settle(database, ended(second))
    assert [S.PENDING, S.BLOCKED, S.COMPLETED] == statuses(alias, [*held[1:], other])
    assert_counted(alias)


def test_a_tenants_job_comes_back_at_the_present_turn(alias, database):
    _, id = enqueue_keyed(alias, 2, running=1, tenant="a")
    (first,) = take_as(database).jobs
    enqueue(alias, 20, tenant="b")
    take_as(database, most=10)
    settle(database, ended(first))
    waiting = Job.objects.using(alias).filter(status=S.PENDING)
    assert min(waiting.values_list("rank", flat=True)) == Job.objects.using(alias).get(pk=id).rank > 0


def test_nor_does_what_lacks_a_worker(alias, database):
    put(alias, S.BLOCKED, limit_key="k", limit_running=1, priority=5, lacks="gpu")
    id = put(alias, S.BLOCKED, limit_key="k", limit_running=1)
    assert (1, set()) == in_turn(database, lambda deltas: wake(database, {"k"}, deltas))
    assert [S.PENDING] == statuses(alias, [id])


def test_the_next_is_the_most_urgent_of_all_queues(alias, database):
    for queue in ("a", "b", "c", "d"):
        put(alias, S.BLOCKED, limit_key="k", limit_running=3, queue=queue)
    urgent = [put(alias, S.BLOCKED, limit_key="k", limit_running=3, queue=queue, priority=5) for queue in ("b", "d")]
    assert (3, set()) == in_turn(database, lambda deltas: wake(database, {"k"}, deltas))
    assert [S.PENDING, S.PENDING] == statuses(alias, urgent)
    assert_counted(alias)


# In a second ---------------------------------------------------------------------


def test_a_rate_puts_the_others_off_one_behind_the_other(alias, database):
    ids = enqueue_keyed(alias, 4, rate=2.0)
    taken = take_as(database)
    assert (2, True) == (len(taken.jobs), taken.delayed)
    assert [S.ASSIGNED, S.ASSIGNED, S.SCHEDULED, S.SCHEDULED] == statuses(alias, ids)
    times = [row(alias, id)["run_at"].timestamp() - NOW for id in ids[2:]]
    assert [0.5, 1.0] == pytest.approx(times, abs=0.001)
    assert 0.0 == KeyRate.objects.using(alias).get(pk="k").tokens
    assert_counted(alias)


def test_they_start_when_their_time_comes(alias, database):
    enqueue_keyed(alias, 4, rate=2.0)
    take_as(database)
    promote_all(database, NOW + 0.5)
    assert 1 == len(take_as(database, now=NOW + 0.5).jobs)
    promote_all(database, NOW + 1)
    assert 1 == len(take_as(database, now=NOW + 1).jobs)
    assert_counted(alias)


def test_no_more_of_a_key_start_than_its_rate_allows(alias, database):
    chance, now, started = random.Random(7), NOW, 0
    enqueue_keyed(alias, 60, rate=4.0)
    for _ in range(60):
        now += chance.choice([0.0, 0.1, 0.4])
        promote_all(database, now)
        started += len(take_as(database, most=20, now=now).jobs)
    assert (now - NOW) * 4 * 0.8 <= started <= 4 + (now - NOW) * 4 + 0.01
    assert_counted(alias)


def test_buckets_that_are_full_again_are_forgotten(alias, database):
    enqueue_keyed(alias, rate=2.0)
    take_as(database)
    prune(database, NOW + KEEP_KEY_RATES_S - 1, PoolConfig(), rest=float)
    assert KeyRate.objects.using(alias).exists()
    prune(database, NOW + KEEP_KEY_RATES_S + 1, PoolConfig(), rest=float)
    assert not KeyRate.objects.using(alias).exists()


# Nobody waits in vain --------------------------------------------------------------


def test_the_sweep_wakes_whom_nobody_woke(alias, database):
    keys = [f"k{number:03}" for number in range(300)]
    for key in keys:
        put(alias, S.BLOCKED, limit_key=key, limit_running=1)
    put(alias, S.RUNNING, limit_key="k000", limit_running=1, queue="other")
    watch = KeyWatch()
    assert 199 == in_turn(database, lambda deltas: sweep(database, watch, deltas, all_keys=True))
    assert 100 == in_turn(database, lambda deltas: sweep(database, watch, deltas, all_keys=True))
    assert 1 == Job.objects.using(alias).filter(status=S.BLOCKED).count()
    assert_counted(alias)


@ON_POSTGRES
class TestTwoNodes:
    """One has a key in hand: the other neither waits for it nor believes that it knows."""

    def test_a_claim_leaves_the_jobs_of_a_key_in_other_hands(self, alias, database, other_database):
        ids = enqueue_keyed(alias, 4, running=1)
        in_turn(database, lambda _: meet_queues(database))
        assert 1 == len(take_as(database, most=1, commits=False).jobs)
        taken = take_as(other_database, node="node-2")
        assert ([], True) == (taken.jobs, taken.passed_by)
        database.commit()
        assert [S.ASSIGNED, S.PENDING, S.PENDING, S.PENDING] == statuses(alias, ids)
        assert [] == take_as(other_database, node="node-2").jobs
        assert 3 == statuses(alias, ids).count(S.BLOCKED)
        assert_counted(alias)

    def test_an_end_that_cannot_wake_is_made_good_soon(self, alias, database, other_database):
        """Node 2 finds the key full and blocks its job, while node 1 records the end that would have woken it."""
        ids = enqueue_keyed(alias, 2, running=1)
        (first,) = take_as(database, most=1).jobs
        take_as(other_database, node="node-2", commits=False)
        recorded = settle(database, ended(first))
        assert {"k"} == recorded.keys_missed
        other_database.commit()
        assert [S.COMPLETED, S.BLOCKED] == statuses(alias, ids)
        watch = KeyWatch(due=recorded.keys_missed)
        assert 1 == in_turn(database, lambda deltas: sweep(database, watch, deltas, all_keys=False))
        assert set() == watch.due
        assert_counted(alias)


@pytest.mark.parametrize("seed", range(5))
def test_whatever_happens_the_limit_holds_and_all_end(alias, database, seed):
    chance, held, now = random.Random(seed), [], NOW
    for key, running in (("a", 1), ("b", 3), ("c", 2)):
        enqueue_keyed(alias, 15, key, running=running, priority=chance.randint(-1, 1))
    enqueue(alias, 5)
    limits = {"a": 1, "b": 3, "c": 2}
    while Job.objects.using(alias).exclude(status=S.COMPLETED).exists():
        now += 1
        promote_all(database, now + 100)
        held += take_as(database, most=chance.randint(1, 9), now=now).jobs
        for key, most in limits.items():
            assert Job.objects.using(alias).filter(limit_key=key, status__in=EXECUTING).count() <= most
        chance.shuffle(held)
        ending, held = held[:2], held[2:]
        outcomes = [chance.choice([Outcome.SUCCEEDED] * 4 + [Outcome.INTERRUPTED]) for _ in ending]
        settle(database, *map(ended, ending, outcomes))
        assert now < NOW + 300
    assert_counted(alias)


# What it costs -------------------------------------------------------------------


def test_keys_are_looked_up_in_indexes_of_their_own(alias, database, analyse):
    for _ in range(50):
        put(alias, S.ASSIGNED)
        put(alias, S.BLOCKED)
        put(alias, S.RUNNING)
    analyse()
    statements = [
        (COUNT_EXECUTING, ("k", "k"), {"pool_job_key_executing"}),
        (SQLITE_WAKE, ('["default"]', "k", 5, 5), {"pool_job_key_blocked"})
        if database.is_sqlite
        else (POSTGRES_WAKE, (["default"], "k", 5, 5), {"pool_job_key_blocked"}),
        (FIRSTS, ("k", "k", "k"), {"pool_job_key_blocked"}),
        (NEXT_KEY, ("",), {"pool_job_key_blocked"}),
    ]
    for statement, params, indexes in statements:
        plan = plan_of(database, database.sql(statement), params)
        for index in indexes:
            assert index in plan
        assert "SCAN pool_job" not in plan
        assert "Seq Scan on pool_job" not in plan


@pytest.mark.parametrize("crowd", [{"queue": "held"}, {"lacks": "gpu", "requires": ["gpu"]}], ids=["paused", "lacking"])
def test_a_wake_reads_none_of_those_that_may_not_start_now(alias, database, analyse, crowd):
    """However many stand before the one that may: ten times as many cost the same."""
    fields = {"status": S.BLOCKED, "limit_key": "k", "limit_running": 1, "task": "app.tasks.work"}
    fields |= {"created_at": moment(NOW), "run_at": moment(NOW)}
    enqueue(alias, queue="held")
    in_turn(database, lambda _: meet_queues(database))
    operate.pause("held")
    costs = []
    for many in (200, 1800):
        Job.objects.using(alias).bulk_create(Job(**fields, priority=9, **crowd) for _ in range(many))
        id = put(alias, **fields)
        analyse()
        costs.append(work_of(database, lambda deltas: wake(database, {"k"}, deltas)))
        assert [S.PENDING] == statuses(alias, [id])
        Job.objects.using(alias).filter(pk=id).delete()
    assert costs[1] <= costs[0] * 1.2 + 5
    assert costs[1] < 1000
