"""Two backends for users' own tests: they take the same tasks and options as the pool, and need no process.

    TASKS = {"default": {"BACKEND": "pool.testing.InlineBackend"}}

`InlineBackend` runs a task at once, in the test's own thread and transaction; `CapturingBackend` only collects what was
enqueued. Both refuse what the pool would refuse: wrong options, and arguments or results that cannot be stored.
"""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from traceback import format_exception
from typing import Any

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
from pool.domain.errors import JobCancelled
from pool.domain.ids import parse_id
from pool.domain.payload import encode_result
from pool.results import PoolResult, waiting_result
from pool.store.enqueue import NewJob

WORKER = "inline"


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
    """Collects what is enqueued and runs nothing. `results` holds one result each, `jobs` the rows it would store."""

    def __init__(self, alias: str, params: dict[str, Any]) -> None:
        super().__init__(alias, params)
        self.results: list[PoolResult] = []
        self.jobs: list[NewJob] = []

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
        return [parse_id(self._collect(task, job).id) for job in jobs]

    def get_result(self, result_id: str) -> PoolResult:
        for result in self.results:
            if result.id == result_id:
                return result
        raise TaskResultDoesNotExist(result_id)

    def clear(self) -> None:
        self.results.clear()
        self.jobs.clear()

    def _collect(self, task: Task, job: NewJob) -> PoolResult:
        # What was stored is what the task gets: tuples have become lists.
        result = waiting_result(self.alias, task, job, json.loads(job.args), json.loads(job.kwargs))
        self.jobs.append(job)
        self.results.append(result)
        task_enqueued.send(type(self), task_result=result)
        return result


class InlineBackend(CapturingBackend):
    """Runs each task once, as soon as it is enqueued; a time to wait for is noted and not waited for.

    A task that raises gives a FAILED result, as in the pool. `contexts` holds what each job said, by its id.
    """

    def __init__(self, alias: str, params: dict[str, Any]) -> None:
        super().__init__(alias, params)
        self.contexts: dict[str, RecordingContext] = {}

    def clear(self) -> None:
        super().clear()
        self.contexts.clear()

    def _collect(self, task: Task, job: NewJob) -> PoolResult:
        result = super()._collect(task, job)
        self._run(result)
        return result

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


def _change(result: PoolResult, **values: Any) -> None:
    for name, value in values.items():
        object.__setattr__(result, name, value)


def _task_error(error: BaseException) -> TaskError:
    kind = type(error)
    path = f"{kind.__module__}.{kind.__qualname__}"
    return TaskError(exception_class_path=path, traceback="".join(format_exception(error)))
