"""One worker is replaced because somebody asked for it: after its job, and the others notice nothing."""

import pytest

from tests.engine import reads
from tests.engine.engine_site import TASKS, EngineSite, worker_pids


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_another_takes_its_place_after_its_job(database: str) -> None:
    with EngineSite(database) as site:
        node = site.start_node(workers=2)
        job = site.enqueue(f"{TASKS}notes_until", str(site.ledger), site.path("go"))
        site.wait_for_status(job, "RUNNING")
        busy = site.wait_until(lambda: next((w for w in site.workers() if w["current_jobs"]), None), "its row")
        before = set(worker_pids(node))
        assert site.do(reads.restart_worker, busy["id"])
        assert before == set(worker_pids(node)) & before, "it has a job in hand"
        site.touch("go")
        assert ("COMPLETED", 1) == tuple(site.wait_for_job(job)[key] for key in ("status", "attempts"))
        site.wait_until(lambda: before - set(worker_pids(node)) == {busy["pid"]}, "it to leave")
        site.wait_for_pids(node, 2)
        assert [] == site.events("worker.exited"), "leaving is not dying"
        (asked,) = site.events("worker.restart_requested")
        assert {"worker": busy["id"]} == asked["data"]
