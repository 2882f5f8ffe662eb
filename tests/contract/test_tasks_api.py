"""The promises of Django's Tasks API, kept by the pool's backend on both Django lines."""

from datetime import UTC, datetime, timedelta

import pytest
from asgiref.sync import async_to_sync
from django.db import transaction

from pool import registry
from pool.adapters.tasks_api import (
    InvalidTask,
    Task,
    TaskResult,
    TaskResultDoesNotExist,
    TaskResultMismatch,
    TaskResultStatus,
    task_backends,
    task_enqueued,
)
from pool.backend import PoolBackend
from pool.conf import database_alias
from pool.domain.errors import InvalidPayload
from pool.models import Job
from tests.contract import tasks

POOL = "pool.backend.PoolBackend"
DJANGOS_BACKENDS = f"{Task.__module__.removesuffix('.base')}.backends"

TOMORROW = datetime.now(UTC) + timedelta(days=1)


@pytest.fixture(autouse=True)
def _known_tasks(alias, settings):
    settings.POOL = {**settings.POOL, "task_modules": [tasks.__name__]}


def jobs():
    return Job.objects.using(database_alias())


@pytest.fixture
def heard():
    """The results that the signal told of."""
    results = []

    def listen(sender, task_result, **_):
        results.append((sender, task_result))

    task_enqueued.connect(listen)
    yield results
    task_enqueued.disconnect(listen)


def test_it_supports_all_that_django_asks_about():
    backend = task_backends["default"]
    assert isinstance(backend, PoolBackend)
    assert (True, True, True, True) == (
        backend.supports_defer,
        backend.supports_async_task,
        backend.supports_get_result,
        backend.supports_priority,
    )
    assert [] == list(backend.check())


def test_enqueue_answers_with_a_ready_result():
    before = datetime.now(UTC)
    result = tasks.add.enqueue((1, 2), b={"x": b"y"})
    assert isinstance(result, TaskResult)
    assert (TaskResultStatus.READY, False, 0) == (result.status, result.is_finished, result.attempts)
    assert ([[1, 2]], {"b": {"x": "y"}}, "default") == (result.args, result.kwargs, result.backend)
    assert (None, None, None, [], []) == (
        result.started_at,
        result.last_attempted_at,
        result.finished_at,
        result.errors,
        result.worker_ids,
    )
    assert before <= result.enqueued_at <= datetime.now(UTC)
    with pytest.raises(ValueError, match="Task has not finished yet"):
        _ = result.return_value


def test_a_result_is_found_by_its_id():
    enqueued = tasks.add.using(priority=7, queue_name="mail", run_after=TOMORROW).enqueue(1, b=2)
    found = tasks.add.get_result(enqueued.id)
    assert (enqueued.id, enqueued.enqueued_at, [1], {"b": 2}) == (
        found.id,
        found.enqueued_at,
        found.args,
        found.kwargs,
    )
    assert (7, "mail", TOMORROW) == (found.task.priority, found.task.queue_name, found.task.run_after)
    enqueued.refresh()
    assert TaskResultStatus.READY is enqueued.status


def test_a_result_of_another_task_is_a_mismatch():
    result = tasks.add.enqueue(1)
    with pytest.raises(TaskResultMismatch):
        tasks.fail.get_result(result.id)


@pytest.mark.parametrize("result_id", ["", "nonsense", "01900000-0000-7000-8000-000000000000"])
def test_no_such_result_says_so(result_id):
    with pytest.raises(TaskResultDoesNotExist):
        tasks.add.get_result(result_id)


def test_the_async_forms_do_the_same():
    async def use_them():
        result = await tasks.wait_for_nothing.aenqueue()
        found = await tasks.wait_for_nothing.aget_result(result.id)
        assert result.id == found.id
        await result.arefresh()
        with pytest.raises(TaskResultDoesNotExist):
            await tasks.add.aget_result("nonsense")

    async_to_sync(use_them)()


def test_the_signal_comes_after_the_row(heard):
    result = tasks.add.enqueue(1)
    ((sender, told),) = heard
    assert (PoolBackend, result.id) == (sender, told.id)
    assert jobs().filter(pk=result.id).exists()


def test_a_listener_that_fails_does_not_lose_the_job(heard):
    def explode(**_):
        raise RuntimeError("listener")

    task_enqueued.connect(explode)
    try:
        assert tasks.add.enqueue(1).id
    finally:
        task_enqueued.disconnect(explode)
    assert 1 == jobs().count()


def test_a_job_exists_if_and_only_if_its_transaction_commits(alias):
    with transaction.atomic(using=alias):
        tasks.add.enqueue(1)
        transaction.set_rollback(True, using=alias)
    with transaction.atomic(using=alias):
        kept = tasks.add.enqueue(2)
    assert [kept.id] == [str(pk) for pk in jobs().values_list("pk", flat=True)]


def test_arguments_that_cannot_be_stored_leave_nothing_behind(heard):
    with pytest.raises(InvalidPayload, match=r"^args\[1\] is not JSON"):
        tasks.add.enqueue(1, {2})
    assert (0, []) == (jobs().count(), heard)


def test_a_task_that_workers_would_not_find_is_refused(settings):
    settings.POOL = {**settings.POOL, "task_modules": []}
    with pytest.raises(InvalidTask, match=f"^Workers will not know {tasks.__name__}.add: put it into tasks.py"):
        tasks.add.enqueue(1)


def test_a_task_of_another_backend_can_be_sent_to_the_pool(settings, monkeypatch):
    settings.TASKS = {
        "default": {"BACKEND": f"{DJANGOS_BACKENDS}.dummy.DummyBackend"},
        "pool": {"BACKEND": POOL},
    }
    plain = Task(
        func=tasks.not_a_task,
        priority=0,
        backend="default",
        queue_name="default",
        run_after=None,
        takes_context=False,
    )
    monkeypatch.setattr(tasks, "not_a_task", plain)
    registry.discover.cache_clear()
    result = plain.using(backend="pool", priority=3).enqueue()
    assert (3, "default") == jobs().values_list("priority", "queue").get(pk=result.id)
