"""One job, from the order to its ending. Runs in the worker's main thread.

Whatever the function does is turned into a value: a return, any exception, an exit, a result that cannot be stored, or
an interruption by the node. The node's SIGUSR1 raises only while the very job it was meant for is executing.
"""

import asyncio
import contextvars
import inspect
import time
import traceback
import uuid
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from types import FrameType
from typing import Any, NamedTuple

from django.core.cache import caches
from msgspec.json import decode as decode_json

from pool import failpoints
from pool.adapters.tasks_api import TaskError, TaskResult, TaskResultStatus, task_finished, task_started
from pool.domain.config import PoolConfig
from pool.domain.errors import InvalidPayload, JobInterrupted, JobTimeout, UnknownTask
from pool.domain.payload import clean_text, encode_result
from pool.domain.states import Outcome
from pool.engine import around
from pool.engine import slot as words
from pool.engine.around import Around, load_middleware
from pool.engine.capture import Capture
from pool.engine.context import JobContext, interruption
from pool.engine.equipment import Equipment
from pool.engine.messages import JobDone, JobFailed, Task
from pool.engine.slot import Lane, Slot

DJANGO_RECEIVERS = 1
"""Receivers that Django itself connects to each task signal, to log it. Our own log lines say the same."""

WORKER = "pool.engine.worker"

Ending = JobDone | JobFailed


class Call(NamedTuple):
    """An order, ready to be carried out."""

    task: Any
    args: list[Any]
    kwargs: dict[str, Any]
    context: JobContext | None
    result: Any
    """What receivers of Django's signals are shown; None where nobody asks."""
    is_told: bool
    """Somebody listens to the signals."""


