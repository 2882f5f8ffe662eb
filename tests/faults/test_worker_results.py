"""Results that cannot be written just now: they wait in their node, in bounded memory, and none is lost."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from pool.engine import linux
from tests.acceptance.processes import Process
from tests.engine import reads
from tests.engine.engine_site import EngineSite

pytestmark = [pytest.mark.slow, pytest.mark.timeout(90)]

JOBS, BYTES = 200, 1_000_000
BLOCKED_S = 2.0
MOST_MB = 150
"""What a node may take for results of a megabyte. All of them would be more."""


@contextmanager
def blocked(site: EngineSite) -> Iterator[None]:
    """Somebody holds the write lock, or the table of jobs."""
    if site.database == "sqlite":
        with closing(sqlite3.connect(site.folder / "site.sqlite3", timeout=10, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield
        return
    import psycopg

    with psycopg.connect(site.environment["DATABASE_URL"]) as connection:
        connection.execute("LOCK TABLE pool_job IN EXCLUSIVE MODE")
        yield


def most_memory_mb(site: EngineSite, node: Process, seconds: float) -> float:
    """How far a node grows in this time."""
    until, most = time.monotonic() + seconds, 0

    def look() -> bool:
        nonlocal most
        most = max(most, linux.rss(node.pid) or 0)
        return time.monotonic() > until

    site.wait_until(look, "the time to pass")
    return most / 2**20


def test_large_results_wait_in_bounded_memory_while_the_database_is_blocked(site_on_both: EngineSite) -> None:
    site = site_on_both
    node = site.start_node(workers=2)
    site.wait_for_job(site.enqueue("returns_large", BYTES))
    before = most_memory_mb(site, node, 0.1)
    jobs = site.enqueue_many("returns_large", [([BYTES], {})] * JOBS)
    site.wait_until(lambda: site.statuses().get("COMPLETED", 0) > 5, "some to be done")
    with blocked(site):
        done = site.statuses()["COMPLETED"]
        grown = most_memory_mb(site, node, BLOCKED_S) - before
        assert grown < MOST_MB
        assert done == site.statuses()["COMPLETED"] < JOBS
    assert {"COMPLETED": JOBS + 1} == site.wait_until_ended()
    spent = site.do(reads.spent)
    assert {(1, 0, 0)} == {spent[job][:3] for job in jobs}
    assert 0 == node.stop()
