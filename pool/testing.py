"""Two backends for users' own tests: they take the same tasks and options as the pool, and need no process.

    TASKS = {"default": {"BACKEND": "pool.testing.InlineBackend"}}

`InlineBackend` runs a task at once, in the test's own thread and transaction; `CapturingBackend` only collects what was
enqueued. Both refuse what the pool would refuse: wrong options, unknown parents, arguments or results that cannot be
stored. Unique keys, batches and callbacks do in both what they do in the pool.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from traceback import format_exception
from typing import Any
from uuid import UUID

import msgspec

from pool.adapters.tasks_api import (
    Task,
    TaskError,
    TaskResult,
    TaskResultDoesNotExist,
    TaskResultStatus,
    task_enqueued,
    task_finished,
    task_started,
)
from pool.backend import PoolBackend
from pool.conf import get_config
from pool.domain.errors import JobCancelled, UnknownParent
from pool.domain.links import Unique, batch_end, goes_on, holds
from pool.domain.payload import encode_result
from pool.domain.states import DEAD_LETTERS, JobStatus
from pool.engine.equipment import Equipment
from pool.linking import Entry
from pool.results import PoolResult, waiting_result
from pool.store.new_job import LinkedJob, NewBatch, NewJob, Parent

WORKER = "inline"
CANCELLED = "pool.domain.errors.JobCancelled"


@dataclass(slots=True, kw_only=True)
class RecordingContext:
    """What a task with `takes_context=True` gets from InlineBackend: it notes what the task says."""

    job: str
    attempt: int
    task_result: TaskResult
    usage: dict[str, float] = field(default_factory=dict)
    progressed: list[tuple[float | None, str]] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    logged: list[str] = field(default_factory=list)
    cancelled: bool = False
    draining: bool = False
    worker: Equipment = field(default_factory=Equipment)

    def progress(self, fraction: float | None, message: str = "") -> None:
        self.progressed.append((fraction, message))

    def step(self, name: str) -> None:
        self.steps.append(name)
        self.check_cancelled()

    def log(self, text: str) -> None:
        self.logged.append(text)

    def add_usage(self, **amounts: float) -> None:
        for name, amount in amounts.items():
            self.usage[name] = self.usage.get(name, 0) + amount

    def check_cancelled(self) -> None:
        if self.cancelled:
            raise JobCancelled


class CapturingBackend(PoolBackend):
    """Collects what is enqueued and runs nothing. `results` holds one result each, `jobs` the rows it would store.

    Callbacks are among them: they are jobs that wait. `batches` holds what `pool.batch` would store beside its jobs.
    """

    def __init__(self, alias: str, params: dict[str, Any]) -> None:
        super().__init__(alias, params)
        self.results: list[PoolResult] = []
        self.jobs: list[NewJob] = []
        self.batches: list[NewBatch] = []
        self._tasks: dict[UUID, Task] = {}
        self._keys: dict[str, tuple[Unique, UUID, datetime]] = {}
        self._ends: dict[UUID, JobStatus | None] = {}
        """Of each job and batch, how it ended; None while it has not."""

    def require_known(self, task: Task) -> None:
        """A test may define tasks anywhere."""
        self.validate_task(task)

    def enqueue(self, task: Task, args: Any, kwargs: Any) -> PoolResult:
        self.require_known(task)
        return self._collect(task, self.new_job(task, args, kwargs, datetime.now(UTC)))

    def enqueue_many(self, task: Task, calls: Any) -> list[Any]:
        self.require_known(task)
        now = datetime.now(UTC)
        jobs = [self.numbered_job(task, call, now, index) for index, call in enumerate(calls)]
        return [UUID(self._collect(task, job).id) for job in jobs]

    def enqueue_batch(self, batch: NewBatch, entries: Sequence[Entry]) -> list[UUID]:
        self.batches.append(batch)
        self._ends[batch.id] = None
        ids = [UUID(self._collect(entry.task, entry.job).id) for entry in entries]
        own = [self._ends[entry.job.id] for entry, id in zip(entries, ids, strict=True) if id == entry.job.id]
        self._ends[batch.id] = _end_of_batch(own)
        self._call_back(batch.callbacks, batch.id)
        return ids

    def new_job(
        self, task: Task, args: Any, kwargs: Any, now: datetime, created_by: str = "", level: int = 0
    ) -> NewJob:
        job = super().new_job(task, args, kwargs, now, created_by, level)
        self._tasks[job.id] = task
        return job

    def get_result(self, result_id: str) -> PoolResult:
        for result in self.results:
            if result.id == result_id:
                return result
        raise TaskResultDoesNotExist(result_id)

    def clear(self) -> None:
        for kept in (self.results, self.jobs, self.batches, self._tasks, self._keys, self._ends):
            kept.clear()

    def _collect(self, task: Task, job: NewJob) -> PoolResult:
        holder = self._holder(job)
        if holder is not None:
            return self.get_result(str(holder))
        job = self._with_parents(job)
        # What was stored is what the task gets: tuples have become lists.
        result = waiting_result(self.alias, task, job, json.loads(job.args), json.loads(job.kwargs))
        self.jobs.append(job)
        self.results.append(result)
        self._ends[job.id] = None
        task_enqueued.send(type(self), task_result=result)
        self._go_on(result, job)
        if isinstance(job, LinkedJob):
            self._call_back(job.callbacks, job.id)
        return result

    def _go_on(self, result: PoolResult, job: NewJob) -> None:
        """It waits."""

    def _call_back(self, callbacks: Sequence[LinkedJob], ended: UUID) -> None:
        for callback in callbacks:
            self._collect(self._tasks[callback.id], callback)

    def _holder(self, job: NewJob) -> UUID | None:
        """The job that holds the key which this one wants, if it still does."""
        if not isinstance(job, LinkedJob) or job.unique is None:
            return None
        known = self._keys.get(job.unique.key)
        if known is not None:
            unique, holder, since = known
            is_in_period = job.created_at < since + timedelta(seconds=unique.seconds or 0)
            if holds(unique.scope, self._ends[holder] or JobStatus.PENDING, is_in_period=is_in_period):
                return holder
        self._keys[job.unique.key] = (job.unique, job.id, job.created_at)
        return None

    def _with_parents(self, job: NewJob) -> NewJob:
        """The job, knowing for how many it waits. Raises UnknownParent."""
        if not isinstance(job, LinkedJob):
            return job
        for parent in job.parents:
            if parent.id not in self._ends:
                raise UnknownParent(job.id, parent.id)
        return msgspec.structs.replace(job, waits_for=len(self._unmet(job)))

    def _unmet(self, job: NewJob) -> list[Parent]:
        parents = job.parents if isinstance(job, LinkedJob) else ()
        ends = [(parent, self._ends[parent.id]) for parent in parents]
        return [parent for parent, end in ends if end is None or not goes_on(parent.wants, end)]


class InlineBackend(CapturingBackend):
    """Runs each task once, as soon as it is enqueued; a time to wait for is noted and not waited for.

    A task that raises gives a FAILED result, as in the pool, and so does one whose parents did not end as it wants.
    Callbacks run right after their job; one that waits for another end is left out. `contexts` holds what each job
    said, by its id.
    """

    def __init__(self, alias: str, params: dict[str, Any]) -> None:
        super().__init__(alias, params)
        self.contexts: dict[str, RecordingContext] = {}

    def clear(self) -> None:
        super().clear()
        self.contexts.clear()

    def _go_on(self, result: PoolResult, job: NewJob) -> None:
        if self._unmet(job):
            error = TaskError(exception_class_path=CANCELLED, traceback=f"{CANCELLED}: {job.task} waited in vain.")
            _change(result, status=TaskResultStatus.FAILED, errors=[error], finished_at=datetime.now(UTC))
            self._ends[job.id] = JobStatus.CANCELLED
            return
        self._run(result)
        has_succeeded = result.status is TaskResultStatus.SUCCESSFUL
        self._ends[job.id] = JobStatus.COMPLETED if has_succeeded else JobStatus.FAILED

    def _call_back(self, callbacks: Sequence[LinkedJob], ended: UUID) -> None:
        super()._call_back([one for one in callbacks if self._is_wanted(one, ended)], ended)

    def _is_wanted(self, callback: LinkedJob, ended: UUID) -> bool:
        end = self._ends[ended]
        return end is not None and all(goes_on(one.wants, end) for one in callback.parents if one.id == ended)

    def _run(self, result: PoolResult) -> None:
        now = datetime.now(UTC)
        _change(result, status=TaskResultStatus.RUNNING, started_at=now, last_attempted_at=now, worker_ids=[WORKER])
        task_started.send(type(self), task_result=result)
        try:
            value = self._call(result)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001  The pool survives whatever a task raises, and so does this.
            _change(result, status=TaskResultStatus.FAILED, errors=[_task_error(error)], finished_at=datetime.now(UTC))
            task_finished.send(type(self), task_result=result)
        else:
            _change(result, status=TaskResultStatus.SUCCESSFUL, _return_value=value, finished_at=datetime.now(UTC))
            task_finished.send(type(self), task_result=result)

    def _call(self, result: PoolResult) -> Any:
        context = RecordingContext(job=result.id, attempt=result.attempts, task_result=result)
        self.contexts[result.id] = context
        before = (context,) if result.task.takes_context else ()
        value = result.task.call(*before, *result.args, **result.kwargs)
        config = get_config()
        return json.loads(encode_result(value, config.max_result_bytes, config.max_json_depth))


def _end_of_batch(ends: Sequence[JobStatus | None]) -> JobStatus | None:
    counts = Counter(ends)
    failed = sum(counts[status] for status in DEAD_LETTERS)
    return batch_end(len(ends), counts[JobStatus.COMPLETED], failed, counts[JobStatus.CANCELLED])


def _change(result: PoolResult, **values: Any) -> None:
    for name, value in values.items():
        object.__setattr__(result, name, value)


def _task_error(error: BaseException) -> TaskError:
    kind = type(error)
    path = f"{kind.__module__}.{kind.__qualname__}"
    return TaskError(exception_class_path=path, traceback="".join(format_exception(error)))
