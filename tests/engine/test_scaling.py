"""The number of workers changes while jobs run, workers are recycled, queues are paused: no job notices."""

from collections import Counter

import pytest

from pool.domain.errors import InvalidOption
from tests.engine import reads
from tests.engine.engine_site import TASKS, EngineSite, worker_pids

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]

RECYCLING = {"POOL_WORKER_MIN_AGE_S": "0"}


def scale(site: EngineSite, size: int) -> None:
    site.do(reads.operate, "scale", size)


def start_long(site: EngineSite, number: int) -> list[tuple[str, int]]:
    """Start jobs that wait for the file `go`: their ids, and the pids in which they began."""
    jobs = [site.enqueue(TASKS + "notes_until", str(site.ledger), site.path("go")) for _ in range(number)]

    def look() -> list[tuple[str, int]] | None:
        pid_of = {line.job: line.pid for line in site.lines() if line.what == "begin"}
        return [(job, pid_of[job]) for job in jobs] if set(jobs) <= set(pid_of) else None

    return site.wait_until(look, "the jobs to begin")  # type: ignore[no-any-return]


def test_workers_are_added_and_taken_away_while_jobs_run(site_on_both: EngineSite) -> None:
    site = site_on_both
    node = site.start_node(workers=2)
    jobs = start_long(site, 2)
    scale(site, 5)
    site.wait_for_pids(node, 5, limit_s=5)
    jobs += start_long(site, 3)
    scale(site, 2)
    site.wait_for_status(jobs[0][0], "RUNNING")
    assert "COMPLETED" != site.job(jobs[0][0])["status"]
    assert {pid for _, pid in jobs} <= set(worker_pids(node)), "busy workers leave after their job, not before"
    site.touch("go")
    assert {("COMPLETED", 1)} == {
        (found["status"], found["attempts"]) for found in map(site.wait_for_job, [job for job, _ in jobs])
    }
    site.wait_for_pids(node, 2, limit_s=5)
    assert [] == site.events("worker.exited")
    assert 2 == site.nodes()[0]["wanted"]


def test_idle_workers_go_first(site: EngineSite) -> None:
    node = site.start_node(workers=4)
    [(job, busy)] = start_long(site, 1)
    scale(site, 1)
    site.wait_until(lambda: [busy] == worker_pids(node), "only the busy worker to be left", limit_s=5)
    site.touch("go")
    assert 1 == site.wait_for_job(job)["attempts"]
    assert [busy] == worker_pids(node)


def test_scale_goes_up_and_down_in_a_hurry(site: EngineSite) -> None:
    """The last word counts, and every job is done once."""
    node = site.start_node(workers=2)
    jobs = site.enqueue_many(TASKS + "notes", [([str(site.ledger), 0.005], {})] * 300)
    for size in (8, 1, 6, 2, 7, 1, 3):
        scale(site, size)
    site.wait_until_ended()
    site.wait_for_pids(node, 3, limit_s=10)
    assert {(1, 0, 0, 1)} == set(site.do(reads.spent).values())
    assert len(jobs) == sum(line.what == "end" for line in site.lines())


def test_many_workers_are_there_at_once_and_all_work(site: EngineSite) -> None:
    node = site.start_node(workers=2)
    scale(site, 40)
    site.wait_for_pids(node, 40, limit_s=20)
    assert 40 == len({pid for _, pid in start_long(site, 40)})
    site.touch("go")
    site.wait_until_ended()


@pytest.mark.parametrize("size", [-1, 0, 10**9, "abc", 1.5, True])
def test_absurd_sizes_are_refused(running: EngineSite, size: object) -> None:
    with pytest.raises(InvalidOption, match="from 1 to 128"):
        running.do(reads.operate, "scale", size)


# Recycling ------------------------------------------------------------------------


def test_workers_are_recycled_after_so_many_jobs(site: EngineSite) -> None:
    site.start_node(workers=1, POOL_MAX_JOBS_PER_WORKER="5", POOL_RECYCLE_THRESHOLD="10", **RECYCLING)
    first = site.wait_for_job(site.enqueue("sees"))["result"]["pid"]
    jobs = site.enqueue_many("returns", [([1], {})] * 20)
    site.wait_until_ended()
    site.wait_until(lambda: site.wait_for_job(site.enqueue("sees"))["result"]["pid"] != first, "another worker")
    assert {1} == {site.do(reads.spent)[job][0] for job in jobs}
    assert [] == site.events("worker.exited"), "leaving is not dying"


