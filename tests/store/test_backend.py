"""What enqueuing writes, and what a result says of a job's row and its attempts."""

import threading
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connections, transaction

from pool import backend, enqueue_many, wait
from pool.adapters.tasks_api import TaskResultMismatch, TaskResultStatus, task_backends, task_enqueued
from pool.conf import database_alias
from pool.domain.errors import InvalidPayload, JobCancelled, JobNotFound, JobTimeout, NotPossible, PoolError
from pool.domain.states import JobStatus, Outcome
from pool.models import Attempt, Job
from tests.contract import tasks

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _known_tasks(alias, settings):
    settings.POOL = {**settings.POOL, "task_modules": [tasks.__name__]}


def jobs():
    return Job.objects.using(database_alias())


def stored(result):
    return jobs().get(pk=result.id)


def attempt(job, epoch, outcome, worker="w1", **values):
    at = NOON + timedelta(minutes=epoch)
    return Attempt.objects.using(database_alias()).create(
        job=job, epoch=epoch, number=epoch, outcome=outcome, worker=worker, started_at=at, finished_at=at, **values
    )


def change(changed, **values):
    jobs().filter(pk=changed.id).update(**values)
    return stored(changed)


class TestEnqueue:
    def test_the_settings_fill_in_what_the_task_leaves_open(self, settings):
        settings.POOL = {**settings.POOL, "timeout_s": 12, "max_attempts": 3}
        job = stored(tasks.add.enqueue(1))
        assert (12, 3, None, JobStatus.PENDING) == (job.timeout, job.max_attempts, job.backoff, job.status)
        assert job.created_at == job.run_at

    def test_the_tasks_own_options_win(self):
        job = stored(tasks.tell.enqueue("x"))
        assert (5, 2, 50, "slow") == (job.timeout, job.max_attempts, job.priority, job.queue)
        assert stored(tasks.tell.using(timeout=None).enqueue("x")).timeout is None

    def test_every_option_reaches_its_column(self):
        job = stored(
            tasks.add.using(
                expires_at=NOON,
                backoff={"base": 2},
                tenant="t",
                affinity="a",
                requires=["gpu"],
                metadata={"user": 1},
                tags=["x"],
            ).enqueue(1)
        )
        assert (NOON, {"base": 2.0}, "t", "a", ["gpu"], {"user": 1}, ["x"]) == (
            job.expires_at,
            job.backoff,
            job.tenant,
            job.affinity,
            job.requires,
            job.metadata,
            job.tags,
        )

    def test_a_time_in_the_future_is_waited_for_and_one_in_the_past_means_now(self):
        later = datetime.now(UTC) + timedelta(hours=1)
        assert (JobStatus.SCHEDULED, later) == _status_and_time(tasks.add.using(run_after=later).enqueue(1))
        status, run_at = _status_and_time(tasks.add.using(run_after=NOON - timedelta(days=9000)).enqueue(1))
        assert JobStatus.PENDING == status
        assert datetime.now(UTC) - run_at < timedelta(minutes=1)


def _status_and_time(result):
    job = stored(result)
    return job.status, job.run_at


