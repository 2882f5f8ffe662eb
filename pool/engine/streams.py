"""Async jobs side by side on one event loop. Runs in the main thread of an io worker.

Each job has its lane in the slot, its context variables, its output, its own threads and database connections; it ends
when its function has ended, and with it every task and thread work that it began. An interruption by the node cancels
the job it is meant for and no other; where that job holds up the loop, it is raised right there.
"""

import asyncio
import contextvars
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from types import FrameType
from typing import Any

from asgiref.sync import SyncToAsync, ThreadSensitiveContext

from pool import failpoints
from pool.adapters.tasks_api import task_finished, task_started
from pool.domain.payload import encode_result
from pool.engine import execute, stack, stream
from pool.engine import slot as words
from pool.engine.capture import Capture
from pool.engine.context import interruption
from pool.engine.execute import Call, Ending, Executor
from pool.engine.messages import JobDone, Task
from pool.engine.slot import Lane
from pool.engine.stream import CURRENT, SharedCapture, Stream, measured
from pool.engine.works import OwnThread, Tally, Works


class Streams(Executor):
    """Runs up to `most` async jobs at a time, and any other as its parent does."""

    def __init__(self, *args: Any, most: int, on_end: Callable[[Stream, Ending], None]) -> None:
        super().__init__(*args)
        self.on_end = on_end
        """Called when a job is over and nothing of it runs any more."""
        self.running: dict[int, Stream] = {}
        self.tally = Tally(self.slot)
        self.works = Works(self.config.io_threads, self.tally, _own)
        self.loop = asyncio.new_event_loop()
        self.loop.set_default_executor(self.works)
        self.loop.set_task_factory(_make_task)
        self._free: list[Lane] = [*self.slot.further[: most - 1], self.slot]
        if isinstance(self.capture, SharedCapture):
            self.capture.streams = self.running

    @property
    def has_room(self) -> bool:
        return bool(self._free)

    def start(self, order: Task, bind: Callable[[Task], None]) -> None:
        """Begin a job; `bind` is called in its context."""
        job = Stream(order, self._free.pop(), Capture(self.config.max_log_bytes), OwnThread(self.tally))
        job.capture.start()
        job.alone = not self.running
        for other in self.running.values():
            other.alone = False
        self.running[order.seq] = job
        context = contextvars.copy_context()
        context.run(_enter, job, bind)
        self.slot.begin(order.seq, bytes.fromhex(order.id.replace("-", "")), order.epoch, job.started, job.lane)
        failpoints.hit("before_user_code")
        job.task = self.loop.create_task(self._perform(job), context=context)
        job.task.add_done_callback(partial(self._performed, job))

    def forget(self, job: Stream) -> None:
        """Its ending was sent: its lane is another's."""
        job.lane.end()
        self._free.append(job.lane)

    def interrupt(self, signal: int, frame: FrameType | None) -> None:
        """Handler of SIGUSR1: end the jobs the node means, and only those."""
        if not self.running:
            super().interrupt(signal, frame)
            return
        here, blocked = CURRENT.get(), None
        for job in list(self.running.values()):
            word = job.lane.words[words.INTERRUPT]
            if word >> 2 != job.order.seq or job.asked or not job.interruptible:
                continue
            job.asked = word & 3
            at_work = asyncio.current_task(self.loop) if job is here else None
            if at_work is not None:
                blocked = job
            if at_work is not job.task:
                self.loop.call_soon_threadsafe(job.cancel)
        if blocked is not None:
            raise interruption(blocked.asked)

    def own_threads(self) -> set[Any]:
        """Threads that stay when jobs have ended."""
        shared: set[Any] = getattr(SyncToAsync.single_thread_executor, "_threads", set())
        return shared | set(self.works._threads)

    def stack_of(self, seq: int) -> str:
        """Where a job stands; empty when its function does not run."""
        job, shared = self.running.get(seq), self.slot.words
        if shared[words.STEP] == seq:
            since = shared[words.STEP_AT]
            text = stack.of_thread(threading.main_thread().ident or 0)
            # It executed something all the while, so that was its own.
            if (seq, since) == (shared[words.STEP], shared[words.STEP_AT]):
                return text
        return stack.of_coroutine(job.coroutine) if job is not None else ""

    def _asked(self, order: Task) -> int:
        job = self.running.get(order.seq)
        return super()._asked(order) if job is None else job.asked

    async def _perform(self, job: Stream) -> Ending:
        """The job, as a value: whatever it does is its ending."""
        try:
            text = await self._text(job)
        except BaseException as error:  # noqa: BLE001  whatever a job raises is its ending
            return self._failed(job.order, error, job.lane, job.started, time.monotonic_ns(), job.cpu)
        failpoints.hit("after_user_code")
        return JobDone(job.order.seq, job.started, time.monotonic_ns(), job.cpu, text)

    async def _text(self, job: Stream) -> str:
        call = self._prepared(job.order, job.lane, job.capture)
        job.context = call.context
        value = await (self._aloud(job, call) if call.is_told else self._value(job, call))
        return encode_result(value, self.config.max_result_bytes, self.config.max_json_depth)

    async def _value(self, job: Stream, call: Call) -> Any:
        job.interruptible = True
        try:
            job.coroutine = self._function(job.order, call.task)(*call.args, **call.kwargs)
            return call.task.mapped(await measured(job.coroutine, job))
        except asyncio.CancelledError as error:
            if job.asked:
                raise interruption(job.asked).with_traceback(error.__traceback__) from None
            raise
        finally:
            job.interruptible, job.coroutine = False, None

    async def _aloud(self, job: Stream, call: Call) -> Any:
        """The same between Django's two signals."""
        sender = type(call.task.get_backend())
        await task_started.asend_robust(sender=sender, task_result=call.result)
        try:
            value = await self._value(job, call)
        except BaseException as error:
            execute.note_end(call.result, error, None)
            await task_finished.asend_robust(sender=sender, task_result=call.result)
            raise
        execute.note_end(call.result, None, value)
        await task_finished.asend_robust(sender=sender, task_result=call.result)
        return value

    def _performed(self, job: Stream, task: "asyncio.Task[Ending]") -> None:
        if task.cancelled():
            spent = job.started, time.monotonic_ns(), job.cpu
            ending: Ending = self._failed(job.order, asyncio.CancelledError(), job.lane, *spent)
        else:
            ending = task.result()
        if job.is_clean:
            self._over(job, ending)
        else:
            self.loop.create_task(self._clear(job, ending))

    async def _clear(self, job: Stream, ending: Ending) -> None:
        """End the tasks that the job left, and wait for its threads: it is over when nothing of it runs any more."""
        while left := list(job.tasks):
            for task in left:
                task.cancel()
            await asyncio.wait(left)
            job.tasks.difference_update(left)
        while works := list(job.works):
            await asyncio.wait([asyncio.wrap_future(work) for work in works])
            job.works.difference_update(works)
        await job.thread.end()
        self._over(job, ending)

    def _over(self, job: Stream, ending: Ending) -> None:
        del self.running[job.order.seq]
        self.on_end(job, ending)


def _enter(job: Stream, bind: Callable[[Task], None]) -> None:
    """First thing in the job's own context."""
    CURRENT.set(job)
    sensitive = ThreadSensitiveContext()
    SyncToAsync.thread_sensitive_context.set(sensitive)
    threads: Any = SyncToAsync.context_to_thread_executor
    threads[sensitive] = job.thread
    bind(job.order)


def _own(work: "Future[Any]") -> None:
    job = CURRENT.get()
    if job is not None:
        job.works.add(work)
        work.add_done_callback(job.works.discard)


def _make_task(loop: asyncio.AbstractEventLoop, coroutine: Any, **more: Any) -> "asyncio.Task[Any]":
    job = CURRENT.get()
    if job is None:
        return asyncio.Task(coroutine, loop=loop, **more)
    return job.make_task(loop, coroutine, **more)


execute.OURS.update((__name__, stream.__name__))
execute.INTERRUPTS.add(Streams.interrupt.__code__)
