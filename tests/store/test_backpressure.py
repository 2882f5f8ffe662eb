"""Producers are slowed down when it gets tight, and refused when a queue or tenant is full; nobody else pays for it."""

import time

import pytest
from django.db import connections, transaction

from pool.domain.errors import QueueFull
from pool.domain.ids import new_id
from pool.models import Job, Queue, Tenant
from pool.store import standing
from pool.store.backpressure import WAITING_IN_QUEUE, WAITING_OF_TENANT
from pool.store.enqueue import enqueue_row, enqueue_rows
from tests.store.graphs import linked_job, unique
from tests.store.rows import NOW, assert_counted, claim_as, ended, enqueue, moment, plan_of, settle


@pytest.fixture
def statements(alias):
    said = []

    def listen(execute, sql, params, many, context):
        said.append(sql)
        return execute(sql, params, many, context)

    with connections[alias].execute_wrapper(listen):
        yield said


@pytest.fixture
def settings_of_pool(settings, alias):
    def change(**values):
        settings.POOL = {**settings.POOL, **values}

    change(backpressure_pause_ms=0.0)
    return change


def until_it_fits(alias, count=1, limit_s=5.0, **values):
    """Enqueue as a producer does that tries again."""
    deadline = time.monotonic() + limit_s
    while True:
        try:
            return enqueue(alias, count, **values)
        except QueueFull:
            assert time.monotonic() < deadline


def test_a_queue_takes_what_fits_and_no_more(alias, settings_of_pool):
    Queue.objects.using(alias).create(name="default", max_waiting=5)
    enqueue(alias, 3)
    enqueue(alias)
    enqueue(alias)
    with pytest.raises(QueueFull, match=r"^Queue 'default' is at capacity: 5 of 5 jobs wait\. Try again in 5 s\.$"):
        enqueue(alias)
    assert 5 == Job.objects.using(alias).count()
    assert_counted(alias)


def test_many_come_in_together_or_not_at_all(alias, settings_of_pool):
    Queue.objects.using(alias).create(name="default", max_waiting=5)
    enqueue(alias, 3)
    with pytest.raises(QueueFull, match="3 of 5 jobs wait, and 3 more do not fit") as caught:
        enqueue(alias, 3)
    assert caught.value.retry_after_s >= 1
    with pytest.raises(QueueFull, match="6 jobs at once are more than the 5 it takes at all"):
        enqueue(alias, 6)
    enqueue(alias, 2)
    assert 5 == Job.objects.using(alias).count()


def test_the_setting_holds_for_queues_that_say_nothing(alias, settings_of_pool):
    settings_of_pool(max_waiting=2)
    Queue.objects.using(alias).create(name="open", max_waiting=0)
    Queue.objects.using(alias).create(name="wide", max_waiting=4)
    for queue, jobs in (("any", 2), ("wide", 4), ("open", 20)):
        enqueue(alias, jobs, queue=queue)
    for queue in ("any", "wide"):
        with pytest.raises(QueueFull):
            enqueue(alias, queue=queue)
    enqueue(alias, 20, queue="open")


def test_all_that_waits_counts(alias, database, settings_of_pool):
    Queue.objects.using(alias).create(name="default", max_waiting=4)
    enqueue(alias, 2, run_at=moment(NOW + 1000))
    enqueue(alias, 2)
    with pytest.raises(QueueFull):
        enqueue(alias)
    standing.forget()
    jobs = claim_as(database)
    enqueue(alias, 2)
    settle(database, *map(ended, jobs))
    with pytest.raises(QueueFull):
        enqueue(alias)


def test_there_is_room_again_when_jobs_have_started(alias, database, settings_of_pool):
    Queue.objects.using(alias).create(name="default", max_waiting=3)
    enqueue(alias, 3)
    with pytest.raises(QueueFull):
        enqueue(alias)
    claim_as(database, most=2)
    until_it_fits(alias, 2)
    assert_counted(alias)


def test_a_refusal_takes_no_place(alias, database, settings_of_pool):
    Queue.objects.using(alias).create(name="default", max_waiting=3)
    enqueue(alias, 2)
    for _ in range(5):
        with pytest.raises(QueueFull):
            enqueue(alias, 2)
    enqueue(alias)


def test_the_hint_when_to_come_again_follows_what_the_pool_ends(alias, database, settings_of_pool):
    Queue.objects.using(alias).create(name="default", max_waiting=100)
    enqueue(alias, 100)
    with pytest.raises(QueueFull) as first:
        enqueue(alias, 50)
    settle(database, *map(ended, claim_as(database, most=20)))
    deadline = time.monotonic() + 5
    while True:
        with pytest.raises(QueueFull) as later:
            enqueue(alias, 50)
        if later.value.retry_after_s != first.value.retry_after_s:
            break
        assert time.monotonic() < deadline
    assert 1 <= later.value.retry_after_s <= 60


