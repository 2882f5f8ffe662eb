"""A whole node is stopped and goes on later, as by `docker pause` or a debugger: nobody was silent but the node."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.acceptance.processes import Process, children, stat, wait_for
from tests.engine.engine_site import TASKS, EngineSite, worker_pids

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]

HASTY = {"POOL_BEAT_S": "0.2", "POOL_UNHEALTHY_AFTER_S": "0.5", "POOL_REPLACE_AFTER_S": "1.0"}
"""A worker that is silent for a second is replaced."""

PAUSE_S = 1.6


@contextmanager
def paused(node: Process) -> Iterator[None]:
    """The node and all it started stand still. The node is the first to go on: it sees the others as they were."""
    pids = [node.pid, *children(node.pid)]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    wait_for(lambda: all((stat(pid) or "?")[0] == "T" for pid in pids), what="all processes to stand still")
    yield
    for pid in pids:
        os.kill(pid, signal.SIGCONT)


def stand_still(node: Process) -> None:
    since = time.monotonic()
    with paused(node):
        wait_for(lambda: time.monotonic() - since > PAUSE_S, PAUSE_S + 1)


def test_workers_of_a_node_that_was_paused_go_on_with_their_jobs(site_on_both: EngineSite) -> None:
    site = site_on_both
    node = site.start_node(workers=3, **HASTY)
    gate, ledger = site.path("gate"), str(site.ledger)
    jobs = [site.enqueue(TASKS + "notes_until", ledger, gate, options={"timeout": 60}) for _ in range(2)]
    for job in jobs:
        site.wait_for_status(job, "RUNNING")
    before = worker_pids(node)
    stand_still(node)
    assert "COMPLETED" == site.wait_for_job(site.enqueue("returns"))["status"]
    Path(gate).touch()
    ended = [site.wait_for_job(job) for job in jobs]
    assert [("COMPLETED", 1)] * 2 == [(job["status"], job["attempts"]) for job in ended]
    assert before == worker_pids(node)
    assert ["begin", "begin", "end", "end"] == sorted(line.what for line in site.lines())


def test_a_timeout_goes_on_during_the_pause(site: EngineSite) -> None:
    """Nobody can tell a pause from work: the job has had its time."""
    node = site.start_node(workers=1, **HASTY)
    job = site.enqueue("sleeps", 60, options={"timeout": PAUSE_S - 0.5, "max_attempts": 1})
    site.wait_for_status(job, "RUNNING")
    stand_still(node)
    begun = time.monotonic()
    assert "TIMEOUT" == site.wait_for_job(job)["status"]
    assert time.monotonic() - begun < 1.0