class TestEnqueueMany:
    def test_ids_come_in_the_order_of_the_calls(self, monkeypatch):
        monkeypatch.setattr(backend, "BATCH", 4)
        ids = enqueue_many(tasks.add, (((number,), {"b": 1}) for number in range(10)))
        assert all(isinstance(job_id, uuid.UUID) for job_id in ids)
        assert ids == sorted(ids)
        assert [[number] for number in range(10)] == [jobs().get(pk=job_id).args for job_id in ids]

    def test_no_call_is_no_job(self):
        assert [] == enqueue_many(tasks.add, [])

    @pytest.mark.parametrize(
        ("call", "sentence"),
        [
            (((1, {2}), {}), r"calls\[5\]: args\[1\] is not JSON"),
            ((1, {}), r"calls\[5\]: args must be a list or a tuple, not int"),
            (((1,), [2]), r"calls\[5\]: kwargs must be a dict of named arguments, not list"),
            ((1,), r"calls\[5\] must be a pair \(args, kwargs\)"),
            (7, r"calls\[5\] must be a pair \(args, kwargs\)"),
        ],
    )
    def test_a_bad_call_is_named_and_only_full_batches_before_it_are_kept(self, monkeypatch, call, sentence):
        monkeypatch.setattr(backend, "BATCH", 2)
        with pytest.raises(InvalidPayload, match=f"^{sentence}"):
            enqueue_many(tasks.add, [((0,), {})] * 5 + [call])
        assert 4 == jobs().count()

    def test_a_transaction_of_the_caller_holds_all_of_them(self, monkeypatch):
        monkeypatch.setattr(backend, "BATCH", 2)
        with transaction.atomic(using=database_alias()):
            enqueue_many(tasks.add, [((0,), {})] * 5)
            transaction.set_rollback(True, using=database_alias())
        assert 0 == jobs().count()

    def test_whoever_listens_hears_of_each(self):
        heard = []

        def listen(task_result, **_):
            heard.append((task_result.id, task_result.args))

        task_enqueued.connect(listen)
        try:
            ids = enqueue_many(tasks.add, [((number,), {}) for number in range(3)])
        finally:
            task_enqueued.disconnect(listen)
        assert [(str(job_id), [number]) for number, job_id in enumerate(ids)] == heard


class TestResult:
    @pytest.mark.parametrize(
        ("status", "shown"),
        [
            (JobStatus.SCHEDULED, TaskResultStatus.READY),
            (JobStatus.BLOCKED, TaskResultStatus.READY),
            (JobStatus.PENDING, TaskResultStatus.READY),
            (JobStatus.ASSIGNED, TaskResultStatus.READY),
            (JobStatus.RUNNING, TaskResultStatus.RUNNING),
            (JobStatus.COMPLETED, TaskResultStatus.SUCCESSFUL),
            (JobStatus.FAILED, TaskResultStatus.FAILED),
            (JobStatus.TIMEOUT, TaskResultStatus.FAILED),
            (JobStatus.CANCELLED, TaskResultStatus.FAILED),
        ],
    )
    def test_every_status_is_one_of_djangos_four(self, status, shown):
        result = tasks.add.enqueue(1)
        change(result, status=status)
        result.refresh()
        assert shown is result.status

    def test_a_first_success_has_its_value_its_times_and_one_worker(self):
        result = tasks.add.enqueue(1)
        later = NOON + timedelta(seconds=1)
        change(
            result,
            status=JobStatus.COMPLETED,
            epoch=1,
            worker="w7",
            started_at=NOON,
            finished_at=later,
            result={"a": 1},
        )
        result.refresh()
        assert ({"a": 1}, ["w7"], 1, []) == (result.return_value, result.worker_ids, result.attempts, result.errors)
        assert (NOON, NOON, later) == (result.started_at, result.last_attempted_at, result.finished_at)

    def test_none_is_a_value_too(self):
        result = tasks.add.enqueue(1)
        change(result, status=JobStatus.COMPLETED, result=None)
        result.refresh()
        assert result.return_value is None

    def test_failed_attempts_are_errors_and_interrupted_ones_are_not(self):
        result = tasks.add.enqueue(1)
        job = change(result, status=JobStatus.RUNNING, epoch=4, worker="w4", started_at=NOON + timedelta(minutes=4))
        attempt(job, 1, Outcome.ERROR, "w1", error_type="builtins.ValueError", traceback="Traceback …")
        attempt(job, 2, Outcome.INTERRUPTED, "w2")
        attempt(job, 3, Outcome.TIMEOUT, "w3", error_message="Too long.")
        result.refresh()
        assert [ValueError, JobTimeout] == [error.exception_class for error in result.errors]
        assert ["Traceback …", "pool.domain.errors.JobTimeout: Too long."] == [e.traceback for e in result.errors]
        assert ["w1", "w2", "w3", "w4"] == result.worker_ids
        assert (NOON + timedelta(minutes=1), NOON + timedelta(minutes=4)) == (
            result.started_at,
            result.last_attempted_at,
        )

    def test_a_job_that_waits_for_its_retry_knows_when_it_was_tried(self):
        result = tasks.add.enqueue(1)
        job = change(result, status=JobStatus.SCHEDULED, attempts=1, epoch=1, run_at=NOON + timedelta(days=1))
        attempt(job, 1, Outcome.CRASHED, error_message="Killed by signal 11.")
        result.refresh()
        assert (NOON + timedelta(minutes=1), None) == (result.last_attempted_at, result.finished_at)
        assert [PoolError] == [error.exception_class for error in result.errors]
        assert tasks.add.get_result(result.id).task.run_after is None

    def test_a_job_cancelled_before_it_began_says_so(self):
        result = tasks.add.enqueue(1)
        result.cancel()
        result.refresh()
        assert (True, [JobCancelled], []) == (
            result.is_finished,
            [error.exception_class for error in result.errors],
            result.worker_ids,
        )
        with pytest.raises(ValueError, match="Task failed"):
            _ = result.return_value

    def test_a_dead_letter_without_attempts_shows_the_jobs_own_error(self):
        result = tasks.add.enqueue(1)
        change(result, status=JobStatus.FAILED, error={"type": "KeyError", "message": "x", "traceback": ""})
        result.refresh()
        assert [(KeyError, "builtins.KeyError: x")] == [(e.exception_class, e.traceback) for e in result.errors]

    def test_a_job_of_a_task_that_is_gone_is_a_mismatch(self):
        result = tasks.add.enqueue(1)
        change(result, task="gone.away")
        with pytest.raises(TaskResultMismatch, match="belongs to a task that this project does not have"):
            tasks.add.get_result(result.id)

    def test_a_job_in_a_queue_that_is_no_longer_allowed_is_shown_all_the_same(self, settings):
        result = tasks.add.using(queue_name="old").enqueue(1)
        settings.TASKS = {"default": {"BACKEND": "pool.backend.PoolBackend", "QUEUES": ["default"]}}
        assert result.id == task_backends["default"].get_result(result.id).id


