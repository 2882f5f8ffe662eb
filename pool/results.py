"""Jobs as Django's Tasks API shows them: a TaskResult drawn from the job's row and its attempts.

`pool.backend` makes one for each job it enqueues and reads one for `get_result()`, in the process of whoever asks.
"""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import connections

from pool import registry
from pool.adapters.tasks_api import (
    InvalidTask,
    Task,
    TaskError,
    TaskResult,
    TaskResultDoesNotExist,
    TaskResultMismatch,
    TaskResultStatus,
)
from pool.conf import database_alias
from pool.domain.errors import JobNotFound, NotPossible, UnknownTask
from pool.domain.ids import parse_id
from pool.domain.states import TERMINAL, JobStatus, Outcome
from pool.store.new_job import NewJob

if TYPE_CHECKING:
    from pool.models import Attempt, Job
    from pool.store.operate import CancelAnswer

FIRST_PAUSE_S = 0.001
LONGEST_PAUSE_S = 0.25

STATUS = {
    JobStatus.SCHEDULED: TaskResultStatus.READY,
    JobStatus.BLOCKED: TaskResultStatus.READY,
    JobStatus.PENDING: TaskResultStatus.READY,
    JobStatus.ASSIGNED: TaskResultStatus.READY,
    JobStatus.RUNNING: TaskResultStatus.RUNNING,
    JobStatus.COMPLETED: TaskResultStatus.SUCCESSFUL,
    JobStatus.FAILED: TaskResultStatus.FAILED,
    JobStatus.TIMEOUT: TaskResultStatus.FAILED,
    JobStatus.CANCELLED: TaskResultStatus.FAILED,
}

NO_ERROR = frozenset({Outcome.SUCCEEDED, Outcome.INTERRUPTED})
ERROR_CLASS = {
    Outcome.TIMEOUT: "pool.domain.errors.JobTimeout",
    Outcome.CANCELLED: "pool.domain.errors.JobCancelled",
    JobStatus.TIMEOUT: "pool.domain.errors.JobTimeout",
    JobStatus.CANCELLED: "pool.domain.errors.JobCancelled",
}
ANY_ERROR = "pool.domain.errors.PoolError"


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolResult(TaskResult):
    """Django's result of a task, with two verbs of the pool."""

    def wait(self, timeout: float | None = None) -> "PoolResult":
        """Block until the job has ended, and return this result refreshed; TimeoutError when it takes longer."""
        if not self.is_finished:
            _wait_until_ended(UUID(self.id), timeout)
            self.refresh()
        return self

    def cancel(self) -> "CancelAnswer":
        """Ask for the job's end: at once when it waits, in stages when it runs."""
        from pool.store.operate import cancel

        return cancel(self.id)


def waiting_result(alias: str, task: Task, job: NewJob, args: Any, kwargs: Any) -> PoolResult:
    """The result of a job just enqueued."""
    return PoolResult(
        task=task,
        id=str(job.id),
        status=TaskResultStatus.READY,
        enqueued_at=job.created_at,
        started_at=None,
        finished_at=None,
        last_attempted_at=None,
        args=args,
        kwargs=kwargs,
        backend=alias,
        errors=[],
        worker_ids=[],
    )


def stored_result(alias: str, result_id: str) -> PoolResult:
    """The result of a job as the database holds it."""
    from pool.models import Attempt, Job

    database = database_alias()
    job_id = parse_id(result_id)
    job = Job.objects.using(database).filter(pk=job_id).first() if job_id else None
    if job is None:
        raise TaskResultDoesNotExist(result_id)
    attempts = list(Attempt.objects.using(database).filter(job_id=job.pk).order_by("epoch"))
    return _result(alias, job, attempts)


def get_job(job_id: UUID | str) -> dict[str, Any] | None:
    """Everything about one job, with the keys of the API; None when there is no such job."""
    from pool.store.read import job_detail

    try:
        return job_detail(job_id)
    except JobNotFound:
        return None


def wait(job: UUID | str | TaskResult, timeout: float | None = None) -> PoolResult:
    """Block until a job has ended and return its result; TimeoutError when it takes longer than `timeout` seconds."""
    from pool.backend import pool_backend

    if isinstance(job, PoolResult):
        return job.wait(timeout)
    try:
        result = pool_backend().get_result(job.id if isinstance(job, TaskResult) else str(job))
    except TaskResultDoesNotExist:
        raise JobNotFound(f"There is no job {str(job)[:100]}.") from None
    return result.wait(timeout)


