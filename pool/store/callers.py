"""What every write in a caller's transaction shares: the nodes are woken when it commits, and missing tables are told.

Used in whichever process enqueues or operates, over Django's own connection.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial

from django.db import OperationalError, ProgrammingError, connections, transaction

from pool import failpoints
from pool.domain.errors import NotReady
from pool.store.doorbell import ring


def ring_after_commit(alias: str) -> None:
    """Wake the nodes when the jobs can be seen, and never before."""
    connection = connections[alias]
    # Under manual transaction management Django has no hook to give: the nodes' own poll finds the job.
    if connection.in_atomic_block or connection.get_autocommit():
        transaction.on_commit(_bell(alias), using=alias)


@contextmanager
def told_when_unmigrated(alias: str) -> Iterator[None]:
    """Turn the error of a database without our tables into one that says what to do."""
    try:
        yield
    except (OperationalError, ProgrammingError) as error:
        if "pool_job" in str(error) and ("no such table" in str(error) or "does not exist" in str(error)):
            raise NotReady(
                f"The pool's tables are missing in the database {alias!r}: run manage.py migrate."
            ) from error
        raise


@cache
def _bell(alias: str) -> partial[None]:
    return partial(_ring, alias)


def _ring(alias: str) -> None:
    failpoints.hit("after_enqueue_commit")
    ring(alias, "jobs")
