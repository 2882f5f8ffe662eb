"""Tasks that show what a pool does with a job that is not well: a retry, a cancel, a timeout, a dead letter.

`pool demo` enqueues one of each, so that a first visitor meets every state. They run in a worker and touch nothing.
"""

import time
from typing import Any

from pool import task

STEPS = 30


class ShowcaseError(Exception):
    """This failure is on purpose."""


@task(kind="CUSTOM", max_attempts=4, takes_context=True)
def succeeds_at_last(context: Any, failures: int = 2) -> dict[str, Any]:
    """Fail on the first attempts and succeed after them, with the pauses of the backoff in between."""
    if context.attempt <= failures:
        raise ShowcaseError(f"Attempt {context.attempt} fails on purpose; attempt {failures + 1} will succeed.")
    return {"attempts": context.attempt}


@task(kind="CUSTOM", takes_context=True)
def counts_slowly(context: Any, seconds: float = 3.0) -> dict[str, Any]:
    """Report progress for some seconds, and stop early when somebody cancels."""
    for step in range(1, STEPS + 1):
        context.check_cancelled()
        time.sleep(seconds / STEPS)
        context.progress(step / STEPS, f"step {step} of {STEPS}")
    return {"steps": STEPS}


@task(kind="CUSTOM", max_attempts=1)
def always_fails(reason: str = "Nobody catches this on purpose.") -> None:
    """Fail on the only attempt: the job becomes a dead letter, to be retried or discarded by hand."""
    raise ShowcaseError(reason)


@task(kind="CUSTOM", max_attempts=1, timeout=1)
def overruns(seconds: float = 30.0) -> None:
    """Sleep longer than the timeout allows: the job ends as TIMEOUT."""
    time.sleep(seconds)
