"""The project's own code around each attempt: context managers, made anew for every one by the functions it names.

In the worker. With them an error reporter sees what a job raises, and a tracer when it begins and ends. They come from
the setting `middleware` and never from a job. Where none is set nothing of this runs.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from typing import Any, NamedTuple

from django.utils.module_loading import import_string

from pool.domain.errors import InvalidConfig
from pool.domain.ids import spelled
from pool.engine.context import interruption
from pool.engine.messages import Task


class Attempt(NamedTuple):
    """What a middleware is told of the attempt that it surrounds."""

    job: str
    task: str
    queue: str
    attempt: int
    max_attempts: int
    args: Sequence[Any]
    kwargs: dict[str, Any]


Middleware = Callable[[Attempt], AbstractContextManager[Any]]


def load_middleware(paths: Sequence[str]) -> tuple[Middleware, ...]:
    """Import them. Raises InvalidConfig."""
    return tuple(_load(path) for path in paths)


class Around:
    """Calls functions inside the context managers, of which the first is the outermost."""

    def __init__(self, middleware: Sequence[Middleware]) -> None:
        self.middleware = tuple(middleware)

    def __bool__(self) -> bool:
        return bool(self.middleware)

    def function(self, order: Task, function: Any, asked: Callable[[], int] | None = None) -> Any:
        """The function of a job, surrounded; of an async one `asked` says how the node wants it to end, if it does."""

        def call(*args: Any, **kwargs: Any) -> Any:
            with self._entered(order, args, kwargs):
                return function(*args, **kwargs)

        async def call_async(*args: Any, **kwargs: Any) -> Any:
            with self._entered(order, args, kwargs):
                try:
                    return await function(*args, **kwargs)
                except asyncio.CancelledError as error:
                    # A middleware shall see what it was: a timeout is an error of the job, a cancel is none.
                    if asked is not None and (kind := asked()):
                        raise interruption(kind).with_traceback(error.__traceback__) from None
                    raise

        return call if asked is None else call_async

    def _entered(self, order: Task, args: Sequence[Any], kwargs: dict[str, Any]) -> ExitStack:
        attempt = Attempt(
            spelled(order.id), order.name, order.queue, order.attempt, order.max_attempts, args, dict(kwargs)
        )
        with ExitStack() as stack:
            for made in self.middleware:
                stack.enter_context(made(attempt))
            return stack.pop_all()


def _load(path: str) -> Middleware:
    try:
        found: Middleware = import_string(path)
    except ImportError as error:
        raise InvalidConfig(f"POOL['middleware'] names {path!r}, which cannot be imported: {error}.") from error
    if not callable(found):
        raise InvalidConfig(f"POOL['middleware'] must name functions, and {path!r} is none.")
    return found
