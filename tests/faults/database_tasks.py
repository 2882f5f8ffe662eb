"""Tasks for tests of databases that misbehave: they write down that they ran, and return much."""

import os
import time
from typing import Any

from pool import task
from tests.engine import ledgers

STEP_S = 0.01


@task(takes_context=True, timeout=None)
def returns_much(context: Any, ledger: str, length: int, seconds: float = 0.0, until: str = "") -> str:
    """Return a text of that length, after that time and when that file is there."""
    ledgers.write(ledger, "begin", context.job, context.attempt)
    time.sleep(seconds)
    while until and not os.path.exists(until):
        time.sleep(STEP_S)
    ledgers.write(ledger, "end", context.job, context.attempt)
    return "x" * length


@task(takes_context=True)
def uses_the_database(context: Any, ledger: str) -> str:
    """Ask the database from within a job."""
    from pool.models import Job

    ledgers.write(ledger, "begin", context.job, context.attempt)
    found = Job.objects.get(pk=context.job).status
    ledgers.write(ledger, "end", context.job, context.attempt)
    return str(found)
