"""Middleware of a project, for the tests: it writes down what it sees into the job's output."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pool.middleware import on_error


@contextmanager
def outer(attempt: Any) -> Iterator[None]:
    print(f"outer in {attempt.task.rpartition('.')[2]} {attempt.attempt} {list(attempt.args)} {attempt.kwargs}")
    try:
        yield
    except ValueError as error:
        print(f"outer saw {error}")
        raise
    finally:
        print("outer out")


@contextmanager
def inner(attempt: Any) -> Iterator[None]:
    print("inner in")
    yield
    print("inner out")


def forbids(attempt: Any) -> Any:
    raise PermissionError(f"{attempt.task} may not run")


def reported(error: BaseException) -> None:
    print(f"reported {type(error).__name__}: {error}")
    raise ConnectionError("the reporter is down")


report = on_error(reported)