class Executor:
    """Runs orders one after the other. Keeps no trace of one for the next."""

    def __init__(
        self,
        worker: str,
        slot: Slot,
        capture: Capture,
        tasks: dict[str, Any],
        config: PoolConfig,
        equipment: Equipment | None = None,
    ) -> None:
        self.worker, self.slot, self.capture, self.tasks, self.config = worker, slot, capture, tasks, config
        self.equipment = equipment or Equipment()
        self.coroutines = {name for name, task in tasks.items() if inspect.iscoroutinefunction(task.func)}
        self.around = Around(load_middleware(config.middleware))
        self.interruptible = 0
        self.context: JobContext | None = None
        self.coroutine: asyncio.Task[Any] | None = None
        """What an async job runs as, while it runs."""
        self._stop_loop: Callable[[int], None] | None = None
        self._asked_kind = 0
        _open_caches()

    def run(self, order: Task) -> Ending:
        """Execute one job and say how it ended."""
        self.context = None
        self.capture.start()
        cpu = time.process_time_ns()
        started = time.monotonic_ns()
        self.slot.begin(order.seq, bytes.fromhex(order.id.replace("-", "")), order.epoch, started)
        failpoints.hit("before_user_code")
        # Language, time zone and other context variables that the job sets go with its context.
        context = contextvars.copy_context()
        try:
            text = context.run(self._result_text, order)
        except BaseException as error:  # noqa: BLE001  whatever a job raises is its ending
            spent = time.monotonic_ns(), time.process_time_ns() - cpu
            return context.run(self._failed, order, error, self.slot, started, *spent)
        failpoints.hit("after_user_code")
        return JobDone(order.seq, started, time.monotonic_ns(), time.process_time_ns() - cpu, text)

    def interrupt(self, _signal: int, _frame: FrameType | None) -> None:
        """Handler of SIGUSR1: raise inside the job the node means, and only there."""
        word = self.slot.words[words.INTERRUPT]
        if not self.interruptible or word >> 2 != self.interruptible:
            return
        if self._stop_loop is not None:
            self._stop_loop(word & 3)
            return
        self.interruptible = 0
        raise interruption(word & 3)

    @property
    def usage(self) -> str | None:
        """What the last job said it used, as JSON."""
        return self.context.usage_json(self.config) if self.context is not None else None

    def _result_text(self, order: Task) -> str:
        return encode_result(self._call(order), self.config.max_result_bytes, self.config.max_json_depth)

    def _call(self, order: Task) -> Any:
        call = self._prepared(order, self.slot, self.capture)
        self.context = call.context
        if call.is_told:
            return self._invoke_aloud(order, call.task, call.args, call.kwargs, call.result)
        return self._invoke(order, call.task, call.args, call.kwargs)

    def _prepared(self, order: Task, lane: Lane, capture: Capture) -> Call:
        task = self.tasks.get(order.name)
        if task is None:
            raise UnknownTask(f"This worker knows no task {order.name!r}.")
        args, kwargs = decode_json(order.args), decode_json(order.kwargs)
        told, context = _somebody_listens(), None
        result = self._task_result(task, order, args, kwargs) if told or task.takes_context else None
        if task.takes_context:
            context = JobContext(order, lane, capture, result, self.equipment)
            args = [context, *args]
        return Call(task, args, kwargs, context, result, told)

    def _invoke(self, order: Task, task: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
        try:
            if order.name in self.coroutines:
                value = self._run_async(order, self._function(order, task), args, kwargs)
                self.interruptible = order.seq
            else:
                self.interruptible = order.seq
                value = self._function(order, task)(*args, **kwargs)
            return task.mapped(value)
        finally:
            self.interruptible = 0

    def _function(self, order: Task, task: Any) -> Any:
        if not self.around:
            return task.func
        is_async = order.name in self.coroutines
        return self.around.function(order, task.func, (lambda: self._asked(order)) if is_async else None)

    def _asked(self, order: Task) -> int:
        """How the node wants the async job to end; 0 while it does not."""
        return self._asked_kind

    def _invoke_aloud(self, order: Task, task: Any, args: list[Any], kwargs: dict[str, Any], result: Any) -> Any:
        """Invoke between Django's two signals."""
        task_started.send_robust(sender=type(task.get_backend()), task_result=result)
        try:
            value = self._invoke(order, task, args, kwargs)
        except BaseException as error:
            self._tell_finished(task, result, error)
            raise
        self._tell_finished(task, result, None, value)
        return value

    def _run_async(self, order: Task, function: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """Run a coroutine on a loop of its own. An interruption cancels it, so that its cleanup runs."""
        self._asked_kind = 0

        async def main() -> Any:
            loop, running = asyncio.get_running_loop(), asyncio.current_task()
            assert running is not None

            def stop(kind: int) -> None:
                self._asked_kind = self._asked_kind or kind
                loop.call_soon_threadsafe(running.cancel)

            self._stop_loop, self.coroutine = stop, running
            self.interruptible = order.seq
            try:
                return await function(*args, **kwargs)
            except asyncio.CancelledError as error:
                if self._asked_kind:
                    raise interruption(self._asked_kind).with_traceback(error.__traceback__) from None
                raise
            finally:
                self.interruptible = 0
                self._stop_loop = self.coroutine = None

        return asyncio.run(main())

    def _failed(self, order: Task, error: BaseException, lane: Lane, started: int, ended: int, cpu: int) -> JobFailed:
        # An exception may say itself that trying again is of no use.
        outcome, retryable = Outcome.ERROR, getattr(error, "retryable", True) is not False
        if isinstance(error, JobInterrupted) and _was_asked(lane, order.seq):
            outcome = Outcome.TIMEOUT if isinstance(error, JobTimeout) else Outcome.CANCELLED
        elif isinstance(error, InvalidPayload):
            outcome, retryable = Outcome.UNSERIALISABLE, False
        limit = self.config.max_error_bytes
        kind = type(error)
        return JobFailed(
            order.seq,
            started,
            ended,
            cpu,
            outcome,
            clean_text(f"{kind.__module__}.{kind.__qualname__}", 200),
            clean_text(_message(error), limit),
            clean_text(_traceback(error), limit),
            retryable,
            tainted=isinstance(error, MemoryError),
        )

    def _task_result(self, task: Any, order: Task, args: list[Any], kwargs: dict[str, Any]) -> Any:
        now = datetime.now(UTC)
        return TaskResult(
            task=task,
            id=str(uuid.UUID(order.id)),
            status=TaskResultStatus.RUNNING,
            enqueued_at=datetime.fromtimestamp(order.created_at, UTC),
            started_at=now,
            last_attempted_at=now,
            finished_at=None,
            args=args,
            kwargs=kwargs,
            backend=task.backend,
            errors=[],
            worker_ids=[self.worker] * order.attempt,
        )

    def _tell_finished(self, task: Any, result: Any, error: BaseException | None, value: Any = None) -> None:
        note_end(result, error, value)
        task_finished.send_robust(sender=type(task.get_backend()), task_result=result)


INTERRUPTS = {Executor.interrupt.__code__}
"""Where an interruption is raised, which is no part of the way to the job."""
OURS = {__name__, around.__name__}
"""Modules that lead to the job's own frames."""


def _was_asked(lane: Lane, seq: int) -> bool:
    return seq in (lane.words[words.INTERRUPT] >> 2, lane.words[words.FLAG] >> 2)


def note_end(result: Any, error: BaseException | None, value: Any) -> None:
    """For receivers of Django's signals."""
    status = TaskResultStatus.SUCCESSFUL if error is None else TaskResultStatus.FAILED
    object.__setattr__(result, "status", status)
    object.__setattr__(result, "finished_at", datetime.now(UTC))
    if error is None:
        object.__setattr__(result, "_return_value", value)
    else:
        kind = type(error)
        path = f"{kind.__module__}.{kind.__qualname__}"
        result.errors.append(TaskError(exception_class_path=path, traceback=_traceback(error)))


def _open_caches() -> None:
    """Django keeps cache connections in the context: made before the jobs, all of them share one."""
    # A cache that is set up wrongly is the error of the job that uses it.
    with suppress(Exception):
        caches.all()


def _somebody_listens() -> bool:
    return len(task_started.receivers) > DJANGO_RECEIVERS or len(task_finished.receivers) > DJANGO_RECEIVERS


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except BaseException:  # noqa: BLE001  a str() of the job's own may raise anything
        return f"<the message of this {type(error).__name__} cannot be shown>"


def _traceback(error: BaseException) -> str:
    """The traceback from the job's own frames on."""
    try:
        own = place = error.__traceback__
        while place is not None:
            # What led to the job is ours; where an interruption hit it is not.
            if place.tb_frame.f_globals.get("__name__") in OURS and place.tb_frame.f_code not in INTERRUPTS:
                own = place.tb_next
            place = place.tb_next
        return "".join(traceback.format_exception(type(error), error, own or error.__traceback__))
    except BaseException:  # noqa: BLE001  likewise
        return f"<the traceback of this {type(error).__name__} cannot be shown>"
