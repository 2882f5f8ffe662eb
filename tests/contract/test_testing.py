"""The backends for users' own tests take what the pool takes, and refuse what it refuses."""

from datetime import UTC, datetime, timedelta

import pytest

from pool import enqueue_many, task
from pool.adapters.tasks_api import (
    InvalidTask,
    Task,
    TaskResultDoesNotExist,
    TaskResultStatus,
    task_backends,
    task_finished,
    task_started,
)
from pool.domain.errors import InvalidPayload
from tests.contract import tasks

DJANGOS_BACKENDS = f"{Task.__module__.removesuffix('.base')}.backends"
TOMORROW = datetime.now(UTC) + timedelta(days=1)


@pytest.fixture
def inline(settings):
    settings.TASKS = {"default": {"BACKEND": "pool.testing.InlineBackend"}}
    return task_backends["default"]


@pytest.fixture
def capturing(settings):
    settings.TASKS = {"default": {"BACKEND": "pool.testing.CapturingBackend"}}
    return task_backends["default"]


class TestInline:
    def test_a_task_runs_at_once_with_what_json_makes_of_its_arguments(self, inline):
        result = tasks.add.enqueue((1,), b=[2])
        assert (TaskResultStatus.SUCCESSFUL, [1, 2], 1) == (result.status, result.return_value, result.attempts)
        assert result.id == tasks.add.get_result(result.id).id

    def test_async_tasks_and_tasks_for_later_run_at_once_too(self, inline):
        assert "done" == tasks.wait_for_nothing.using(run_after=TOMORROW).enqueue().return_value

    def test_the_context_notes_what_the_task_says(self, inline):
        result = tasks.tell.enqueue("hello")
        context = inline.contexts[result.id]
        assert [result.id, 1, False, False] == result.return_value
        assert ([(0.5, "half")], ["second"], ["hello"], {"input_tokens": 7}) == (
            context.progressed,
            context.steps,
            context.logged,
            context.usage,
        )

    def test_a_task_that_raises_has_failed(self, inline):
        result = tasks.fail.enqueue()
        assert TaskResultStatus.FAILED is result.status
        assert ValueError is result.errors[0].exception_class
        assert "ValueError: broken" in result.errors[0].traceback

    @pytest.mark.parametrize("asked", [tasks.ask_engine, tasks.ask_engine_async])
    def test_what_a_task_returned_is_mapped_to_a_result_or_an_error(self, inline, asked):
        assert 7 == asked.enqueue("FINISHED").return_value
        failed = asked.enqueue("ERROR")
        assert TaskResultStatus.FAILED is failed.status
        assert "RuntimeError: Graph execution failed" in failed.errors[0].traceback

    def test_a_result_that_cannot_be_stored_is_a_failure(self, inline):
        result = tasks.return_a_set.enqueue()
        assert InvalidPayload is result.errors[0].exception_class

    def test_signals_are_sent_in_order(self, inline):
        heard = []

        def note_start(task_result, **_):
            heard.append(("started", task_result.status))

        def note_end(task_result, **_):
            heard.append(("finished", task_result.status))

        task_started.connect(note_start)
        task_finished.connect(note_end)
        try:
            tasks.add.enqueue(1)
        finally:
            task_started.disconnect(note_start)
            task_finished.disconnect(note_end)
        assert [("started", TaskResultStatus.RUNNING), ("finished", TaskResultStatus.SUCCESSFUL)] == heard

    def test_many_run_in_order(self, inline):
        ids = enqueue_many(tasks.add, [((n,), {}) for n in range(3)])
        assert [0, 1, 2] == [inline.get_result(str(job_id)).return_value for job_id in ids]

    def test_clear_forgets(self, inline):
        result = tasks.add.enqueue(1)
        inline.clear()
        with pytest.raises(TaskResultDoesNotExist):
            tasks.add.get_result(result.id)


class TestCapturing:
    def test_what_is_enqueued_is_collected_and_not_run(self, capturing):
        result = tasks.fail.using(tenant="a", tags=["b"], timeout=None).enqueue()
        assert [result] == capturing.results
        assert (TaskResultStatus.READY, "a", '["b"]', None) == (
            result.status,
            capturing.jobs[0].tenant,
            capturing.jobs[0].tags,
            capturing.jobs[0].timeout,
        )

    def test_the_pools_refusals_hold(self, capturing):
        with pytest.raises(InvalidPayload):
            tasks.add.enqueue({1})
        with pytest.raises(InvalidTask):
            tasks.add.using(unique_key="a")
        with pytest.raises(InvalidPayload, match=r"^calls\[1\]: args\[0\] is not JSON"):
            enqueue_many(tasks.add, [((1,), {}), (({1},), {})])
        assert [] == capturing.results


@pytest.mark.parametrize("backend", ["dummy.DummyBackend", "immediate.ImmediateBackend"])
def test_options_are_accepted_under_djangos_own_backends(settings, backend):
    settings.TASKS = {"default": {"BACKEND": f"{DJANGOS_BACKENDS}.{backend}"}}
    made = task(priority="high", timeout=3, max_attempts=2, tags=["a"], kind="FILE_IO")(tasks.not_a_task)
    result = made.using(metadata={"a": 1}, timeout=None).enqueue()
    assert (50, {"a": 1}, [], {}) == (result.task.priority, result.task.metadata, result.args, result.kwargs)
    assert 2 == len(enqueue_many(made, [((), {}), ((), {})]))
