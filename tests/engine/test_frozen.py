"""Frozen processes (SIGSTOP): whoever waits for them goes on, and they outlive nobody."""

import signal
import sys
import time
from collections.abc import Iterator

import pytest

from tests import postgres
from tests.acceptance.processes import Process, children, wait_for
from tests.engine.engine_site import TASKS, EngineSite, is_alive, kill, title, worker_pids

pytestmark = [pytest.mark.slow, pytest.mark.timeout(90)]

GONE_S = 2.0
"""Nothing outlives its node by more than this."""

HELPERS = ("pool: nursery", "pool: clerk")


# Helpers --------------------------------------------------------------------------

ADOPTER = """
import signal, subprocess, sys
from pool.engine import linux
linux.become_subreaper()
subprocess.run(sys.argv[1:])
signal.pause()
"""
"""Stands for what a container starts first: the kernel ends no frozen process whose session goes on."""


def freeze_helpers(site: EngineSite, node: int) -> list[int]:
    """The nursery and the clerk, stopped."""

    def look() -> list[int]:
        found = [pid for pid in children(node) if title(pid) in HELPERS]
        return found if len(found) == len(HELPERS) else []

    helpers: list[int] = site.wait_until(look, "nursery and clerk")
    for pid in helpers:
        kill(pid, signal.SIGSTOP)
    return helpers


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_frozen_helpers_do_not_outlive_their_node(site: EngineSite, how: signal.Signals) -> None:
    adopter = site.start_program([sys.executable, "-c", ADOPTER, sys.executable, "-m", "tests.engine.run_node", "1"])
    (node,) = site.wait_until(lambda: children(adopter.pid), "the node")
    helpers = freeze_helpers(site, node)
    kill(node, how)
    site.wait_until(lambda: not is_alive(node), "the node's end")
    begin = time.monotonic()
    site.wait_until(lambda: not any(map(is_alive, helpers)), "the helpers' end", GONE_S)
    assert time.monotonic() - begin < GONE_S


def test_frozen_nursery_still_ends_what_jobs_of_a_killed_node_started(site: EngineSite) -> None:
    node = site.start_node(workers=1)
    site.enqueue(TASKS + "runs_program", str(site.ledger), True)
    (line,) = site.wait_until(site.lines, "the program to run")
    freeze_helpers(site, node.pid)
    node.kill()
    site.wait_until_empty(GONE_S)
    assert not is_alive(line.pid)


# The database ---------------------------------------------------------------------


@pytest.fixture
def on_postgres() -> Iterator[EngineSite]:
    with EngineSite("postgresql", POOL_EXCEPTION_GRACE_S="0.1", POOL_TERM_GRACE_S="0.1", POOL_DRAIN_S="0") as site:
        yield site


def start_hasty(site: EngineSite) -> tuple[Process, list[int]]:
    """A node that does not wait for its database as long as others, and its workers."""
    node = site.start_program([sys.executable, "-m", "tests.engine.hasty_node", "2"])
    return node, site.wait_for_pids(node, 2)


def test_frozen_database_stops_neither_limits_nor_replacements(on_postgres: EngineSite) -> None:
    site = on_postgres
    node, workers = start_hasty(site)
    job = site.enqueue(TASKS + "stops_everything", site.path("started"), options={"timeout": 0.5})
    site.wait_for_file(site.path("started"))
    with postgres.start().frozen():
        (left,) = wait_for(lambda: len(pids := list(filter(is_alive, workers))) == 1 and pids, what="the timeout")
        wait_for(lambda: len(worker_pids(node)) == 2, what="another worker")
        assert left in worker_pids(node), "it answered all the time"
    assert "TIMEOUT" == site.wait_for_job(job)["status"]
    assert "COMPLETED" == site.wait_for_job(site.enqueue("returns"))["status"]
    assert node.exit_code() is None


def test_node_can_be_stopped_while_its_database_is_frozen(on_postgres: EngineSite) -> None:
    site = on_postgres
    node, workers = start_hasty(site)
    job = site.enqueue(TASKS + "notes_until", str(site.ledger), site.path("go"))
    site.wait_until(site.lines, "the job to begin")
    with postgres.start().frozen():
        node.stop()
        assert not any(map(is_alive, workers))
    start_hasty(site)
    site.touch("go")
    assert "COMPLETED" == site.wait_for_job(job)["status"]
