"""The work of the chaos tests: each attempt is written into the ledger when it begins and when it ends.

A task gets a key by which its submitter knows it, and returns the number of its attempt and its pid, so that a result
can be told from that of another attempt.
"""

import asyncio
import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from pool import task
from tests.chaos import ledger

STEP_S = 0.02

Result = list[Any]


def result(context: Any, *more: Any) -> Result:
    return [context.attempt, os.getpid(), *more]


@task(takes_context=True)
def instant(context: Any, key: str) -> Result:
    with ledger.attempt(context.job, context.attempt):
        return result(context)


@task(takes_context=True)
def brief(context: Any, key: str, seconds: float) -> Result:
    with ledger.attempt(context.job, context.attempt):
        time.sleep(seconds)
        return result(context)


@task(takes_context=True)
def long(context: Any, key: str, seconds: float) -> Result:
    """Tell its progress, and end soon after it was cancelled."""
    with ledger.attempt(context.job, context.attempt):
        begin = time.monotonic()
        while (passed := time.monotonic() - begin) < seconds:
            context.progress(passed / seconds, f"{passed:.2f} s")
            context.check_cancelled()
            time.sleep(STEP_S)
        return result(context)


@task(takes_context=True)
async def long_async(context: Any, key: str, seconds: float) -> Result:
    with ledger.attempt(context.job, context.attempt):
        await asyncio.sleep(seconds)
        return result(context)


@task(takes_context=True)
def fails_first(context: Any, key: str, times: int) -> Result:
    with ledger.attempt(context.job, context.attempt):
        if context.attempt <= times:
            raise ValueError("not yet")
        return result(context)


@task(takes_context=True)
def raises(context: Any, key: str) -> Result:
    with ledger.attempt(context.job, context.attempt):
        raise ValueError("never")


@task(takes_context=True)
def poison(context: Any, key: str) -> Result:
    """Kill its worker. Always."""
    with ledger.attempt(context.job, context.attempt):
        os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(60)
        return result(context)


@task(takes_context=True)
def exits_first(context: Any, key: str) -> Result:
    """End its worker without a word, once."""
    with ledger.attempt(context.job, context.attempt):
        if context.attempt == 1:
            os._exit(0)
        return result(context)


@task(takes_context=True)
def deaf(context: Any, key: str, seconds: float) -> Result:
    """Listen neither to SIGTERM nor to any exception."""
    with ledger.attempt(context.job, context.attempt):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            with suppress(BaseException):
                time.sleep(STEP_S)
        return result(context)


@task(takes_context=True)
def overruns(context: Any, key: str) -> Result:
    """Take longer than it may."""
    with ledger.attempt(context.job, context.attempt):
        time.sleep(30)
        return result(context)


@task(takes_context=True)
def runs_program(context: Any, key: str, seconds: float) -> Result:
    """Wait for another program, in a session of its own, which holds the job as long as it lives."""
    with ledger.attempt(context.job, context.attempt) as hold:
        subprocess.run(["sleep", str(seconds)], start_new_session=True, pass_fds=[hold], check=True)
        return result(context)


@task(takes_context=True)
def returns_much(context: Any, key: str, length: int) -> Result:
    with ledger.attempt(context.job, context.attempt):
        return result(context, "x" * length)


@task(takes_context=True, timeout=None)
def waits(context: Any, key: str, path: str) -> Result:
    """Until the file is there."""
    with ledger.attempt(context.job, context.attempt):
        while not Path(path).exists():
            time.sleep(0.005)
        return result(context)
