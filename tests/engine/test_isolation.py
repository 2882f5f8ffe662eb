"""A process for each job: asked for by a task, or for all jobs by the setting `isolation`."""

from collections import Counter

import pytest

from tests.engine.engine_site import EngineSite, kill
from tests.engine.kind_sites import KIND_TASKS, kind_site, run, run_many

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]


def test_isolated_jobs_have_processes_in_which_no_other_was_or_will_be() -> None:
    """In between, jobs of other tasks share theirs as ever."""
    with kind_site() as site:
        site.start_node(workers=2)
        shared = {job["result"]["pid"] for job in run_many(site, "marks_process", [[]] * 20)}
        own = [job["result"] for job in run_many(site, "sees_process", [[]] * 10)]
        shared |= {job["result"]["pid"] for job in run_many(site, "marks_process", [[]] * 20)}
        pids = {result["pid"] for result in own}
        assert (10, set(), {True}) == (len(pids), pids & shared, {result["first"] for result in own})
        assert len(shared) < 20
        site.wait_for_workers(2)


def test_with_the_setting_every_job_has_its_own() -> None:
    with kind_site(isolation="process") as site:
        site.start_node(workers=2)
        found = run_many(site, "marks_process", [[]] * 20)
        assert ({"COMPLETED"}, {1}) == ({job["status"] for job in found}, {job["attempts"] for job in found})
        assert 20 == len({job["result"]["pid"] for job in found})
        assert {True} == {job["result"]["first"] for job in found}


def test_there_are_never_more_of_them_than_workers() -> None:
    with kind_site() as site:
        site.start_node(workers=2)
        path = site.path("go")
        jobs = site.enqueue_many(KIND_TASKS + "sees_process_until", [([path], {})] * 6)
        site.wait_until(lambda: site.statuses().get("RUNNING") == 2, "two to run")
        site.wait_until(lambda: site.statuses() == {"RUNNING": 2, "PENDING": 4}, "the others to be given back")
        open(path, "w").close()
        assert 6 == len({site.wait_for_job(job)["result"] for job in jobs})


def test_isolated_job_gets_a_worker_though_others_keep_all_busy() -> None:
    with kind_site() as site:
        site.start_node(workers=2)
        site.teach_short()
        crowd = site.enqueue_many("sleeps", [([0.01], {})] * 600)
        job = run(site, "sees_process", options={"priority": "high"})
        assert ("COMPLETED", True) == (job["status"], job["result"]["first"])
        assert "COMPLETED" != site.job(crowd[-1])["status"], "it did not wait for them"


def test_isolated_job_whose_process_dies_is_tried_again_in_another() -> None:
    with kind_site() as site:
        site.start_node(workers=1)
        path, started = site.path("go"), site.path("started")
        job = site.enqueue(KIND_TASKS + "sees_process_until", path, started)
        site.wait_for_file(started)
        pid = wait_for_pid(site)
        kill(pid)
        open(path, "w").close()
        found = site.wait_for_job(job)
        assert ("COMPLETED", 2, True) == (found["status"], found["attempts"], found["result"] != pid)
        assert ["crashed", "succeeded"] == [one["outcome"] for one in site.attempts(job)]


def wait_for_pid(site: EngineSite) -> int:
    """Of the only worker, once its row tells that it runs a job."""
    site.wait_until(lambda: [one for one in site.workers() if one["current_jobs"]], "the worker to be busy")
    return int(site.workers()[0]["pid"])


def test_throughput_of_processes_is_bounded_by_forks_not_by_polls() -> None:
    """A hundred processes take a moment, and no job waits for a poll."""
    with kind_site() as site:
        site.start_node(workers=2)
        found = run_many(site, "sees_process", [[]] * 100)
        assert {"COMPLETED": 100} == Counter(job["status"] for job in found)
        span = max(job["finished_at"] for job in found), min(job["created_at"] for job in found)
        assert span[0] > span[1]
        assert {1} == {job["attempts"] for job in found}
