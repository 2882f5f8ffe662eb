"""A database without room: the node lives, what ended waits and is written once there is room, and all are told."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from django.db import OperationalError

from tests.acceptance.site import wait_for
from tests.engine import reads
from tests.faults.disks import MODULES, DiskSite, MountedSite, PagesSite

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

RETURNS_MUCH = "tests.faults.database_tasks.returns_much"
LENGTH = 30_000
JOBS = 12
LONG_ENOUGH_S = 6.0
"""A node's word on readiness is forgotten after five seconds, and a failure of five is an event."""
MOST_LINES = 8
"""Of one trouble of some seconds, in all processes of a node."""

KINDS: dict[str, Callable[[], DiskSite]] = {
    "sqlite, so many pages": lambda: PagesSite("sqlite", **NAMES),
    "sqlite, small disk": lambda: MountedSite("sqlite", **NAMES),
    "postgresql, small disk": lambda: MountedSite("postgresql", **NAMES),
}
NAMES = {"POOL_TASK_MODULES": MODULES, "POOL_LEASE_S": "4", "LOG_FORMAT": "json"}
"""A lease shorter than the trouble: that the node is there can be told in spite of it, where a row may be changed."""


@pytest.fixture(params=KINDS)
def small(request: pytest.FixtureRequest) -> Iterator[DiskSite]:
    with KINDS[request.param]() as site:
        yield site


def is_ready() -> bool:
    """What /health/ready says. Runs in the side process."""
    from django.test import Client

    return bool(Client(SERVER_NAME="localhost").get("/health/ready").status_code == 200)


def alerts() -> list[str]:
    from pool import pool_status

    return [alert["message"] for alert in pool_status()["health"]["alerts"]]


def start_jobs(site: DiskSite) -> list[str]:
    """Jobs of which two run, and which return more than the disk will have room for."""
    jobs = site.enqueue_many(RETURNS_MUCH, [([str(site.ledger), LENGTH], {"until": site.path("go")})] * JOBS)
    site.wait_until(lambda: len(site.lines()) == 2 == site.statuses().get("RUNNING"), "two jobs to run")
    return jobs


def lines_about_trouble(said: str) -> list[str]:
    return [line for line in said.splitlines() if '"level": "warning"' in line or '"level": "error"' in line]


def enqueues(site: DiskSite) -> bool:
    try:
        site.enqueue("returns")
    except OperationalError:
        return False
    return True


def test_results_wait_for_room_and_everybody_is_told(small: DiskSite) -> None:
    node = small.start_node(workers=2)
    wait_for(lambda: small.do(is_ready), what="the pool to be ready")
    jobs = start_jobs(small)
    small.fill()
    filled = time.monotonic()
    small.touch("go")
    node.wait_until_said("database.failed")
    assert "disk of the database is full" in node.said()
    wait_for(lambda: not enqueues(small), what="a submission to be refused")
    wait_for(lambda: not small.do(is_ready), what="the pool not to be ready")
    wait_for(lambda: any("disk of the database is full" in one for one in small.do(alerts)), what="an alert")
    wait_for(lambda: time.monotonic() - filled > LONG_ENOUGH_S, what="the time")
    assert node.exit_code() is None
    written = list(small.statuses_of(jobs).values()).count("COMPLETED")
    assert written < len([line for line in small.lines() if line.what == "end"]), "results wait in the node"
    assert len(lines_about_trouble(node.said())) <= MOST_LINES, node.said()
    small.free()
    node.wait_until_said("database.recovered", 5)
    assert set(small.wait_until_ended()) == {"COMPLETED"}
    check_nothing_ran_twice(small, jobs)
    wait_for(lambda: small.do(is_ready), what="the pool to be ready again")
    (event,) = small.events("database.recovered")
    assert "is full" in event["data"]["problem"]
    assert 0 == node.stop()


def check_nothing_ran_twice(site: DiskSite, jobs: list[str]) -> None:
    ended = sorted(line.job for line in site.lines() if line.what == "end")
    assert sorted(jobs) == ended
    assert {(1, 0)} == {(attempts, losses) for attempts, _, losses, _ in site.do(reads.spent).values()}
    recount = site.recount()
    assert recount.kept == recount.counted
    if site.database == "sqlite":
        path = site.environment["DATABASE_URL"].partition("?")[0].removeprefix("sqlite:///")
        with closing(sqlite3.connect(path)) as connection:
            assert [("ok",)] == connection.execute("PRAGMA integrity_check").fetchall()
