"""Connections and forks: no two processes share one, and many who write at once wait for each other."""

import os
from pathlib import Path

import pytest

from tests.engine import reads
from tests.engine.engine_site import EngineSite, helper_pid
from tests.faults import elsewhere

pytestmark = [pytest.mark.slow, pytest.mark.timeout(90)]

TASKS = "tests.faults.worker_tasks."
WORKERS = 8
JOBS, QUESTIONS = 80, 125


def ask(site: EngineSite) -> set[tuple[str, int | None]]:
    """Many questions at once in all workers: names of workers, each with the server's process it spoke to."""
    calls = [([number * QUESTIONS, QUESTIONS], {}) for number in range(JOBS)]
    jobs = site.enqueue_many(TASKS + "asks_database", calls)
    assert {"COMPLETED": JOBS} == site.wait_until_ended()
    found = [site.job(job) for job in jobs]
    return {(job["worker"], job["result"]) for job in found}


def open_files(pid: int) -> list[str]:
    return [os.readlink(path) for path in Path(f"/proc/{pid}/fd").iterdir()]


def test_workers_share_no_connection_and_their_template_has_none(site_on_both: EngineSite) -> None:
    site = site_on_both
    node = site.start_node(workers=WORKERS)
    spoke = ask(site)
    if site.database == "postgresql":
        assert len(spoke) == len({worker for worker, _ in spoke}) == len({server for _, server in spoke}) > 1
    nursery = helper_pid(node, "nursery")
    assert nursery is not None
    files = open_files(nursery)
    assert 1 == sum(file.startswith("socket:") for file in files), "its way to the node, and nothing else"
    assert [] == [file for file in files if "sqlite" in file]


def test_pool_of_connections_costs_no_worker(on_postgres: EngineSite) -> None:
    """Its threads would be what a job left behind."""
    site = on_postgres
    node = site.start_node(workers=2, DJANGO_SETTINGS_MODULE="tests.faults.pooled_settings")
    workers = set(site.wait_for_pids(node, 2))
    spoke = ask(site)
    assert len(spoke) == len({worker for worker, _ in spoke}) <= 2
    assert workers == set(site.wait_for_pids(node, 2))
    assert "worker.error" not in node.said()
    # Each worker, the node, the clerk and who asks have one; the clerk has a second one while it looks for alerts.
    site.wait_until(lambda: site.do(elsewhere.connections) <= 5, "no more connections than that")


def test_eight_processes_that_read_and_then_write_never_find_the_database_locked(site_on_both: EngineSite) -> None:
    site, times = site_on_both, 60
    site.do(elsewhere.make_queue, "counted")
    site.start_node(workers=WORKERS)
    jobs = site.enqueue_many(TASKS + "counts_up", [(["counted", times], {})] * WORKERS)
    assert {"COMPLETED": WORKERS} == site.wait_until_ended()
    assert {1} == {site.do(reads.spent)[job][0] for job in jobs}
    if site.database == "sqlite":
        assert WORKERS * times == site.do(elsewhere.counted, "counted")
