"""The headline: many jobs while workers are killed all the time and the node once. Every job completed, none twice.

`POOL_CHURN_JOBS=20000 pytest tests/engine/test_churn.py` runs the full number.
"""

import itertools
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from tests.acceptance.processes import Process, children
from tests.engine import reads
from tests.engine.engine_site import TASKS, EngineSite, is_alive, worker_pids

JOBS = int(os.environ.get("POOL_CHURN_JOBS", "3000"))
EVERY_S = 0.2
WORKERS = 4
JOB_S = 0.004
LIMIT_S = 60 + JOBS / 20

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2 * LIMIT_S)]


class Killer:
    """Kills one of the node's children at random, again and again, in a thread of its own."""

    def __init__(self, node: Process, candidates: Callable[[Process], list[int]]) -> None:
        self.node, self.candidates, self.random = node, candidates, random.Random(JOBS)
        self.killed = 0
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.wait(EVERY_S):
            if pids := self.candidates(self.node):
                with suppress(ProcessLookupError):
                    os.kill(self.random.choice(pids), signal.SIGKILL)
                    self.killed += 1

    @contextmanager
    def at_work(self) -> Iterator[None]:
        thread = threading.Thread(target=self.run)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()


def test_every_job_is_completed_once_while_workers_and_the_node_are_killed(site_on_both: EngineSite) -> None:
    site = site_on_both
    node = site.start_node(workers=WORKERS)
    jobs = []
    killer = Killer(node, worker_pids)
    with killer.at_work():
        jobs += site.enqueue_many(TASKS + "notes", [([str(site.ledger), JOB_S], {})] * JOBS)
        site.wait_until(lambda: len(site.lines()) > JOBS // 2, "a part of the jobs to have run", LIMIT_S)
        node.kill()
        killed_at = time.monotonic()
        killer.node = node = site.start_node(workers=WORKERS, wait=False)
        counted = site.wait_until_ended(LIMIT_S)
    assert {"COMPLETED": JOBS} == counted
    assert killer.killed > 2
    print(f"{JOBS} jobs on {site.database}, {killer.killed} workers and a node killed:", site.do(reads.outcomes))
    check_ledger(site, jobs)
    check_rows(site)
    assert time.monotonic() - killed_at < LIMIT_S
    assert 0 == node.stop()
    site.wait_until_empty()
    assert not [line.pid for line in site.lines() if is_alive(line.pid)]


def test_every_job_is_completed_while_any_child_of_the_node_is_killed(site: EngineSite) -> None:
    """Now and then the nursery or the clerk, in the middle of a birth too."""
    node = site.start_node(workers=WORKERS)
    turns = itertools.count(1)
    killer = Killer(node, lambda node: worker_pids(node) if next(turns) % 10 else children(node.pid))
    with killer.at_work():
        jobs = site.enqueue_many(TASKS + "notes", [([str(site.ledger), 0.02], {})] * 400, {"max_attempts": 20})
        assert {"COMPLETED": 400} == site.wait_until_ended()
    check_ledger(site, jobs)
    assert site.recount().counted == site.recount().kept
    site.wait_for_pids(node, WORKERS)
    assert 0 == node.stop()
    site.wait_until_empty()


def test_two_nodes_share_the_work_and_no_job_runs_twice(site_on_both: EngineSite) -> None:
    site = site_on_both
    nodes = [site.start_node(workers=2, wait=False) for _ in range(2)]
    for node in nodes:
        site.wait_for_pids(node, 2)
    jobs = site.enqueue_many(TASKS + "notes", [([str(site.ledger), 0.002], {})] * 1000)
    assert {"COMPLETED": 1000} == site.wait_until_ended()
    assert Counter(jobs) == Counter(line.job for line in site.lines() if line.what == "end")
    assert {(1, 0, 0)} == {spent[:3] for spent in site.do(reads.spent).values()}
    assert site.recount().counted == site.recount().kept
    assert 2 == len({site.job(job)["node"] for job in jobs[::50]}), "both had their share"
    assert [0, 0] == [node.stop() for node in nodes]


def check_ledger(site: EngineSite, jobs: list[str]) -> None:
    """Every job ran to its end, as often as its row says, and never twice at the same time."""
    lines, spent = site.lines(), site.do(reads.spent)
    ended = Counter(line.job for line in lines if line.what == "end")
    begun = Counter(line.job for line in lines if line.what == "begin")
    assert set(jobs) == set(ended)
    assert not [job for job in jobs if begun[job] > spent[job][0]], "begun more often than counted"
    attempts = [(line.job, line.attempt, line.what) for line in lines]
    assert len(attempts) == len(set(attempts)), "an attempt that began or ended twice"


def check_rows(site: EngineSite) -> None:
    """At most one success on record for each job, and counters that equal a recount."""
    assert site.do(reads.successes_per_job) <= 1
    recount = site.recount()
    assert recount.counted == recount.kept
    spent = site.do(reads.spent)
    assert not [job for job, (attempts, _, losses, _) in spent.items() if attempts > 1 + losses]
    assert max(attempts for attempts, *_ in spent.values()) <= 4
