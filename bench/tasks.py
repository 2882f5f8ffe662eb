"""The work that the bench gives to the pool. Workers of a bench site find these as the tasks of the app `bench`."""

import asyncio
import os
import time
from typing import Any

from pool import task


@task
def noop(number: int = 0) -> None:
    """Do nothing."""


@task
def sleep(seconds: float) -> None:
    time.sleep(seconds)


@task
async def wait(seconds: float) -> None:
    """Leave the worker to others for so long."""
    await asyncio.sleep(seconds)


@task
def cpu(milliseconds: float) -> None:
    """Use so much CPU time, however long that takes."""
    until = time.thread_time() + milliseconds / 1000
    while time.thread_time() < until:
        pass


@task
def whoami() -> dict[str, Any]:
    """Tell when the function started, on the clock that all processes of the host share, and where."""
    started = time.monotonic_ns()
    return {"started": started, "pid": os.getpid()}


@task
def logged(path: str, number: int, seconds: float) -> None:
    """Append a line at the start and one at the end, so that a run which was killed can be told from a whole one."""
    note(path, "start", number)
    time.sleep(seconds)
    note(path, "end", number)


def note(path: str, what: str, number: int) -> None:
    # One write of a short line to a file opened for appending is never torn.
    with open(path, "ab", buffering=0) as file:
        file.write(f"{what} {number} {os.getpid()} {time.monotonic_ns()}\n".encode())
