"""Middleware for the setting `middleware`: what surrounds each attempt in the worker. `on_error` makes the usual one.

A middleware is a function that gets the attempt (job, task, queue, attempt, max_attempts, args, kwargs) and returns a
context manager. What the job raises passes through it; what the context manager itself raises fails the attempt.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from pool.domain.errors import JobCancelled
from pool.logs import get_logger

log = get_logger(__name__)


def on_error(report: Callable[[BaseException], Any]) -> Callable[[Any], AbstractContextManager[None]]:
    """Make a middleware that hands every error of a job to an error reporter; a cancel is none, a timeout is.

    A reporter that fails harms nothing: that stands in the log, and the job's own error goes on.
    """

    @contextmanager
    def surround(attempt: Any) -> Iterator[None]:
        try:
            yield
        except JobCancelled:
            raise
        except BaseException as error:
            try:
                report(error)
            except Exception as failure:  # noqa: BLE001  it is the project's
                log.warning("middleware.report_failed", error=f"{type(failure).__name__}: {failure}"[:300])
            raise

    return surround


__all__ = ["on_error"]
