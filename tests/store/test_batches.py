"""Batches are counted by whoever ends a job of theirs, end with the last one, and hold up nobody."""

from uuid import UUID

import pytest
from django.db import connections, transaction

import pool
from pool.domain.errors import BatchNotFound, InvalidOption, NotPossible, UnknownParent
from pool.domain.ids import new_id
from pool.domain.states import JobStatus, Outcome
from pool.models import Batch, BatchChange, Job, JobDependency
from pool.store import operate
from pool.store.bulk import cancel_many, retry_many
from pool.store.family import batch_dict, get_batch
from pool.store.linked import enqueue_linked
from pool.store.new_job import NewBatch
from tests.contract import tasks
from tests.store.graphs import ANY, FAILURE, after, claimed, end, linked_job, put_batch, status, turn
from tests.store.rows import NOW, ON_POSTGRES, assert_counted, claim_as, ended, moment, statuses

S = JobStatus
BAD = Outcome.ERROR


@pytest.fixture(autouse=True)
def counted(alias):
    """The counters of queues and batches say in the end what a recount says."""
    yield
    assert_counted(alias)
    for batch in Batch.objects.using(alias):
        found = batch_dict(batch)
        jobs = Job.objects.using(alias).filter(batch=batch.pk)
        recount = {
            "completed": jobs.filter(status=S.COMPLETED).count(),
            "failed": jobs.filter(status__in=(S.FAILED, S.TIMEOUT)).count(),
            "cancelled": jobs.filter(status=S.CANCELLED).count(),
        }
        assert recount == {name: found[name] for name in recount}
        assert (batch.total, found["finished_at"] is None) == (jobs.count(), found["waiting"] > 0)


def counts(batch):
    found = batch_dict(get_batch(batch))
    return tuple(found[name] for name in ("total", "completed", "failed", "cancelled", "status"))


class TestCounts:
    def test_they_follow_the_jobs_ends(self, alias, database):
        batch, jobs = put_batch(alias, 4)
        assert (4, 0, 0, 0, "RUNNING") == counts(batch)
        first, second, third, _ = claimed(database, *jobs)
        turn(database, ended(first), ended(second, BAD, retryable=False))
        assert (4, 1, 1, 0, "RUNNING") == counts(batch)
        operate.cancel(jobs[3])
        turn(database, ended(third, Outcome.CANCELLED))
        assert "RUNNING" == counts(batch)[-1]

    @pytest.mark.parametrize(
        ("outcomes", "becomes"),
        [
            ([Outcome.SUCCEEDED] * 2, "COMPLETED"),
            ([Outcome.SUCCEEDED, BAD], "FAILED"),
            ([BAD, BAD], "FAILED"),
        ],
    )
    def test_how_it_ended(self, alias, database, outcomes, becomes):
        batch, jobs = put_batch(alias, 2)
        both = zip(claimed(database, *jobs), outcomes, strict=True)
        turn(database, *(ended(job, how, retryable=False) for job, how in both))
        assert becomes == counts(batch)[-1]
        assert moment(NOW + 5) == Batch.objects.using(alias).get().finished_at

    def test_retries_do_not_count(self, alias, database):
        batch, jobs = put_batch(alias, 1)
        turn(database, ended(claimed(database, *jobs)[0], BAD))
        assert (1, 0, 0, 0, "RUNNING") == counts(batch)

    def test_an_operators_cancel_counts_at_once_and_ends_it(self, alias, database):
        batch, jobs = put_batch(alias, 2)
        cancel_many(jobs)
        assert (2, 0, 0, 2, "CANCELLED") == counts(batch)
        turn(database)
        assert Batch.objects.using(alias).get().finished_at is not None
        assert not BatchChange.objects.using(alias).exists()

    @pytest.mark.parametrize("retry", [operate.retry, lambda id: retry_many([id])], ids=["alone", "among many"])
    @pytest.mark.parametrize("how", [BAD, Outcome.CANCELLED])
    def test_a_retry_by_hand_takes_back_and_the_second_end_counts(self, alias, database, retry, how):
        batch, jobs = put_batch(alias, 2)
        first, second = claimed(database, *jobs)
        if how is Outcome.CANCELLED:
            operate.cancel(jobs[0])
        turn(database, ended(first, how, retryable=False), ended(second))
        retry(jobs[0])
        assert (2, 1, 0, 0, "RUNNING") == counts(batch)
        turn(database)
        assert Batch.objects.using(alias).get().finished_at is None
        end(database, jobs[0])
        assert (2, 2, 0, 0, "COMPLETED") == counts(batch)

    def test_a_job_that_is_cancelled_with_its_parent_counts(self, alias, database):
        batch = new_id()
        parent = linked_job(batch=batch)
        child = linked_job(parent.id, batch=batch)
        made = NewBatch(id=batch, name="", created_at=moment(NOW))
        assert [parent.id, child.id] == enqueue_linked(alias, [parent, child], made)
        end(database, parent.id, outcome=BAD)
        assert (2, 0, 1, 1, "FAILED") == counts(batch)

    def test_many_jobs_of_several_batches_in_one_turn(self, alias, database):
        batches = [put_batch(alias, 5) for _ in range(3)]
        turn(database, *map(ended, claimed(database, *(job for _, jobs in batches for job in jobs))))
        assert {(5, 5, 0, 0, "COMPLETED")} == {counts(batch) for batch, _ in batches}


