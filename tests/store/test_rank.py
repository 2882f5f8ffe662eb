"""A job's turn among those of its queue and priority, given when it may start: fair to tenants, free for others."""

import pytest
from django.db import connections

from pool.domain.fairness import STEP
from pool.domain.states import JobStatus, Outcome
from pool.models import Job, Tenant
from pool.store import bulk, operate, standing
from pool.store.rank import LOOK
from pool.store.standing import LOOK_AT_QUEUE
from tests.store.rows import (
    NODE,
    NOW,
    assert_counted,
    claim_as,
    ended,
    enqueue,
    moment,
    plan_of,
    promote_all,
    put,
    settle,
)


def ranks(alias, **which):
    return list(Job.objects.using(alias).filter(**which).order_by("id").values_list("rank", flat=True))


def enqueue_new(alias, count=1, **values):
    """As another process, which has not looked at the queue yet."""
    standing.forget()
    return enqueue(alias, count, **values)


def claimed_tenants(alias, database, most):
    known = {str(id).replace("-", ""): tenant for id, tenant in Job.objects.using(alias).values_list("id", "tenant")}
    return [known[job.id.replace("-", "")] for job in claim_as(database, most=most)]


@pytest.fixture
def statements(alias):
    """What is asked of the database, from here on."""
    said = []

    def listen(execute, sql, params, many, context):
        said.append(sql)
        return execute(sql, params, many, context)

    with connections[alias].execute_wrapper(listen):
        yield said


def test_jobs_without_a_tenant_have_no_rank(alias):
    enqueue(alias, 3)
    enqueue_new(alias, 2, priority=5)
    assert [0] * 5 == ranks(alias)


def test_they_cost_one_look_a_second(alias, statements):
    for _ in range(20):
        enqueue(alias)
    enqueue(alias, 50)
    assert 1 == statements.count(LOOK_AT_QUEUE)
    assert not [sql for sql in statements if sql == LOOK]


def test_jobs_of_a_tenant_stand_one_step_apart(alias):
    enqueue(alias, 3, tenant="a")
    assert [STEP, 2 * STEP, 3 * STEP] == ranks(alias)
    enqueue(alias, tenant="a")
    assert [4 * STEP] == ranks(alias)[3:]


def test_many_cost_one_look(alias, statements):
    enqueue(alias, 100, tenant="a")
    assert 1 == statements.count(LOOK)


def test_another_tenant_begins_at_the_present_turn(alias, database):
    enqueue(alias, 50, tenant="a")
    claim_as(database, most=20)
    enqueue(alias, 3, tenant="b")
    assert [21 * STEP, 22 * STEP, 23 * STEP] == ranks(alias, tenant="b")


def test_ten_jobs_of_one_pass_the_many_of_another(alias, database):
    enqueue(alias, 1000, tenant="a")
    enqueue(alias, 10, tenant="b")
    assert 10 == claimed_tenants(alias, database, 20).count("b")
    assert_counted(alias)


def test_queues_and_priorities_have_turns_of_their_own(alias):
    enqueue(alias, 5, tenant="a")
    enqueue(alias, tenant="a", queue="other")
    enqueue(alias, tenant="a", priority=1)
    assert [STEP, STEP] == ranks(alias)[5:]


def test_a_heavier_tenant_has_more_turns(alias, database):
    Tenant.objects.using(alias).create(name="a", weight=2.0)
    enqueue(alias, 30, tenant="a")
    enqueue(alias, 30, tenant="b")
    assert 20 == claimed_tenants(alias, database, 30).count("a")


def test_others_take_turns_while_somebody_does(alias, database):
    """Or a tenant's jobs would wait for all that come without one."""
    enqueue(alias, 20, tenant="a")
    enqueue_new(alias, 20)
    assert [STEP * turn for turn in range(1, 21)] == ranks(alias, tenant="")
    assert 10 == claimed_tenants(alias, database, 20).count("a")
    enqueue_new(alias, tenant="")
    assert [21 * STEP] == ranks(alias, tenant="")[20:]


def test_and_none_when_nobody_does_any_more(alias, database):
    enqueue(alias, tenant="a")
    enqueue_new(alias)
    claim_as(database)
    enqueue(alias, 2)
    assert [0, 0] == ranks(alias)[2:]


def test_a_rank_is_given_when_the_job_may_start(alias, database):
    (later,) = enqueue(alias, tenant="a", run_at=moment(NOW + 10))
    assert [0] == ranks(alias)
    enqueue(alias, 2, tenant="a")
    enqueue(alias, 5, tenant="b")
    promote_all(database, NOW + 11)
    assert [3 * STEP] == ranks(alias, pk=later)


