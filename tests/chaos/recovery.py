"""How soon work goes on after `kill -9` of a worker, and of a node: timed on a site where nothing else happens.

The database is asked directly and often, so that what is seen is when it stood there, not when somebody looked.
"""

import json
import os
import signal
import sqlite3
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from bench.measures.plan import percentile
from tests.acceptance.processes import Process, wait_for
from tests.chaos import kinds, ledger
from tests.chaos.ledger import BEGIN, Record
from tests.chaos.site import ChaosSite
from tests.chaos.tree import Tree, wait_while
from tests.engine.engine_site import is_alive, title, worker_pids

WORKERS = 4
LOOK_S = 0.0005
WAITS = f"{kinds.MODULE}.waits"

Timings = dict[str, float]


class Look:
    """A connection of the harness, on which a statement takes as long as it takes the database."""

    def __init__(self, site: ChaosSite) -> None:
        if site.database == "sqlite":
            self._connection: Any = sqlite3.connect(site.folder / "site.sqlite3", isolation_level=None)
            self._mark = "?"
        else:
            import psycopg

            self._connection = psycopg.connect(site.environment["DATABASE_URL"], autocommit=True)
            self._mark = "%s::uuid"

    def lease(self, job: str) -> tuple[str, int]:
        """Status and epoch."""
        statement = f"SELECT status, epoch FROM pool_job WHERE id = {self._mark}"
        status, epoch = self._connection.execute(statement, (job.replace("-", ""),)).fetchone()
        return status, epoch

    def close(self) -> None:
        self._connection.close()


def measure(site: ChaosSite, tree: Tree, kills: int) -> Timings:
    """Time so many kills of a worker, and some of a node, in place of the nodes that ran so far."""
    tree.dismiss("node", limit_s=60)
    return kill_workers(site, tree, kills) | kill_nodes(site, tree, max(kills // 5, 3))


def kill_workers(site: ChaosSite, tree: Tree, kills: int) -> Timings:
    node, look = start_node(site, tree), Look(site)
    given_back: list[float] = []
    ready: list[float] = []
    for number in range(kills):
        go = site.path(f"go-worker-{number}")
        (begun,) = start_waiting(site, 1, go)
        job = begun.job
        wait_for(lambda job=job: look.lease(job)[0] == "RUNNING", what="the job to be RUNNING")
        before = look.lease(job)
        size, wall, mono = node.log.stat().st_size, time.time(), time.monotonic()
        os.kill(begun.pid, signal.SIGKILL)
        spin(lambda job=job, before=before: look.lease(job) != before, "the job to be given back")
        given_back.append((time.monotonic() - mono) * 1000)
        ready.append((wait_for(lambda size=size: ready_at(node, size), what="a replacement") - wall) * 1000)
        touch(go)
        wait_for(lambda job=job: look.lease(job)[0] == "COMPLETED", what="the job to end")
    look.close()
    tree.dismiss("node", limit_s=60)
    return {
        "worker killed, job claimable again, p50 ms": percentile(given_back, 50),
        "worker killed, job claimable again, p99 ms": percentile(given_back, 99),
        "worker killed, replacement ready, p50 ms": percentile(ready, 50),
        "worker killed, replacement ready, p95 ms": percentile(ready, 95),
    }


def kill_nodes(site: ChaosSite, tree: Tree, kills: int) -> Timings:
    gone: list[float] = []
    again: list[float] = []
    node = start_node(site, tree)
    for number in range(kills):
        go = site.path(f"go-node-{number}")
        begun = start_waiting(site, WORKERS, go)
        workers = worker_pids(node)
        assert len(workers) == WORKERS, [title(pid) for pid in workers]
        killed = time.monotonic()
        node.kill()
        spin(lambda pids=workers: not any(map(is_alive, pids)), "the workers to be gone")
        gone.append((time.monotonic() - killed) * 1000)
        size, started_ns = ledger.size(site.folder), time.monotonic_ns()
        node = next_node(tree)
        jobs = {record.job for record in begun}
        back = wait_for(lambda size=size, jobs=jobs: begins(site, size, jobs), 60, "a job to run again", site.evidence)
        again.append((back[0].at_ns - started_ns) / 1e6)
        touch(go)
        site.wait_until_ended()
        site.wait_for_pids(node, WORKERS)
    return {
        "node killed, last worker gone, max ms": max(gone),
        "node started, jobs running again, p50 ms": percentile(again, 50),
        "node started, jobs running again, max ms": max(again),
    }


def next_node(tree: Tree) -> Process:
    """Start the node's successor at once."""
    seat = next(seat for seat in tree.seats if seat.who == "node")
    seat.process, seat.filled, seat.due = None, True, 0.0
    tree.keep(time.monotonic())
    assert seat.process is not None
    return seat.process


def start_node(site: ChaosSite, tree: Tree) -> Process:
    """A node that tells everything, with its workers ready."""
    site.environment["LOG_LEVEL"] = "DEBUG"
    node = next_node(tree)
    assert wait_while(lambda: len(tree.members("worker")) < WORKERS, 60), site.evidence()
    return node


def start_waiting(site: ChaosSite, count: int, go: str) -> list[Record]:
    """Jobs that run until a file is there; their begins."""
    size = ledger.size(site.folder)
    calls: list[Any] = [([f"measure-{go}-{number}", go], {}) for number in range(count)]
    jobs = {job.replace("-", "") for job in site.enqueue_many(WAITS, calls)}
    return wait_for(
        lambda: found if len(found := begins(site, size, jobs)) == count else None,
        what=f"{count} jobs to begin",
        evidence=site.evidence,
    )


def begins(site: ChaosSite, from_byte: int, jobs: set[str]) -> list[Record]:
    return [one for one in ledger.read(site.folder, from_byte) if one.what == BEGIN and one.job in jobs]


def ready_at(node: Process, from_byte: int) -> float | None:
    """When the node first heard of a worker that is ready, after this place of its log; seconds since 1970."""
    with node.log.open("rb") as file:
        file.seek(from_byte)
        lines = file.read().split(b"\n")[:-1]
    for line in lines:
        if b'"worker.ready"' in line:
            return datetime.fromisoformat(json.loads(line)["timestamp"]).timestamp()
    return None


def spin(fact: Callable[[], bool], what: str, limit_s: float = 20.0) -> None:
    """Wait for a fact without missing much of when it came."""
    until = time.monotonic() + limit_s
    while not fact():
        if time.monotonic() > until:
            raise AssertionError(f"Waited {limit_s:g} s for {what}.")
        time.sleep(LOOK_S)


def touch(path: str) -> None:
    with open(path, "w"):
        return
