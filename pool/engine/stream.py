"""One async job among several of a worker: what is its own, and how its code knows whose it is.

The job's code, its tasks, its callbacks and its threads inherit CURRENT. So output finds its job, and so does whatever
the job leaves behind.
"""

import asyncio
import time
import types
from collections.abc import Generator
from concurrent.futures import Future
from contextvars import ContextVar
from inspect import iscoroutine
from typing import Any

from pool.engine import slot as words
from pool.engine.capture import Capture
from pool.engine.context import JobContext
from pool.engine.execute import Ending
from pool.engine.messages import Task
from pool.engine.slot import Lane
from pool.engine.works import OwnThread


class Stream:
    """One job that runs."""

    __slots__ = (
        "alone", "asked", "capture", "context", "coroutine", "cpu", "interruptible", "lane", "order", "started",
        "task", "tasks", "thread", "works",
    )  # fmt: skip

    def __init__(self, order: Task, lane: Lane, capture: Capture, thread: OwnThread) -> None:
        self.order, self.lane, self.capture, self.thread = order, lane, capture, thread
        self.started = time.monotonic_ns()
        self.context: JobContext | None = None
        self.task: asyncio.Task[Ending] | None = None
        self.coroutine: Any = None
        """What its function returned, while that runs."""
        self.asked = 0
        """How the node wants it to end; 0 while it does not."""
        self.interruptible = False
        """Its function is being executed."""
        self.cpu = 0
        self.alone = True
        """No other job has run in the worker since it began."""
        self.tasks: set[asyncio.Task[Any]] = set()
        self.works: set[Future[Any]] = set()
        """What it has threads do."""

    @property
    def is_clean(self) -> bool:
        """Whether nothing of it runs beside its function."""
        return not (self.tasks or self.works or self.thread.is_used)

    def cancel(self) -> None:
        """End its function, if that has not ended by now."""
        if self.interruptible and self.task is not None:
            self.task.cancel()

    def make_task(self, loop: asyncio.AbstractEventLoop, coroutine: Any, **more: Any) -> "asyncio.Task[Any]":
        """A task that its code makes."""
        task: asyncio.Task[Any] = asyncio.Task(_stepped(coroutine, self), loop=loop, **more)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        # One that was cancelled before its first step has not been begun at all.
        task.add_done_callback(lambda _: coroutine.close())
        return task


CURRENT: ContextVar[Stream | None] = ContextVar("pool_stream", default=None)
"""The job whose code runs here."""


class SharedCapture(Capture):
    """Gives each piece of output to the job whose code wrote it."""

    def __init__(self, limit: int) -> None:
        self.streams: dict[int, Stream] = {}
        super().__init__(limit)

    @property
    def open(self) -> bool:
        return self._open or bool(self.streams)

    @open.setter
    def open(self, value: bool) -> None:
        self._open = value

    def add(self, stream: str, text: str) -> None:
        writer = CURRENT.get() or self._only()
        if writer is not None:
            writer.capture.add(stream, text)
        elif self._open:
            super().add(stream, text)

    def _only(self) -> Stream | None:
        """Threads that a job started by itself do not know whose they are."""
        return next(iter(self.streams.values())) if len(self.streams) == 1 else None


@types.coroutine
def measured(coroutine: Any, stream: Stream) -> Generator[Any, Any, Any]:
    """Go through it step by step: the CPU time of each is the job's, and the slot tells whose step it is."""
    seq, shared = stream.order.seq, stream.lane.workers
    own = coroutine if iscoroutine(coroutine) else _awaited(coroutine)
    step, argument = own.send, None
    while True:
        shared[words.STEP_AT] = time.monotonic_ns()
        shared[words.STEP] = seq
        begun = time.thread_time_ns()
        try:
            yielded = step(argument)
        except StopIteration as done:
            return done.value
        finally:
            stream.cpu += time.thread_time_ns() - begun
            shared[words.STEP] = 0
        try:
            argument, step = (yield yielded), own.send
        except BaseException as error:  # noqa: BLE001  it is for the job
            # Where it came in is ours, and would stand behind the job's own frames.
            argument, step = error.with_traceback(None), own.throw


async def _stepped(coroutine: Any, stream: Stream) -> Any:
    return await measured(coroutine, stream)


async def _awaited(value: Any) -> Any:
    return await value
