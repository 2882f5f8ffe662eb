"""The number of workers follows also what waits for a kind of worker, and what has a process for each job."""

import pytest

from tests.engine.engine_site import EngineSite, worker_pids
from tests.engine.kind_sites import KIND_TASKS, kind_site
from tests.engine.test_autoscaling import FAST, LIMIT_S, hold_busy, scaling, steps

pytestmark = [pytest.mark.slow, pytest.mark.timeout(90)]


def requiring(site: EngineSite, number: int, what: str) -> list[str]:
    return site.enqueue_many(KIND_TASKS + "sees_worker", [([], {})] * number, {"requires": [what]})


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_kind_that_is_not_there_comes_for_what_requires_it(database: str) -> None:
    """However idle the others are."""
    with kind_site(database, "general", "general", "memory") as site:
        node = site.start_node(workers=1, **FAST)
        nobody = requiring(site, 3, "gpu")
        jobs = requiring(site, 3, "memory")
        assert {"COMPLETED"} == {site.wait_for_job(job)["status"] for job in jobs}
        assert (1, 3) == steps(site)[0]
        site.wait_for_pids(node, 1, limit_s=LIMIT_S)
        assert {"BLOCKED"} == {site.job(job)["status"] for job in nobody}, "no kind can do these: they keep nobody"


def test_more_of_a_kind_come_for_what_waits_for_it() -> None:
    with kind_site("sqlite", "general", "memory", "memory", "memory") as site:
        site.start_node(workers=2, **FAST | {"POOL_MIN_WORKERS": "2"})
        calls = [([site.path("go"), site.path(f"held-{number}")], {}) for number in range(3)]
        jobs = site.enqueue_many("waits_for", calls, {"requires": ["memory"]})
        site.wait_until(lambda: {"RUNNING": 3} == site.statuses(), "all of them to run", limit_s=LIMIT_S)
        site.touch("go")
        assert {"COMPLETED"} == {site.wait_for_job(job)["status"] for job in jobs}
        assert [] == site.events("worker.exited")


def test_where_each_job_has_a_process_short_jobs_count_with_its_birth_and_end() -> None:
    """Jobs of no length keep all workers at work, and hardly any is busy when somebody looks."""
    with kind_site(isolation="process") as site:
        node = site.start_node(workers=1, **FAST | {"POOL_MAX_WORKERS": "3", "POOL_WAIT_TARGET_MS": "50"})
        jobs = site.enqueue_many(KIND_TASKS + "sees_process", [([], {})] * 100)
        site.wait_until(lambda: steps(site), "the first step", limit_s=LIMIT_S)
        [long] = hold_busy(site, 1, "last")
        found = [site.wait_for_job(job) for job in jobs]
        assert {("COMPLETED", 1)} == {(job["status"], job["attempts"]) for job in found}
        assert steps(site)[0][0] < steps(site)[0][1]
        site.wait_for_status(long, "RUNNING")
        site.wait_until(lambda: 2 == len(worker_pids(node)), "an idle one to leave", limit_s=LIMIT_S)
        assert "RUNNING" == site.job(long)["status"], "a busy one is never stopped"
        site.wait_until(lambda: "load" == scaling(site)["mode"], "the mode")
        site.touch("last")
        assert 1 == site.wait_for_job(long)["attempts"]
        assert [] == site.events("worker.exited")


def test_where_each_job_has_a_process_many_failures_are_an_alert_all_the_same() -> None:
    with kind_site(isolation="process") as site:
        site.start_node(workers=2)
        jobs = site.enqueue_many("raises", [(["no"], {})] * 12, {"max_attempts": 1})
        for job in jobs:
            site.wait_for_job(job)
        opened = site.wait_until(
            lambda: [one for one in site.events("alert.opened") if one["data"]["alert"] == "error_rate"],
            "the alert",
            limit_s=LIMIT_S,
        )
        assert "General workers with a job each fail" in opened[0]["data"]["message"]