def test_a_tenant_takes_what_fits(alias, settings_of_pool):
    Tenant.objects.using(alias).create(name="a", max_waiting=3)
    enqueue(alias, 3, tenant="a")
    with pytest.raises(QueueFull, match="Tenant 'a' is at capacity: 3 of 3 jobs wait"):
        enqueue(alias, tenant="a", queue="another")
    enqueue(alias, 10, tenant="b")
    enqueue(alias, 10)


class TestPause:
    def test_producers_wait_longer_the_fuller_it_is(self, alias, settings_of_pool):
        settings_of_pool(backpressure_at=0.5, backpressure_pause_ms=100.0, max_waiting=10)
        begun = time.monotonic()
        for _ in range(10):
            enqueue(alias)
        assert time.monotonic() - begun >= 0.02 + 0.04 + 0.06 + 0.08 + 0.1

    def test_a_transaction_is_not_kept_open_for_it(self, alias, settings_of_pool):
        settings_of_pool(backpressure_at=0.1, backpressure_pause_ms=10_000.0, max_waiting=10)
        begun = time.monotonic()
        with transaction.atomic(using=alias):
            enqueue(alias, 9)
        assert time.monotonic() - begun < 5

    def test_it_is_told_once(self, alias, settings_of_pool, caplog):
        settings_of_pool(backpressure_at=0.5, backpressure_pause_ms=1.0, max_waiting=10)
        for _ in range(8):
            enqueue(alias)
        (line,) = [record for record in caplog.records if "nearly_full" in str(record.msg)]
        assert "WARNING" == line.levelname


# What it costs -------------------------------------------------------------------


def test_without_limits_nothing_is_counted(alias, statements):
    for _ in range(10):
        enqueue(alias)
        enqueue(alias, tenant="a")
    assert not [sql for sql in statements if sql in (WAITING_IN_QUEUE, WAITING_OF_TENANT)]


def test_with_room_it_is_counted_once_a_second(alias, statements, settings_of_pool):
    settings_of_pool(max_waiting=1000)
    for _ in range(20):
        enqueue(alias)
    assert 1 == statements.count(WAITING_IN_QUEUE)


def test_a_tenants_jobs_are_counted_in_an_index(alias, database):
    plan = plan_of(database, database.sql(WAITING_OF_TENANT), ("a", 100))
    assert "pool_job_turn" in plan
    assert "SCAN pool_job" not in plan
    assert "Seq Scan on pool_job" not in plan


class TestDuplicates:
    """Another job stands for them: they add nothing, and need no room."""

    @pytest.fixture(params=["queue", "tenant"])
    def place(self, request, alias, settings_of_pool):
        """A place that takes three jobs."""
        kind = {"queue": Queue, "tenant": Tenant}[request.param]
        kind.objects.using(alias).create(name="narrow", max_waiting=3)
        return {request.param: "narrow"}

    def fill(self, alias, place):
        (holder,) = enqueue_rows(alias, [linked_job(unique=unique("k"), **place)])
        enqueue(alias, 2, **place)
        with pytest.raises(QueueFull):
            enqueue(alias, **place)
        return holder

    def test_one_gets_its_holder_where_all_is_full(self, alias, place):
        holder = self.fill(alias, place)
        for _ in range(3):
            assert holder == enqueue_row(alias, linked_job(unique=unique("k"), **place))
        assert 3 == Job.objects.using(alias).count()
        with pytest.raises(QueueFull):
            enqueue_row(alias, linked_job(unique=unique("other"), **place))
        assert_counted(alias)

    def test_so_do_its_callbacks(self, alias, place):
        holder = self.fill(alias, place)
        id = new_id()
        assert holder == enqueue_row(
            alias, linked_job(id=id, unique=unique("k"), callbacks=(linked_job(id, **place),), **place)
        )
        assert 3 == Job.objects.using(alias).count()

    def test_among_many_only_the_others_count(self, alias, place):
        (holder,) = enqueue_rows(alias, [linked_job(unique=unique("k"), **place)])
        rows = [linked_job(unique=unique(key), **place) for key in ("k", "k", "a", "b", "a", "k")]
        ids = enqueue_rows(alias, rows)
        assert [holder, holder, rows[2].id, rows[3].id, rows[2].id, holder] == ids
        assert 3 == Job.objects.using(alias).count()
        with pytest.raises(QueueFull):
            enqueue_rows(alias, [linked_job(unique=unique(key), **place) for key in ("k", "c")])
        assert_counted(alias)

    def test_a_holder_that_has_ended_stands_for_nobody(self, alias, database, place):
        holder = self.fill(alias, place)
        settle(database, *map(ended, claim_as(database)))
        until_it_fits(alias, 3, **place)
        with pytest.raises(QueueFull):
            enqueue_row(alias, linked_job(unique=unique("k"), **place))
        assert "COMPLETED" == Job.objects.using(alias).get(pk=holder).status

    def test_where_nothing_is_limited_nobody_looks(self, alias, statements, settings_of_pool):
        enqueue_row(alias, linked_job(unique=unique("k")))
        assert 0 == sum("pool_uniquekey" in one and "SELECT u.key" in one for one in statements)
