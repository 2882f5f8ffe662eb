"""A unique key is held by one job at a time: while it waits, until it has ended, or for a period."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event

import pytest
from django.db import connections, transaction

import pool
from pool.adapters.tasks_api import task_enqueued
from pool.domain.errors import NotPossible
from pool.domain.links import UniqueScope, holds
from pool.domain.states import TERMINAL, WAITING, JobStatus, Outcome
from pool.models import Job, Tally, UniqueKey
from pool.store import operate
from pool.store.bulk import retry_many
from pool.store.enqueue import enqueue_rows
from pool.store.unique import _Keys
from tests.contract import tasks
from tests.store.graphs import claimed, end, linked_job, status, turn, unique
from tests.store.rows import NOW, ON_POSTGRES, assert_counted, claim_as, ended, moment, new_job
from tests.store.test_races import BLOCKED as LOCK_WAITS
from tests.store.test_races import LIMIT_S

S = JobStatus


@pytest.fixture(autouse=True)
def counted(alias):
    yield
    assert_counted(alias)


def want(alias, key="k", scope="running", seconds=None, **values):
    """Store a job that wants the key; the id of the job that stands for it."""
    (id,) = enqueue_rows(alias, [linked_job(unique=unique(key, scope, seconds), **values)])
    return id


@pytest.mark.parametrize("scope", UniqueScope)
@pytest.mark.parametrize("status", [None, *S])
@pytest.mark.parametrize("is_in_period", [True, False])
def test_who_holds_a_key(alias, scope, status, is_in_period):
    expected = {
        UniqueScope.WAITING: status in WAITING,
        UniqueScope.RUNNING: status is not None and status not in TERMINAL,
        UniqueScope.PERIOD: is_in_period,
    }
    assert expected[scope] == holds(scope, status, is_in_period=is_in_period)


class TestScopes:
    @pytest.mark.parametrize("scope", ["waiting", "running"])
    def test_a_waiting_job_holds_it(self, alias, scope):
        holder = want(alias, scope=scope)
        assert holder == want(alias, scope=scope)
        assert 1 == Job.objects.using(alias).count()
        assert 1 == Tally.objects.using(alias).count()

    def test_a_running_job_holds_it_until_it_has_ended(self, alias, database):
        holder = want(alias)
        (job,) = claim_as(database)
        assert holder == want(alias)
        turn(database, ended(job, Outcome.ERROR))
        assert holder == want(alias)
        operate.cancel(holder)
        other = want(alias)
        assert holder != other
        assert other == want(alias)

    def test_with_the_scope_waiting_a_running_job_does_not(self, alias, database):
        holder = want(alias, scope="waiting")
        claim_as(database)
        other = want(alias, scope="waiting")
        assert holder != other
        assert other == want(alias, scope="waiting")

    @pytest.mark.parametrize("retry", [operate.retry, lambda id: retry_many([id])], ids=["alone", "in bulk"])
    def test_a_retried_job_holds_it_again(self, alias, database, retry):
        holder = want(alias)
        operate.cancel(holder)
        retry(holder)
        assert holder == want(alias)
        operate.cancel(holder)
        other = want(alias)
        operate.cancel(other)
        retry(holder)
        assert holder == want(alias)

    def test_a_job_is_not_retried_while_another_holds_its_key(self, alias):
        job = want(alias)
        operate.cancel(job)
        other = want(alias)
        with pytest.raises(NotPossible, match=f"{other} holds its unique key"):
            operate.retry(job)
        assert 0 == retry_many([job]).done
        assert S.CANCELLED == status(alias, job)
        assert other == want(alias)

    def test_of_two_that_had_the_same_key_one_is_retried(self, alias):
        jobs = []
        for _ in range(2):
            jobs.append(want(alias))
            operate.cancel(jobs[-1])
        assert (1, 1) == (retry_many(jobs).done, Job.objects.using(alias).filter(status=S.PENDING).count())

    def test_a_retried_job_holds_it_also_when_the_row_of_the_key_is_gone(self, alias):
        job = want(alias)
        operate.cancel(job)
        UniqueKey.objects.using(alias).all().delete()
        operate.retry(job)
        assert job == want(alias)

    def test_a_period_holds_it_whatever_became_of_the_job(self, alias, database):
        holder = want(alias, scope="period", seconds=60)
        end(database, holder)
        later = moment(NOW) + timedelta(seconds=59)
        assert holder == want(alias, scope="period", seconds=60, created_at=later, run_at=later)
        over = moment(NOW) + timedelta(seconds=60)
        assert holder != want(alias, scope="period", seconds=60, created_at=over, run_at=over)

    def test_other_keys_are_others(self, alias):
        assert want(alias, "a") != want(alias, "b")

    def test_a_job_that_is_gone_holds_nothing(self, alias):
        UniqueKey.objects.using(alias).create(key="k", job=new_job().id, scope="running")
        id = want(alias)
        assert id == UniqueKey.objects.using(alias).get().job


class TestMany:
    @pytest.mark.parametrize("count", [3, 40])
    def test_duplicates_within_one_call_are_one_job(self, alias, count):
        keys = [f"key {number % 2}" for number in range(count)]
        ids = enqueue_rows(alias, [linked_job(unique=unique(key)) for key in keys])
        assert [ids[number % 2] for number in range(count)] == ids
        assert set(ids) == set(Job.objects.using(alias).values_list("pk", flat=True))

    def test_those_that_are_held_and_those_that_are_not(self, alias, database):
        held, over = want(alias, "held"), want(alias, "over")
        end(database, over)
        rows = [linked_job(unique=unique(key)) for key in ("held", "over", "new")] + [new_job()]
        ids = enqueue_rows(alias, rows)
        assert [held, *(row.id for row in rows[1:])] == ids
        assert 5 == Job.objects.using(alias).count()

    @pytest.mark.parametrize(("scope", "seconds"), [("running", None), ("waiting", None), ("period", 60.0)])
    def test_a_callback_that_wants_the_key_of_its_job_is_a_duplicate(self, alias, scope, seconds):
        key = unique("k", scope, seconds)
        first = linked_job(unique=key)
        callback = linked_job(first.id, unique=key)
        enqueue_rows(alias, [linked_job(unique=key, id=first.id, callbacks=(callback,))])
        assert [first.id] == list(Job.objects.using(alias).values_list("pk", flat=True))
        assert first.id == enqueue_rows(alias, [linked_job(unique=key)])[0]

    def test_a_callback_does_not_take_the_key_of_a_job_that_comes_with_it(self, alias):
        other, first = linked_job(unique=unique("k")), linked_job()
        callback = linked_job(first.id, unique=unique("k"))
        ids = enqueue_rows(alias, [linked_job(id=first.id, callbacks=(callback,)), other])
        assert set(ids) == set(Job.objects.using(alias).values_list("pk", flat=True))

    def test_callbacks_of_a_duplicate_are_not_stored(self, alias):
        want(alias)
        row = linked_job(unique=unique("k"))
        callback = linked_job(row.id, unique=unique("other"))
        enqueue_rows(alias, [linked_job(unique=unique("k"), id=row.id, callbacks=(callback,))])
        assert 1 == Job.objects.using(alias).count()
        assert not UniqueKey.objects.using(alias).filter(key="other").exists()

    def test_a_parent_that_is_a_duplicate_is_waited_for_in_its_holder(self, alias, database):
        holder = want(alias)
        row = linked_job(unique=unique("k"))
        child = linked_job(row.id)
        assert [holder, child.id] == enqueue_rows(alias, [row, child])
        end(database, holder)
        assert S.PENDING == Job.objects.using(alias).get(pk=child.id).status

    def test_keys_with_odd_characters(self, alias):
        key = "é\"'\\ %s {among} 😀"
        assert want(alias, key) == want(alias, key)


class TestDoor:
    @pytest.fixture(autouse=True)
    def known(self, settings, alias):
        settings.POOL = {**settings.POOL, "task_modules": ["tests.contract.tasks"]}

    def test_the_result_is_that_of_the_holder(self, alias):
        first = tasks.add.using(unique_key="k").enqueue(1)
        second = tasks.add.using(unique_key={"key": "k", "scope": "period", "seconds": 5}).enqueue(2)
        assert (first.id, [1]) == (second.id, second.args)
        assert "k" == pool.get_job(first.id)["unique_key"]

    def test_no_signal_is_sent_for_a_job_that_there_is_not(self, alias):
        heard = []

        def listen(task_result, **_):
            heard.append(task_result.id)

        task_enqueued.connect(listen)
        try:
            result = tasks.add.using(unique_key="k").enqueue(1)
            tasks.add.using(unique_key="k").enqueue(1)
            pool.enqueue_many(tasks.add.using(unique_key="k"), [((1,), {})] * 3)
        finally:
            task_enqueued.disconnect(listen)
        assert [result.id] == heard


class TestTransactions:
    def test_a_key_of_a_transaction_that_is_rolled_back_is_free(self, alias):
        with transaction.atomic(using=alias):
            gone = want(alias)
            transaction.set_rollback(True, using=alias)
        assert gone != want(alias)

    @ON_POSTGRES
    @pytest.mark.parametrize("commits", [True, False], ids=["commits", "rolls back"])
    @pytest.mark.parametrize("known", [True, False], ids=["known key", "new key"])
    def test_who_comes_second_waits_for_the_first(self, alias, database, commits, known):
        if known:
            end(database, want(alias))
        begun = Event()

        def second():
            try:
                begun.set()
                return want(alias)
            finally:
                connections[alias].close()

        with ThreadPoolExecutor(1) as threads:
            with transaction.atomic(using=alias):
                first = want(alias)
                rival = threads.submit(second)
                assert begun.wait(LIMIT_S)
                while not database.execute(LOCK_WAITS).fetchone()[0]:
                    assert not rival.done()
                if not commits:
                    transaction.set_rollback(True, using=alias)
            assert (first == rival.result(LIMIT_S)) == commits
        assert 1 + known == Job.objects.using(alias).count()

    @ON_POSTGRES
    @pytest.mark.parametrize("what", ["taken over", "retried"])
    def test_somebody_is_faster_between_two_looks(self, alias, database, monkeypatch, what):
        """Another takes the key over, or retries who held it, after this one saw that it was free."""
        operate.cancel(holder := want(alias))
        take_over, others = _Keys.take_over, []

        def after_another(keys, free):
            if not others:
                others.append(None)
                with ThreadPoolExecutor(1) as threads:
                    others[0] = threads.submit(elsewhere).result(LIMIT_S)
            return take_over(keys, free)

        def elsewhere():
            try:
                if what == "taken over":
                    return want(alias)
                operate.retry(holder)
                return holder
            finally:
                connections[alias].close()

        monkeypatch.setattr(_Keys, "take_over", after_another)
        assert want(alias) == others[0]
        assert claimed(database, others[0])
