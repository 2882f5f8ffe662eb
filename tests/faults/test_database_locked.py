"""SQLite in somebody else's hands: the lock held for seconds, a reader who does not end, another node."""

import os
import signal
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.acceptance.processes import Process, wait_for
from tests.acceptance.site import ROOT
from tests.engine import reads
from tests.engine.engine_site import TASKS, EngineSite, worker_pids
from tests.faults.disks import MODULES

pytestmark = [pytest.mark.slow, pytest.mark.timeout(90)]

RETURNS_MUCH = "tests.faults.database_tasks.returns_much"
LOCKED_S = 3.0
STILL_S = 0.5
MOST_LINES = 6
MIB = 1 << 20


@pytest.fixture
def named() -> Iterator[EngineSite]:
    with EngineSite("sqlite", POOL_TASK_MODULES=MODULES, LOG_FORMAT="json", POOL_POLL_S="0.2") as site:
        yield site


def connect(site: EngineSite) -> sqlite3.Connection:
    return sqlite3.connect(site.folder / "site.sqlite3", timeout=10, isolation_level=None)


def warnings_of(node: Process) -> list[str]:
    return [line for line in node.said().splitlines() if '"level": "warning"' in line or '"level": "error"' in line]


# The lock --------------------------------------------------------------------------


def test_lock_held_for_seconds_costs_only_that_time(named: EngineSite) -> None:
    site = named
    node = site.start_node(workers=2)
    before = worker_pids(node)
    jobs = site.enqueue_many(RETURNS_MUCH, [([str(site.ledger), 100, 0.02], {})] * 100)
    site.wait_until(lambda: len(site.lines()) > 10, "some jobs to run")
    with closing(connect(site)) as other:
        other.execute("BEGIN EXCLUSIVE")
        locked = time.monotonic()
        node.wait_until_said("database.failed")
        assert "Another program holds the lock" in node.said()
        wait_for(lambda: time.monotonic() - locked > LOCKED_S, what="the time")
    freed = time.monotonic()
    node.wait_until_said("database.recovered", 5)
    assert {"COMPLETED": 100} == site.wait_until_ended()
    assert time.monotonic() - freed < 5
    assert Counter(jobs) == Counter(line.job for line in site.lines() if line.what == "end")
    assert {(1, 0, 0)} == {spent[:3] for spent in site.do(reads.spent).values()}
    assert len(warnings_of(node)) <= MOST_LINES, node.said()
    assert before == worker_pids(node)


def test_so_much_may_wait_and_then_nothing_begins(named: EngineSite) -> None:
    """What the workers hold beyond that comes back, with no attempt spent."""
    site, length, limit, jobs = named, 50_000, 20 * 50_000, 400
    ahead = {"POOL_BUFFER_BYTES": str(limit), "POOL_PREFETCH_MS": "5000"}
    node = site.start_node(workers=2, **ahead)
    # From these the node learns that such jobs are short: each worker gets very many of the next at once.
    site.enqueue_many(RETURNS_MUCH, [([str(site.ledger), 10, 0.005], {})] * 100)
    site.wait_until_ended()
    with closing(connect(site)) as other:
        site.enqueue_many(RETURNS_MUCH, [([str(site.ledger), length, 0.005], {})] * jobs)
        site.wait_until(lambda: site.statuses().get("ASSIGNED", 0) > 200, "the workers to have many")
        other.execute("BEGIN EXCLUSIVE")
        node.wait_until_said("jobs.held_back")
        ended = wait_for(Stillness(site).ended, what="nothing to begin any more")
        waiting = ended - site.statuses()["COMPLETED"]
        assert limit <= waiting * length * 1.1, "not before so much waited"
        assert waiting * length <= limit + 2 * 10 * length, "and no more than what ran, and ended before it was heard"
        assert rss_of(node) < 200 * MIB
    assert {"COMPLETED": 100 + jobs} == site.wait_until_ended()
    assert {1} == set(Counter(line.job for line in site.lines() if line.what == "end").values())
    assert {(1, 0, 0)} == {spent[:3] for spent in site.do(reads.spent).values()}
    recount = site.recount()
    assert recount.kept == recount.counted


