"""Threads in which async jobs have blocking calls done. The slot tells how many of these calls are in hand.

A job is over when its calls are. They leave no database connection behind: those of a call go with it, except in the
one thread that Django's async code uses, which is the job's own and keeps its connection until the job ends.
"""

import asyncio
import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

from pool.engine import slot as words
from pool.engine.slot import Slot


class Tally:
    """How many calls there are, for all who make some."""

    def __init__(self, slot: Slot) -> None:
        self._slot, self._lock = slot, threading.Lock()
        self.tidy: Callable[[], None] = lambda: None
        """Closes the connections of the thread that calls it."""

    def watch(self, submit: Callable[[], "Future[Any]"]) -> "Future[Any]":
        """Have a call made. It counts before it can begin: it may be what ends the worker."""
        self._add(1)
        try:
            call = submit()
        except BaseException:
            self._add(-1)
            raise
        call.add_done_callback(lambda _: self._add(-1))
        return call

    def _add(self, change: int) -> None:
        with self._lock:
            self._slot.words[words.THREADS] += change


class Works(ThreadPoolExecutor):
    """Of all jobs of the worker. `owned` is told each call in the context of the job that makes it."""

    def __init__(self, most: int, tally: Tally, owned: Callable[["Future[Any]"], None]) -> None:
        super().__init__(most, thread_name_prefix="pool-io")
        self._tally, self._owned = tally, owned

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        # Whatever the call prints belongs to its job.
        context = contextvars.copy_context()
        submit = partial(super().submit, context.run, self._cleanly, function, args, kwargs)
        call = self._tally.watch(submit)
        self._owned(call)
        return call

    def _cleanly(self, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        finally:
            self._tally.tidy()


class OwnThread:
    """The thread of one job: made when it is first used."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._executor: ThreadPoolExecutor | None = None

    @property
    def is_used(self) -> bool:
        return self._executor is not None

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        if self._executor is None:
            self._executor = ThreadPoolExecutor(1, thread_name_prefix="pool-job")
        return self._tally.watch(partial(self._executor.submit, function, *args, **kwargs))

    async def end(self) -> None:
        """When what it does has ended: its connections are closed, whatever they have open, and it goes."""
        if self._executor is not None:
            await asyncio.wrap_future(self.submit(self._tally.tidy))
            self._executor.shutdown(wait=False)
            self._executor = None
