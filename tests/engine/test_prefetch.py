"""Jobs handed out ahead: they make bursts fast, and never stand behind a long one while a worker is free."""

import pytest

from tests.engine.engine_site import SHORT_TASK, EngineSite

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]


def test_long_job_does_not_hold_up_short_ones_behind_it(site: EngineSite) -> None:
    """With a free worker beside it, what it holds goes there at once."""
    site.start_node(workers=2)
    site.teach_short()
    long, *short = site.enqueue_many(SHORT_TASK, [([site.path("go")], {})] + [([], {})] * 60)
    found = [site.wait_for_job(job, limit_s=3) for job in short]
    assert {("COMPLETED", 1)} == {(job["status"], job["attempts"]) for job in found}
    site.wait_for_job(long, "RUNNING")
    site.touch("go")
    assert 1 == site.wait_for_job(long)["attempts"]


def test_jobs_behind_the_only_worker_are_given_back_for_others(site: EngineSite) -> None:
    """With no free worker they wait in the database, where a new worker or another node finds them."""
    node = site.start_node(workers=1)
    site.teach_short()
    long, *short = site.enqueue_many(SHORT_TASK, [([site.path("go")], {})] + [([], {})] * 20)
    site.wait_for_job(long, "RUNNING")
    site.wait_until(lambda: {"PENDING"} == set(site.statuses_of(short).values()), "them to be given back")
    assert {0} == {site.job(job)["attempts"] for job in short}
    other = site.start_node(workers=1)
    assert {("COMPLETED", 1)} == {
        (found["status"], found["attempts"]) for found in (site.wait_for_job(job, limit_s=5) for job in short)
    }
    site.touch("go")
    assert ("COMPLETED", 1) == tuple(site.wait_for_job(long)[key] for key in ("status", "attempts"))
    assert [0, 0] == [node.stop(), other.stop()]


def test_jobs_of_unknown_length_go_to_free_workers_only(site: EngineSite) -> None:
    """Nothing is known of the task yet: no worker gets a second one."""
    site.start_node(workers=2)
    jobs = site.enqueue_many("waits_for", [([site.path("go")], {})] * 6)
    site.wait_until(lambda: site.statuses().get("RUNNING") == 2, "two to run")
    assert {"RUNNING": 2, "PENDING": 4} == site.statuses()
    site.touch("go")
    site.wait_until_ended()
    assert {1} == {site.job(job)["attempts"] for job in jobs}


def test_urgent_job_does_not_wait_behind_a_burst(site: EngineSite) -> None:
    site.start_node(workers=1)
    site.teach_short()
    burst = site.enqueue_many("sleeps", [([0.01], {})] * 200)
    urgent = site.enqueue("returns", 1, options={"priority": "high"})
    found = site.wait_for_job(urgent, limit_s=3)
    assert found["started_at"] < site.wait_for_job(burst[-1])["started_at"]


@pytest.mark.parametrize("size", [1, 250_000])
def test_burst_of_jobs_ends_once_each_whatever_their_size(site_on_both: EngineSite, size: int) -> None:
    """Arguments and results larger than a socket takes at once go through in pieces."""
    site = site_on_both
    site.start_node(workers=2)
    text = "x" * size
    jobs = site.enqueue_many("returns", [([text], {})] * 40)
    found = [site.wait_for_job(job, limit_s=20) for job in jobs]
    assert {("COMPLETED", 1, text)} == {(job["status"], job["attempts"], job["result"]) for job in found}