def _result(alias: str, job: "Job", attempts: Sequence["Attempt"]) -> PoolResult:
    result = PoolResult(
        task=_task_of(alias, job),
        id=str(job.pk),
        status=STATUS[JobStatus(job.status)],
        enqueued_at=job.created_at,
        started_at=_first_start(job, attempts),
        finished_at=job.finished_at if job.status in TERMINAL else None,
        last_attempted_at=job.started_at or _last_start(attempts),
        args=job.args,
        kwargs=job.kwargs,
        backend=alias,
        errors=_errors(job, attempts),
        worker_ids=_worker_ids(job, attempts),
    )
    if job.status == JobStatus.COMPLETED:
        object.__setattr__(result, "_return_value", job.result)
    return result


def _task_of(alias: str, job: "Job") -> Task:
    """The registered task with the options this job was enqueued with."""
    try:
        task = registry.find(job.task)
    except UnknownTask as error:
        raise TaskResultMismatch(f"Job {job.pk} belongs to a task that this project does not have. {error}") from None
    is_deferred = job.attempts == 0 and job.run_at > job.created_at
    try:
        return task.using(
            backend=alias,
            priority=job.priority,
            queue_name=job.queue,
            run_after=job.run_at if is_deferred else None,
            expires_at=job.expires_at,
            timeout=job.timeout,
            max_attempts=job.max_attempts,
            backoff=job.backoff,
            tenant=job.tenant,
            affinity=job.affinity,
            requires=job.requires,
            metadata=job.metadata,
            tags=job.tags,
            unique_key=job.unique_key or None,
            limit_key=job.limit_key,
            limit_running=job.limit_running,
            limit_rate=job.limit_rate,
        )
    except InvalidTask:
        # The rules have become stricter since, for example QUEUES: the job is shown all the same.
        return task


def _errors(job: "Job", attempts: Sequence["Attempt"]) -> list[TaskError]:
    errors = [
        _error(attempt.error_type, attempt.error_message, attempt.traceback, ERROR_CLASS.get(Outcome(attempt.outcome)))
        for attempt in attempts
        if attempt.outcome not in NO_ERROR
    ]
    if errors or job.status not in TERMINAL or job.status == JobStatus.COMPLETED:
        return errors
    known = job.error or {}
    message = known.get("message") or f"The job ended as {job.status}."
    return [_error(known.get("type", ""), message, known.get("traceback", ""), ERROR_CLASS.get(JobStatus(job.status)))]


def _error(kind: str, message: str, traceback: str, default: str | None) -> TaskError:
    path = kind if "." in kind else f"builtins.{kind}" if kind else default or ANY_ERROR
    return TaskError(exception_class_path=path, traceback=traceback or f"{path}: {message}")


def _worker_ids(job: "Job", attempts: Sequence["Attempt"]) -> list[str]:
    workers = [attempt.worker for attempt in attempts if attempt.worker]
    has_own = job.status in {JobStatus.RUNNING, JobStatus.COMPLETED}
    if has_own and job.worker and all(attempt.epoch != job.epoch for attempt in attempts):
        workers.append(job.worker)
    return workers


def _first_start(job: "Job", attempts: Sequence["Attempt"]) -> datetime | None:
    return next((attempt.started_at for attempt in attempts if attempt.started_at), job.started_at)


def _last_start(attempts: Sequence["Attempt"]) -> datetime | None:
    return next((attempt.started_at for attempt in reversed(attempts) if attempt.started_at), None)


def _wait_until_ended(job_id: UUID, timeout: float | None) -> None:
    deadline = math.inf if timeout is None else time.monotonic() + timeout
    pause = FIRST_PAUSE_S
    while (status := _status(job_id)) not in TERMINAL:
        if connections[database_alias()].in_atomic_block:
            raise NotPossible("A wait inside a transaction might never see the job end: wait after the transaction.")
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError(f"Job {job_id} did not end within {timeout} seconds: it is {status}.")
        time.sleep(min(pause, left))
        pause = min(pause * 1.5, LONGEST_PAUSE_S)


def _status(job_id: UUID) -> str:
    from pool.models import Job

    status = Job.objects.using(database_alias()).filter(pk=job_id).values_list("status", flat=True).first()
    if status is None:
        raise JobNotFound(f"There is no job {job_id}.")
    return status