class Stillness:
    """Tells how many jobs have ended, once none has for a while."""

    def __init__(self, site: EngineSite) -> None:
        self.site, self.last, self.since = site, -1, 0.0

    def ended(self) -> int:
        now, count = time.monotonic(), len(self.site.lines()) // 2
        if count != self.last:
            self.last, self.since = count, now
        return count if now - self.since > STILL_S else 0


def rss_of(process: Process) -> int:
    pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


# The write-ahead log ---------------------------------------------------------------


def wal_size(site: EngineSite) -> int:
    return (site.folder / "site.sqlite3-wal").stat().st_size


def test_log_that_a_reader_lets_grow_is_told_of_and_cut_afterwards(named: EngineSite) -> None:
    site = named
    node = site.start_node(workers=1)
    with closing(connect(site)) as reader, closing(connect(site)) as writer:
        writer.execute("PRAGMA synchronous=OFF")
        writer.execute("CREATE TABLE ballast (data)")
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM pool_job").fetchone()
        for _ in range(150):
            writer.execute("INSERT INTO ballast VALUES (randomblob(?))", (MIB,))
        assert wal_size(site) > 150 * MIB
        node.wait_until_said("wal.grows")
        wait_for(lambda: "write-ahead log has grown" in problem_of(site), what="the node to tell")
        assert "COMPLETED" == site.wait_for_job(site.enqueue("returns"))["status"]
    wait_for(lambda: wal_size(site) < 64 * MIB, 10, "the log to be cut", node.said)
    node.wait_until_said("wal.cut")
    wait_for(lambda: not problem_of(site), what="the node to tell")
    assert 1 == node.said().count("wal.grows")


def problem_of(site: EngineSite) -> str:
    (node,) = site.nodes()
    return str(node["problem"] or "")


# Two nodes -------------------------------------------------------------------------


def test_two_nodes_on_one_file_work_and_one_takes_over_from_the_other(named: EngineSite) -> None:
    """As an operator starts them: each with a run folder of its own."""
    site = named
    folders = [str(site.folder / name) for name in ("r1", "r2")]
    nodes = [start_pool_run(site, folder) for folder in folders]
    site.wait_for_workers(4)
    jobs = site.enqueue_many(TASKS + "notes", [([str(site.ledger), 0.003], {})] * 600)
    site.wait_until(lambda: len({node for node in holders(site) if node}) == 2, "both to have jobs")
    site.wait_until(lambda: len(site.lines()) > 200, "some jobs to run")
    nodes[0].send(signal.SIGKILL)
    assert {"COMPLETED": 600} == site.wait_until_ended()
    begun = Counter(line.job for line in site.lines() if line.what == "begin")
    lost = {job for job, (_, _, losses, _) in site.do(reads.spent).items() if losses}
    assert {job for job, times in begun.items() if times > 1} <= lost, "only what the killed one had begun"
    assert set(jobs) == {line.job for line in site.lines() if line.what == "end"}
    attempts = [(line.job, line.attempt, line.what) for line in site.lines()]
    assert len(attempts) == len(set(attempts)), "no attempt was given out twice"
    recount = site.recount()
    assert recount.kept == recount.counted
    assert 0 == nodes[1].stop()


def start_pool_run(site: EngineSite, folder: str) -> Process:
    command = [sys.executable, str(ROOT / "manage.py"), "pool", "run", "--workers", "2"]
    return site.start_program(command, POOL_RUN_DIR=folder)


def holders(site: EngineSite) -> set[str]:
    return set(site.do(nodes_of_jobs))


def nodes_of_jobs() -> list[str]:
    """Every node that has had a job. Runs in the side process."""
    from pool.models import Job

    return list(Job.objects.order_by().values_list("node", flat=True).distinct())