def test_a_flood_for_one_moment_takes_turns_as_well(alias, database):
    enqueue(alias, 500, tenant="a", run_at=moment(NOW + 10))
    promote_all(database, NOW + 11)
    enqueue(alias, 10, tenant="b")
    assert 10 == claimed_tenants(alias, database, 20).count("b")
    assert_counted(alias)


def test_a_job_that_failed_had_its_turn_and_does_not_wait_for_the_next(alias, database):
    (id,) = enqueue(alias, tenant="a")
    (job,) = claim_as(database)
    enqueue(alias, 100, tenant="a")
    enqueue(alias, 100, tenant="b")
    settle(database, ended(job, Outcome.ERROR))
    claim_as(database, most=50)
    promote_all(database, NOW + 100)
    turn = min(ranks(alias, status=JobStatus.PENDING))
    assert [turn] == ranks(alias, pk=id)
    assert turn > 20 * STEP


def test_a_late_one_of_long_ago_does_not_turn_back_the_time(alias, database):
    """Whoever enqueues after it would else pass everybody who waits."""
    put(alias, JobStatus.SCHEDULED, tenant="c", rank=STEP, attempts=1)
    enqueue(alias, 100, tenant="a")
    claim_as(database, most=50)
    promote_all(database, NOW + 1)
    enqueue(alias, 10, tenant="b")
    assert 51 * STEP == min(ranks(alias, tenant="b"))


def test_promoted_jobs_without_a_tenant_have_no_rank(alias, database):
    enqueue(alias, 3, run_at=moment(NOW + 10))
    promote_all(database, NOW + 11)
    assert [0, 0, 0] == ranks(alias)


def test_a_job_given_back_keeps_its_turn(alias, database):
    enqueue(alias, 3, tenant="a")
    before = ranks(alias)
    settle(database, *(ended(job, Outcome.INTERRUPTED, started_at=None, worker="") for job in claim_as(database)))
    assert before == ranks(alias, status=JobStatus.PENDING)


def test_callers_see_their_own_jobs_before_they_commit(alias):
    from django.db import transaction

    with transaction.atomic(using=alias):
        enqueue(alias, 2, tenant="a")
        enqueue(alias, 2, tenant="a")
    assert [STEP, 2 * STEP, 3 * STEP, 4 * STEP] == ranks(alias)


def test_batches_of_one_call_go_on_where_the_last_ended(alias, monkeypatch):
    from pool.store import enqueue as store

    monkeypatch.setattr(store, "BATCH", 10)
    enqueue(alias, 25, tenant="a")
    assert [STEP * turn for turn in range(1, 26)] == ranks(alias)


@pytest.mark.parametrize(
    ("statement", "params", "indexes"),
    [
        (LOOK, ("q", 0, "a", "q", 0, "a"), {"pool_job_claim", "pool_job_turn"}),
        (LOOK_AT_QUEUE, ("q", 0, "q"), {"pool_job_claim"}),
    ],
)
@pytest.mark.parametrize("is_analysed", [False, True])
def test_looks_read_the_ends_of_indexes(alias, database, analyse, statement, params, indexes, is_analysed):
    if is_analysed:
        for _ in range(50):
            put(alias, JobStatus.COMPLETED)
        analyse()
    plan = plan_of(database, database.sql(statement), params)
    for index in indexes:
        assert index in plan
    assert "SCAN pool_job" not in plan
    assert "Seq Scan on pool_job" not in plan
    assert "USE TEMP B-TREE" not in plan


def test_claims_of_a_thousand_tenants_come_in_turns(alias, database):
    for number in range(40):
        enqueue(alias, 3, tenant=f"t{number}")
    first, second = (claimed_tenants(alias, database, 40) for _ in range(2))
    assert len(set(first)) == len(set(second)) == 40
    assert {NODE} == set(Job.objects.using(alias).filter(status="ASSIGNED").values_list("node", flat=True))


def test_a_job_retried_by_hand_goes_to_the_front_of_its_tenants(alias):
    id = put(alias, JobStatus.FAILED, tenant="a", rank=10**9)
    enqueue(alias, 10, tenant="a")
    enqueue(alias, 10, tenant="b")
    operate.retry(id)
    assert [STEP] == ranks(alias, pk=id)


def test_many_retried_by_hand_take_turns(alias, database):
    ids = [put(alias, JobStatus.FAILED, tenant="a", rank=5) for _ in range(30)]
    plain = put(alias, JobStatus.FAILED)
    enqueue(alias, 10, tenant="b")
    bulk.retry_many([*ids, plain])
    assert [0] == ranks(alias, pk=plain)
    assert 10 == claimed_tenants(alias, database, 21).count("b")
    assert_counted(alias)
