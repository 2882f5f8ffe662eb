"""on_success and on_failure: jobs that are stored with theirs, and wait for it."""

from uuid import UUID

import pytest

import pool
from pool.adapters.tasks_api import InvalidTask
from pool.domain.errors import InvalidOption, InvalidPayload
from pool.domain.states import JobStatus, Outcome
from pool.models import Job, JobDependency
from pool.store.family import children, parents
from tests.contract import tasks
from tests.store.graphs import end, status
from tests.store.rows import assert_counted, statuses
from tests.zoo.tasks import adds

S = JobStatus
ADD = f"{tasks.__name__}.add"


@pytest.fixture(autouse=True)
def known(settings, alias):
    settings.POOL = {**settings.POOL, "task_modules": [tasks.__name__]}
    yield
    assert_counted(alias)


def called(alias, id):
    """The callbacks of a job, as they were enqueued."""
    ids = JobDependency.objects.using(alias).filter(parent=id).order_by("id").values_list("child", flat=True)
    return [Job.objects.using(alias).get(pk=id) for id in ids]


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [(Outcome.SUCCEEDED, [S.PENDING, S.CANCELLED]), (Outcome.ERROR, [S.CANCELLED, S.PENDING])],
)
def test_one_of_the_two_runs_in_the_end(alias, database, outcome, expected):
    result = tasks.add.using(on_success=tasks.add, on_failure=tasks.fail).enqueue(1)
    both = called(alias, result.id)
    assert {S.BLOCKED} == {job.status for job in both}
    end(database, UUID(result.id), outcome=outcome)
    assert expected == statuses(alias, [job.pk for job in both])


def test_it_gets_the_id_of_its_job_unless_it_was_given_arguments(alias):
    result = tasks.add.using(on_success=ADD, on_failure=(tasks.add, [1], {"b": 2})).enqueue(1)
    assert [([result.id], {}), ([1], {"b": 2})] == [(job.args, job.kwargs) for job in called(alias, result.id)]


def test_it_has_the_options_of_its_own_task(alias):
    result = tasks.add.using(priority=-5, on_success=tasks.tell.using(tenant="acme")).enqueue(1)
    (job,) = called(alias, result.id)
    assert (50, "slow", "acme", 2) == (job.priority, job.queue, job.tenant, job.max_attempts)


def test_a_callback_may_have_callbacks_and_parents(alias, database):
    other = tasks.add.enqueue(0)
    second = tasks.add.using(on_success=(tasks.add, (3,)), depends_on=other)
    result = tasks.add.using(on_success=second).enqueue(1)
    (first,) = called(alias, result.id)
    assert 2 == first.waits_for
    end(database, UUID(result.id), UUID(other.id))
    assert S.PENDING == status(alias, first.pk)
    (third,) = called(alias, first.pk)
    assert ([3], S.BLOCKED) == (third.args, third.status)


def test_each_of_many_has_its_own(alias):
    ids = pool.enqueue_many(tasks.add.using(on_success=tasks.add), [((n,), {}) for n in range(30)])
    assert 60 == Job.objects.using(alias).count()
    assert set(map(str, ids)) == {job.args[0] for job in Job.objects.using(alias).filter(status=S.BLOCKED)}


def test_a_task_that_names_itself_is_refused(alias):
    with pytest.raises(InvalidOption, match=r"Does a task name itself\?$"):
        tasks.calls_itself.enqueue()
    assert not Job.objects.using(alias).exists()


def test_a_callback_that_workers_will_not_know_is_refused(alias):
    with pytest.raises(InvalidTask, match=r"^Workers will not know"):
        tasks.add.using(on_success=adds).enqueue(1)
    with pytest.raises(InvalidOption, match=r"^A callback names a task that there is not"):
        tasks.add.using(on_success="os.system").enqueue(1)
    with pytest.raises(InvalidPayload):
        tasks.add.using(on_success=(tasks.add, ({1},))).enqueue(1)
    assert not Job.objects.using(alias).exists()


def test_pages_show_who_waits_for_whom(alias, database):
    result = tasks.add.using(on_success=tasks.add).enqueue(1)
    (callback,) = called(alias, result.id)
    parent = Job.objects.using(alias).get(pk=result.id)
    assert [parent] == [one.job for one in parents(callback).shown]
    assert [(callback, "when it has completed")] == [(one.job, one.when) for one in children(parent).shown]
    assert [result.id] == pool.get_job(callback.pk)["depends_on"]
    assert children(parent, most=0).are_more
