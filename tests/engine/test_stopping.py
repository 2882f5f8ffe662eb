"""A graceful stop: nothing new begins, what runs may end, the rest goes back with no attempt spent."""

import signal
import time

import pytest

from tests.engine import reads
from tests.engine.engine_site import SHORT_TASK, TASKS, EngineSite, cpu_s, kill, worker_pids

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]


def start_long(site: EngineSite, task: str = "notes_until") -> str:
    job = site.enqueue(TASKS + task, str(site.ledger), site.path("go"))
    site.wait_until(lambda: [line for line in site.lines() if line.job == job], "the job to begin")
    return job


def test_idle_node_leaves_at_once_and_leaves_nothing(site: EngineSite) -> None:
    node = site.start_node(workers=2)
    begin = time.monotonic()
    assert 0 == node.stop()
    assert time.monotonic() - begin < 5
    site.wait_until_empty(2)
    assert [] == list(site.run_dir.iterdir())
    assert ["STOPPED"] == [one["state"] for one in site.nodes(ended=True)]
    assert [] == site.workers()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_running_job_may_end_and_nothing_new_begins(site_on_both: EngineSite, number: int) -> None:
    site = site_on_both
    node = site.start_node(workers=2)
    running = start_long(site)
    node.send(number)
    node.wait_until_said("node.draining")
    late = [site.enqueue(TASKS + "notes", str(site.ledger)) for _ in range(5)]
    site.wait_until(lambda: "DRAINING" in {one["state"] for one in site.nodes()}, "the node to say that it drains")
    site.touch("go")
    assert 0 == node.wait()
    assert ("COMPLETED", 1) == tuple(site.job(running)[key] for key in ("status", "attempts"))
    assert {("PENDING", 0)} == {(site.job(job)["status"], site.job(job)["attempts"]) for job in late}
    site.wait_until_empty(2)


def test_jobs_in_hand_but_not_begun_go_back_unspent(site_on_both: EngineSite) -> None:
    site = site_on_both
    node = site.start_node(workers=2)
    site.teach_short()
    path = site.path("go")
    jobs = site.enqueue_many(SHORT_TASK, [([path], {})] * 40)
    site.wait_until(lambda: {"RUNNING", "ASSIGNED"} <= set(site.statuses_of(jobs).values()), "some behind the two")
    node.send(signal.SIGTERM)
    site.wait_until(lambda: "ASSIGNED" not in site.statuses_of(jobs).values(), "them to be given back", limit_s=3)
    site.touch("go")
    assert 0 == node.wait()
    found = [site.job(job) for job in jobs]
    assert {("COMPLETED", 1): 2, ("PENDING", 0): 38} == tally(found)
    site.start_node(workers=2)
    site.wait_until_ended()
    assert {("COMPLETED", 1): 40} == tally([site.job(job) for job in jobs])


def tally(jobs: list[dict[str, object]]) -> dict[tuple[object, object], int]:
    counts: dict[tuple[object, object], int] = {}
    for job in jobs:
        key = (job["status"], job["attempts"])
        counts[key] = counts.get(key, 0) + 1
    return counts


def test_job_past_the_drain_time_is_interrupted_and_given_back(site_on_both: EngineSite) -> None:
    site = site_on_both
    node = site.start_node(workers=2, POOL_DRAIN_S="0.5")
    job = start_long(site)
    begin = time.monotonic()
    assert 0 == node.stop()
    assert 0.5 <= time.monotonic() - begin < 8
    found = site.job(job)
    assert ("PENDING", 1, 1) == (found["status"], found["attempts"], found["row"]["interruptions"])
    assert ["interrupted"] == [one["outcome"] for one in site.attempts(job)]
    site.wait_until_empty(2)
    site.touch("go")
    site.start_node(workers=1)
    assert "COMPLETED" == site.wait_for_job(job)["status"]
    assert (2, 1, 0, 2) == site.do(reads.spent)[job]


def test_interruption_does_not_use_up_the_budget(site: EngineSite) -> None:
    node = site.start_node(workers=1, POOL_DRAIN_S="0")
    job = site.enqueue(TASKS + "notes_until", str(site.ledger), site.path("go"), options={"max_attempts": 1})
    for times in range(1, 4):
        site.wait_until(lambda n=times: n == len(site.lines()), f"begin number {times}")
        assert 0 == node.stop()
        assert "PENDING" == site.job(job)["status"]
        node = site.start_node(workers=1, POOL_DRAIN_S="0", wait=False)
    site.wait_until(lambda: 4 == len(site.lines()), "the fourth begin")
    site.touch("go")
    assert ("COMPLETED", 4) == tuple(site.wait_for_job(job)[key] for key in ("status", "attempts"))


def test_second_sigterm_shortens_the_stop(site: EngineSite) -> None:
    node = site.start_node(workers=1)
    job = start_long(site)
    node.send(signal.SIGTERM)
    node.wait_until_said("node.draining")
    assert node.exit_code() is None
    begin = time.monotonic()
    assert 0 == node.stop(signal.SIGTERM)
    assert time.monotonic() - begin < 5
    assert ("PENDING", 1) == (site.job(job)["status"], site.job(job)["row"]["interruptions"])
    site.wait_until_empty(2)


def test_long_job_may_save_its_state_when_the_node_drains(site: EngineSite) -> None:
    node = site.start_node(workers=1)
    job = site.enqueue("ends_when_draining", site.path("started"))
    site.wait_for_file(site.path("started"))
    assert 0 == node.stop()
    assert ("COMPLETED", "saved") == tuple(site.job(job)[key] for key in ("status", "result"))


def test_operators_stop_is_a_graceful_one(site: EngineSite) -> None:
    node = site.start_node(workers=1)
    job = start_long(site)
    assert 1 == site.do(reads.operate, "request_stop")
    node.wait_until_said("node.draining", limit_s=5)
    site.touch("go")
    assert 0 == node.wait()
    assert "COMPLETED" == site.job(job)["status"]


def test_worker_that_dies_while_the_node_drains_is_not_replaced(site: EngineSite) -> None:
    node = site.start_node(workers=2)
    job = start_long(site)
    node.send(signal.SIGTERM)
    node.wait_until_said("node.draining")
    for pid in worker_pids(node):
        kill(pid)
    assert 0 == node.wait()
    found = site.job(job)
    assert ("PENDING", 1, 1) == (found["status"], found["attempts"], found["row"]["losses"])
    site.wait_until_empty(2)


def test_draining_node_uses_no_cpu(site: EngineSite) -> None:
    node = site.start_node(workers=1)
    start_long(site)
    node.send(signal.SIGTERM)
    node.wait_until_said("node.draining")
    used, since = cpu_s(node.pid), time.monotonic()
    beat = site.nodes()[0]["last_beat"]
    site.wait_until(lambda: site.nodes()[0]["last_beat"] > beat, "two beats")
    beat = site.nodes()[0]["last_beat"]
    site.wait_until(lambda: site.nodes()[0]["last_beat"] > beat, "two beats")
    assert (cpu_s(node.pid) - used) / (time.monotonic() - since) < 0.3
    site.touch("go")
    assert 0 == node.wait()


def test_stop_before_the_workers_are_there(site: EngineSite) -> None:
    job = site.enqueue("returns")
    node = site.start_node(workers=2, wait=False)
    node.wait_until_said("node.started")
    assert 0 == node.stop()
    assert site.job(job)["attempts"] in (0, 1)
    site.wait_until_empty(2)
