"""The backends for users' own tests take what the pool takes, and refuse what it refuses."""

from datetime import UTC, datetime, timedelta

import pytest

import pool
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
from pool.domain.errors import InvalidOption, InvalidPayload, JobCancelled, UnknownParent
from pool.domain.ids import new_id
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
            tasks.add.using(unique_key=7)
        with pytest.raises(InvalidPayload, match=r"^calls\[1\]: args\[0\] is not JSON"):
            enqueue_many(tasks.add, [((1,), {}), (({1},), {})])
        assert [] == capturing.results


class TestTies:
    """Parents, callbacks, batches and unique keys, in both."""

    def test_a_child_of_a_job_that_ran_runs(self, inline):
        parent = tasks.add.enqueue(1)
        assert 3 == tasks.add.using(depends_on=parent).enqueue(3).return_value

    def test_a_child_of_a_job_that_failed_does_not(self, inline):
        parent = tasks.fail.enqueue()
        child = tasks.add.using(depends_on=[parent.id]).enqueue(3)
        assert (TaskResultStatus.FAILED, JobCancelled) == (child.status, child.errors[0].exception_class)
        assert 4 == tasks.add.using(depends_on=parent, on_parent_failure="run").enqueue(4).return_value

    @pytest.mark.parametrize("backend", ["inline", "capturing"])
    def test_an_unknown_parent_is_refused(self, request, backend):
        request.getfixturevalue(backend)
        with pytest.raises(UnknownParent):
            tasks.add.using(depends_on=[new_id()]).enqueue(3)

    def test_callbacks_run_after_their_job(self, inline):
        parent = tasks.add.using(on_success=tasks.add, on_failure=tasks.fail).enqueue(1)
        assert [[1], [parent.id]] == [result.args for result in inline.results]
        other = tasks.fail.using(on_success=tasks.add, on_failure=(tasks.add, (1,), {"b": 2})).enqueue()
        assert [other.id, 3] == [inline.results[2].id, inline.results[3].return_value]
        assert 4 == len(inline.results)

    def test_callbacks_are_captured_as_jobs_that_wait(self, capturing):
        parent = tasks.add.using(on_success=tasks.add, on_failure=tasks.fail).enqueue(1)
        assert [1, 1, 1] == [len(capturing.jobs[:1]), *(len(job.parents) for job in capturing.jobs[1:])]
        assert ["PENDING", "BLOCKED", "BLOCKED"] == [job.status for job in capturing.jobs]
        assert {parent.id} == {str(job.parents[0].id) for job in capturing.jobs[1:]}

    def test_a_batch_runs_when_its_block_ends(self, inline):
        with pool.batch("some", on_success=tasks.add, on_failure=tasks.fail, on_end=(tasks.add, (7,))) as batch:
            first = batch.enqueue(tasks.add, 1)
            second = batch.enqueue(tasks.add.using(depends_on=first), 2)
            batch.enqueue_many(tasks.add, [((3,), {})])
            assert [] == inline.results
        second.refresh()
        assert 2 == second.return_value
        assert [[1], [2], [3], [str(batch.id)], [7]] == [result.args for result in inline.results]
        assert [batch.id] == [made.id for made in inline.batches]

    def test_a_batch_with_a_failure_calls_for_it(self, inline):
        with pool.batch(on_success=tasks.add, on_failure=(tasks.add, (8,))) as batch:
            batch.enqueue(tasks.fail)
        assert [[], [8]] == [result.args for result in inline.results]

    def test_a_batch_is_captured_with_its_jobs(self, capturing):
        with pool.batch("some", on_end=tasks.add) as batch:
            batch.enqueue(tasks.add, 1)
        assert ("some", batch.id) == (capturing.batches[0].name, capturing.jobs[0].batch)
        assert ["PENDING", "BLOCKED"] == [job.status for job in capturing.jobs]

    def test_a_waiting_job_holds_its_unique_key(self, capturing):
        keyed = tasks.add.using(unique_key="a")
        assert keyed.enqueue(1).id == keyed.enqueue(2).id
        assert 1 == len(capturing.jobs)
        assert keyed.enqueue(1).id != tasks.add.using(unique_key="b").enqueue(2).id

    def test_one_that_ran_does_not_but_for_its_period(self, inline):
        keyed = tasks.add.using(unique_key="a")
        assert keyed.enqueue(1).id != keyed.enqueue(2).id
        keyed = tasks.add.using(unique_key={"key": "b", "scope": "period", "seconds": 60})
        assert keyed.enqueue(1).id == keyed.enqueue(2).id

    def test_clear_forgets_keys_and_parents(self, capturing):
        keyed = tasks.add.using(unique_key="a")
        first = keyed.enqueue(1)
        capturing.clear()
        assert first.id != keyed.enqueue(1).id
        with pytest.raises(UnknownParent):
            tasks.add.using(depends_on=first).enqueue(1)

    def test_only_tasks_of_the_pool_are_in_a_batch(self, settings):
        settings.TASKS = {"default": {"BACKEND": f"{DJANGOS_BACKENDS}.dummy.DummyBackend"}}
        with pytest.raises(InvalidOption, match="has another backend"), pool.batch() as batch:
            batch.enqueue(tasks.add, 1)


@pytest.mark.parametrize("backend", ["dummy.DummyBackend", "immediate.ImmediateBackend"])
def test_options_are_accepted_under_djangos_own_backends(settings, backend):
    settings.TASKS = {"default": {"BACKEND": f"{DJANGOS_BACKENDS}.{backend}"}}
    made = task(priority="high", timeout=3, max_attempts=2, tags=["a"], kind="FILE_IO")(tasks.not_a_task)
    result = made.using(metadata={"a": 1}, timeout=None).enqueue()
    assert (50, {"a": 1}, [], {}) == (result.task.priority, result.task.metadata, result.args, result.kwargs)
    assert 2 == len(enqueue_many(made, [((), {}), ((), {})]))