class TestCallbacks:
    """What waits for a batch."""

    @pytest.fixture
    def batch(self, alias):
        """Two jobs; one callback for each end."""
        id = new_id()
        wishes = ("success", "failure", "any")
        callbacks = [linked_job(id, wants=wants) for wants in map(type(ANY), wishes)]
        _, jobs = put_batch(alias, 2, callbacks, id=id)
        return jobs, [callback.id for callback in callbacks]

    def test_nothing_starts_before_the_last_job_ended(self, alias, database, batch):
        jobs, callbacks = batch
        end(database, jobs[0])
        assert [S.BLOCKED] * 3 == statuses(alias, callbacks)

    @pytest.mark.parametrize(
        ("first", "second", "expected"),
        [
            (Outcome.SUCCEEDED, Outcome.SUCCEEDED, [S.PENDING, S.CANCELLED, S.PENDING]),
            (Outcome.SUCCEEDED, BAD, [S.CANCELLED, S.PENDING, S.PENDING]),
            (BAD, BAD, [S.CANCELLED, S.PENDING, S.PENDING]),
            (Outcome.CANCELLED, Outcome.SUCCEEDED, [S.CANCELLED, S.CANCELLED, S.PENDING]),
            (Outcome.CANCELLED, BAD, [S.CANCELLED, S.PENDING, S.PENDING]),
        ],
    )
    def test_each_starts_at_its_end(self, alias, database, batch, first, second, expected):
        jobs, callbacks = batch
        held = claimed(database, *jobs)
        if first is Outcome.CANCELLED:
            operate.cancel(jobs[0])
        turn(database, ended(held[0], first, retryable=False))
        turn(database, ended(held[1], second, retryable=False))
        assert expected == statuses(alias, callbacks)

    def test_an_empty_batch_has_ended_well(self, alias, database):
        id = new_id()
        callback = linked_job(id)
        put_batch(alias, 0, [callback], id=id)
        assert (0, 0, 0, 0, "COMPLETED") == counts(id)
        turn(database)
        assert S.PENDING == status(alias, callback.id)

    def test_other_jobs_may_wait_for_it(self, alias, database):
        batch, jobs = put_batch(alias, 1)
        child, other = after(alias, batch), after(alias, batch, wants=FAILURE)
        turn(database)
        assert [S.BLOCKED] * 2 == statuses(alias, [child, other])
        end(database, *jobs)
        assert [S.PENDING, S.CANCELLED] == statuses(alias, [child, other])

    def test_of_one_that_ended_too(self, alias, database):
        batch, jobs = put_batch(alias, 1)
        end(database, *jobs)
        assert S.PENDING == status(alias, after(alias, batch))

    def test_a_second_end_calls_nobody_again(self, alias, database, batch):
        jobs, callbacks = batch
        first, second = claimed(database, *jobs)
        turn(database, ended(first, BAD, retryable=False), ended(second))
        before = statuses(alias, callbacks)
        operate.retry(jobs[0])
        turn(database)
        running = {job.id.replace("-", ""): job for job in claim_as(database)}
        turn(database, ended(running[jobs[0].hex]))
        after_it = statuses(alias, callbacks)
        assert [S.CANCELLED, S.PENDING, S.PENDING] == before
        assert [S.CANCELLED, S.ASSIGNED, S.ASSIGNED] == after_it