def test_no_worker_does_more_jobs_than_its_hard_limit(site: EngineSite) -> None:
    """However short they are, and however many it could hold ahead."""
    site.start_node(workers=1, POOL_MAX_JOBS_PER_WORKER="10", POOL_RECYCLE_THRESHOLD="10", **RECYCLING)
    site.enqueue_many("sees", [([], {})] * 60)
    site.wait_until_ended()
    done = Counter(site.do(reads.results_of, "sees", "pid"))
    assert 60 == sum(done.values())
    assert max(done.values()) <= 10


def test_young_workers_are_not_recycled_for_their_number_of_jobs(site: EngineSite) -> None:
    node = site.start_node(workers=1, POOL_MAX_JOBS_PER_WORKER="1", POOL_RECYCLE_THRESHOLD="1")
    before = worker_pids(node)
    for _ in range(10):
        site.wait_for_job(site.enqueue("returns"))
    assert before == worker_pids(node)


def test_workers_are_recycled_for_their_memory_after_the_job_in_hand(site: EngineSite) -> None:
    site.start_node(workers=1, POOL_WORKER_MAX_RSS_MB="150")
    first = site.wait_for_job(site.enqueue("sees"))["result"]["pid"]
    job = site.enqueue(TASKS + "holds_memory_until", 200, site.path("go"))
    site.wait_until(lambda: terminating(site), "the worker to be on its way out")
    assert "RUNNING" == site.job(job)["status"]
    site.touch("go")
    assert ("COMPLETED", 1) == tuple(site.wait_for_job(job)[key] for key in ("status", "attempts"))
    assert first != site.wait_for_job(site.enqueue("sees"))["result"]["pid"]


def terminating(site: EngineSite) -> bool:
    return "TERMINATING" in {worker["state"] for worker in site.workers()}


def test_code_is_loaded_again_without_a_pause(site: EngineSite) -> None:
    """All workers are replaced, the busy one after its job."""
    import signal

    node = site.start_node(workers=2)
    [(job, busy)] = start_long(site, 1)
    before = set(worker_pids(node))
    node.send(signal.SIGHUP)
    for _ in range(20):
        site.wait_for_job(site.enqueue("returns"), limit_s=3)
    site.wait_until(lambda: before & set(worker_pids(node)) == {busy}, "the idle worker to be replaced")
    site.touch("go")
    assert 1 == site.wait_for_job(job)["attempts"]
    site.wait_until(lambda: not before & set(worker_pids(node)), "the busy worker to be replaced")
    site.wait_for_pids(node, 2)


# Queues ---------------------------------------------------------------------------


def test_paused_queue_waits_and_others_flow(running_on_both: EngineSite) -> None:
    site = running_on_both
    assert site.do(reads.operate, "pause", "closed")
    waiting = site.enqueue("returns", 1, options={"queue_name": "closed"})
    for _ in range(5):
        site.wait_for_job(site.enqueue("returns", 2))
    assert ("PENDING", 0) == tuple(site.job(waiting)[key] for key in ("status", "attempts"))
    assert site.do(reads.operate, "resume", "closed")
    assert "COMPLETED" == site.wait_for_job(waiting, limit_s=3)["status"]


def test_running_job_of_a_paused_queue_ends_in_peace(running: EngineSite) -> None:
    path = running.path("end-in-peace")
    job = running.enqueue("waits_for", path, options={"queue_name": "peace"})
    running.wait_for_status(job, "RUNNING")
    running.do(reads.operate, "pause", "peace")
    running.touch("end-in-peace")
    assert "COMPLETED" == running.wait_for_job(job)["status"]


def test_node_serves_only_its_queues(site: EngineSite) -> None:
    site.start_node(workers=1, POOL_QUEUES="mine")
    other = site.enqueue("returns", options={"queue_name": "others"})
    for _ in range(3):
        site.wait_for_job(site.enqueue("returns", options={"queue_name": "mine"}))
    assert "PENDING" == site.job(other)["status"]


def test_workers_are_recycled_for_their_age_when_idle(site: EngineSite) -> None:
    node = site.start_node(workers=1, POOL_WORKER_MAX_AGE_S="1", **RECYCLING)
    before = worker_pids(node)
    site.wait_until(lambda: set(worker_pids(node)).isdisjoint(before), "another worker")
    assert [] == site.events("worker.exited"), "leaving is not dying"


def test_a_worker_that_grows_with_every_job_is_recycled(site: EngineSite) -> None:
    node = site.start_node(workers=1, POOL_WORKER_GROWTH_MB="5", POOL_WORKER_MAX_RSS_MB="0")
    before = worker_pids(node)
    jobs = site.enqueue_many(TASKS + "keeps_memory", [([1], {})] * 800)
    site.wait_until(lambda: set(worker_pids(node)).isdisjoint(before), "another worker")
    assert [] == site.events("worker.exited"), "leaving is not dying"
    assert 1 == site.wait_for_job(jobs[0])["attempts"]