class TestWait:
    def test_it_returns_when_the_job_has_ended(self):
        result = tasks.add.enqueue(1)
        looked = threading.Event()

        def finish():
            looked.wait(10)
            change(result, status=JobStatus.COMPLETED, finished_at=NOON, result=5)
            connections.close_all()

        finishing = threading.Thread(target=finish)
        finishing.start()
        with connections[database_alias()].execute_wrapper(_telling(looked)):
            waited = wait(result.id, timeout=20)
        finishing.join()
        assert (5, result.id) == (waited.return_value, waited.id)
        assert 5 == result.wait(0).return_value
        assert result is wait(result)

    def test_it_gives_up_in_time(self):
        result = tasks.add.enqueue(1)
        with pytest.raises(TimeoutError, match=f"^Job {result.id} did not end within 0 seconds: it is PENDING"):
            result.wait(timeout=0)

    def test_it_does_not_wait_inside_a_transaction(self):
        result = tasks.add.enqueue(1)
        with (
            transaction.atomic(using=database_alias()),
            pytest.raises(NotPossible, match="wait after the transaction"),
        ):
            result.wait(1)

    @pytest.mark.parametrize("job_id", ["nonsense", uuid.uuid4()])
    def test_there_is_no_waiting_for_a_job_that_is_not_there(self, job_id):
        with pytest.raises(JobNotFound):
            wait(job_id, 1)


def _telling(looked):
    def wrapper(execute, sql, params, many, context):
        answer = execute(sql, params, many, context)
        looked.set()
        return answer

    return wrapper