class TestDoor:
    """`pool.batch`."""

    @pytest.fixture(autouse=True)
    def known(self, settings, alias):
        settings.POOL = {**settings.POOL, "task_modules": ["tests.contract.tasks"]}

    def test_all_is_stored_when_the_block_ends(self, alias, database):
        with pool.batch("import", on_success=tasks.add, on_end=(tasks.add, (1,), {"b": 2})) as batch:
            first = batch.enqueue(tasks.add, 1)
            second = batch.enqueue(tasks.add.using(depends_on=[first], priority=5), 2)
            ids = batch.enqueue_many(tasks.add, [((n,), {}) for n in range(3)])
            assert not Job.objects.using(alias).exists()
        stored = Batch.objects.using(alias).get()
        assert (batch.id, "import", 5) == (stored.pk, stored.name, stored.total)
        of_batch = Job.objects.using(alias).filter(batch=batch.id)
        assert {UUID(first.id), UUID(second.id), *ids} == set(of_batch.values_list("pk", flat=True))
        callbacks = Job.objects.using(alias).filter(batch=None).order_by("id")
        assert [([str(batch.id)], {}), ([1], {"b": 2})] == [(job.args, job.kwargs) for job in callbacks]
        assert {S.BLOCKED} == {job.status for job in callbacks}
        assert S.BLOCKED == status(alias, UUID(second.id))
        assert 5 == batch.counts()["waiting"]

    def test_a_block_that_raises_stores_nothing(self, alias):
        with pytest.raises(ZeroDivisionError), pool.batch(on_success=tasks.add) as batch:
            batch.enqueue(tasks.add, 1 // 0)
        assert not Batch.objects.using(alias).exists()
        assert not Job.objects.using(alias).exists()

    def test_it_belongs_to_the_callers_transaction(self, alias):
        with transaction.atomic(using=alias):
            with pool.batch() as batch:
                batch.enqueue(tasks.add, 1)
            transaction.set_rollback(True, using=alias)
        assert not Batch.objects.using(alias).exists()
        assert not Job.objects.using(alias).exists()

    def test_a_job_cannot_wait_for_its_own_batch(self, alias):
        with pytest.raises(InvalidOption, match="cannot wait for the batch that it belongs to"), pool.batch() as batch:
            batch.enqueue(tasks.add.using(depends_on=batch), 1)
        assert not Job.objects.using(alias).exists()

    def test_nobody_can_wait_for_it_before_it_is_stored(self, alias):
        with pool.batch() as batch, pytest.raises(UnknownParent):
            tasks.add.using(depends_on=batch).enqueue(1)

    def test_jobs_are_added_within_the_block_only(self, alias):
        with pool.batch() as batch:
            pass
        with pytest.raises(NotPossible, match="within its block"):
            batch.enqueue(tasks.add, 1)

    def test_a_unique_key_that_is_held_is_not_counted_twice(self, alias):
        holder = tasks.add.using(unique_key="one").enqueue(1)
        with pool.batch() as batch:
            result = batch.enqueue(tasks.add.using(unique_key="one"), 1)
            batch.enqueue(tasks.add.using(depends_on=result), 2)
            ids = batch.enqueue_many(tasks.add.using(unique_key="two"), [((3,), {})] * 2)
        assert (holder.id, 2) == (result.id, Batch.objects.using(alias).get().total)
        assert 1 == len(set(ids))
        assert UUID(holder.id) in set(JobDependency.objects.using(alias).values_list("parent", flat=True))

    def test_one_of_nothing_but_duplicates_has_ended_well_at_once(self, alias, database):
        """Its jobs are somebody else's: who must wait for them says so."""
        holder = tasks.add.using(unique_key="one").enqueue(1)
        with pool.batch(on_success=tasks.add, on_failure=tasks.fail, on_end=(tasks.add, [1])) as batch:
            result = batch.enqueue(tasks.add.using(unique_key="one"), 1)
        assert 0 == batch.wait(timeout=0)["total"]
        assert holder.id == result.id
        late = tasks.add.using(depends_on=result).enqueue(2)
        turn(database)
        ends = Job.objects.using(alias).exclude(pk__in=[holder.id, late.id]).values_list("task", "status")
        expected = [("add", S.PENDING), ("add", S.PENDING), ("fail", S.CANCELLED)]
        assert expected == sorted((task.rpartition(".")[2], status) for task, status in ends)
        assert S.BLOCKED == status(alias, UUID(late.id))

    def test_wait_returns_the_counts(self, alias, database):
        with pool.batch() as batch:
            result = batch.enqueue(tasks.add, 1)
        with pytest.raises(TimeoutError, match="1 left"):
            batch.wait(timeout=0)
        end(database, UUID(result.id))
        assert 1 == batch.wait(timeout=1)["completed"]

    def test_names_and_callbacks_are_checked_at_once(self, alias):
        with pytest.raises(InvalidOption, match=r"^name must be a text"):
            pool.batch("x" * 101)
        with pytest.raises(InvalidOption, match=r"^on_end must name a task"):
            pool.batch(on_end=7)

    def test_an_unknown_batch_is_told(self, alias):
        with pytest.raises(BatchNotFound, match=r"^There is no batch 'x'"):
            get_batch("x")


class TestLeftovers:
    def test_changes_of_a_batch_that_is_gone_are_forgotten(self, alias, database):
        BatchChange.objects.using(alias).create(batch=new_id(), completed=1)
        assert not turn(database).left
        assert not BatchChange.objects.using(alias).exists()


@ON_POSTGRES
class TestAtOnce:
    def test_a_cancel_in_an_open_transaction_holds_up_nobody(self, alias, database):
        batch, jobs = put_batch(alias, 3)
        held = claim_as(database, most=1)
        with transaction.atomic(using=alias):
            operate.cancel(jobs[1])
            turn(database, ended(held[0]))
            assert 1 == Batch.objects.using(alias).get().completed
        turn(database)
        assert (3, 1, 0, 1, "RUNNING") == counts(batch)

    def test_a_retry_that_nobody_sees_yet_does_not_end_the_batch_twice(self, alias, database):
        """The last job ends while another is being retried: it is one or the other, and then it goes on."""
        batch, jobs = put_batch(alias, 2)
        first, second = claimed(database, *jobs)
        turn(database, ended(first, BAD, retryable=False))
        with transaction.atomic(using=alias):
            operate.retry(jobs[0])
            turn(database, ended(second))
            assert Batch.objects.using(alias).get().finished_at is not None
        turn(database)
        assert (2, 1, 0, 0, "RUNNING") == counts(batch)

    def test_a_retry_that_was_committed_is_seen_with_the_last_end(self, alias, database):
        _, jobs = put_batch(alias, 2)
        first, second = claimed(database, *jobs)
        turn(database, ended(first, BAD, retryable=False))
        operate.retry(jobs[0])
        turn(database, ended(second))
        assert Batch.objects.using(alias).get().finished_at is None

    def test_a_batch_that_another_node_holds_is_counted_next_time(self, alias, database, other_database):
        batch, jobs = put_batch(alias, 1)
        held = claimed(database, *jobs)
        with other_database.transaction():
            other_database.execute("SELECT 1 FROM pool_batch FOR UPDATE")
            assert turn(database, ended(held[0])).left
        assert Batch.objects.using(alias).get().finished_at is None
        turn(database)
        assert (1, 1, 0, 0, "COMPLETED") == counts(batch)
        connections[alias].close()
