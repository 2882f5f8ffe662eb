"""Async jobs side by side in one worker: each with its own end, output and connections, whatever its neighbours do."""

import os
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine import leaks, reads
from tests.engine.engine_site import EngineSite, is_alive, kill, worker_pids
from tests.engine.kind_sites import KIND_TASKS, SHORT_STAGES, kind_site, run, run_many

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]

MANY = 50


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def both(request: pytest.FixtureRequest) -> Iterator[EngineSite]:
    with kind_site(request.param, "io") as site:
        site.start_node(workers=1, **SHORT_STAGES)
        site.wait_for_workers(1)
        leaks.settle(site)
        yield site


@pytest.fixture(scope="module")
def one() -> Iterator[EngineSite]:
    with kind_site("sqlite", "io") as site:
        site.start_node(workers=1, **SHORT_STAGES)
        site.wait_for_workers(1)
        leaks.settle(site)
        yield site


@pytest.fixture
def site() -> Iterator[EngineSite]:
    with kind_site("sqlite", "io") as site:
        yield site


def own_path(site: EngineSite, name: str) -> str:
    return site.path(f"{name}-{time.monotonic_ns()}")


def start_neighbours(site: EngineSite, path: str, count: int = MANY) -> list[str]:
    """Jobs that run until the file is there."""
    jobs = site.enqueue_many(KIND_TASKS + "notes_async", [([str(site.ledger), path], {})] * count)
    site.wait_until(lambda: set(jobs) <= begun(site), "them to run")
    return jobs


def begun(site: EngineSite) -> set[str]:
    return {line.job for line in site.lines() if line.what == "begin"}


def times_begun(site: EngineSite, jobs: list[str]) -> Counter[str]:
    return Counter(line.job for line in site.lines() if line.what == "begin" and line.job in jobs)


def finish(site: EngineSite, path: str, jobs: list[str]) -> list[dict]:
    open(path, "w").close()
    return [site.wait_for_job(job) for job in jobs]


# Together -------------------------------------------------------------------------


def test_fifty_jobs_run_at_a_time_in_one_worker(both: EngineSite) -> None:
    path = own_path(both, "go")
    jobs = start_neighbours(both, path)
    named = lambda: [len(worker["current_jobs"]) for worker in both.workers()]  # noqa: E731
    both.wait_until(lambda: named() == [MANY], "the worker's row to name them")
    [worker] = both.workers()
    assert ("io", "BUSY") == (worker["kind"], worker["state"])
    both.wait_until(lambda: both.statuses().get("RUNNING") == MANY, "them to be RUNNING")
    found = finish(both, path, jobs)
    assert {("COMPLETED", 1)} == {(job["status"], job["attempts"]) for job in found}
    assert 1 == len({job["result"] for job in found}), "one process"
    assert {worker["id"]} == {job["worker"] for job in found}


def test_no_more_than_the_streams_run_at_a_time(site: EngineSite) -> None:
    site.start_node(workers=1, POOL_MAX_STREAMS="5")
    path = site.path("go")
    jobs = site.enqueue_many(KIND_TASKS + "notes_async", [([str(site.ledger), path], {})] * 12)
    site.wait_until(lambda: len(begun(site)) == 5, "five to run")
    site.wait_until(
        lambda: site.statuses() == {"RUNNING": 5, "PENDING": 7}, "the others to wait where all can see them"
    )
    assert {("COMPLETED", 1)} == {(job["status"], job["attempts"]) for job in finish(site, path, jobs)}


def test_blocking_calls_of_async_jobs_have_128_threads(one: EngineSite) -> None:
    assert [128, 128] == run(one, "waits_in_threads", 150)["result"]


def test_each_has_its_own_output_context_progress_and_usage(one: EngineSite) -> None:
    path, together, go = own_path(one, "begun"), own_path(one, "together"), own_path(one, "go")
    words = [str(number) for number in range(1, 9)]
    jobs = one.enqueue_many(KIND_TASKS + "tells_async", [([word, path, together, go], {}) for word in words])
    for word in words:
        one.wait_for_file(f"{path}-{word}")
    open(together, "w").close()
    one.wait_until(lambda: all(one.job(job)["progress_message"] for job in jobs), "their progress to be stored")
    open(go, "w").close()
    for word, job in zip(words, jobs, strict=True):
        found = one.wait_for_job(job)
        language = "fr" if word == "1" else "de"
        assert {"own": word, "language": language, "word": word} == found["result"]
        assert (int(word), f"at {word}") == (found["usage"]["words"], found["progress_message"])
        said = one.output(job)
        wanted = [f"out {word}", f"log {word}", f"note {word}", f"thread {word}", f"executor {word}"]
        assert not [text for text in wanted if text not in said], said
        assert len(wanted) == len(said.splitlines()), "and of nobody else"


def test_blocking_jobs_run_between_async_ones(one: EngineSite) -> None:
    """Without another worker they run here, one at a time, with no event loop around them."""
    path = own_path(one, "go")
    jobs = start_neighbours(one, path, 5)
    blocking = one.enqueue(KIND_TASKS + "sees_worker")
    finish(one, path, jobs)
    assert "none" == one.wait_for_job(blocking)["result"]["async"]
    assert [0.01] * 20 == [job["result"] for job in run_many(one, "naps", [[0.01]] * 20)]


# Ends -----------------------------------------------------------------------------


def test_timeout_ends_its_job_alone(both: EngineSite) -> None:
    path = own_path(both, "go")
    jobs = start_neighbours(both, path, 10)
    late = [run(both, "oversleeps") for _ in range(3)]
    assert {"TIMEOUT"} == {job["status"] for job in late}
    assert "in oversleeps" in late[0]["error"]["traceback"]
    assert "pool/engine" not in late[0]["error"]["traceback"]
    assert {("COMPLETED", 1)} == {(job["status"], job["attempts"]) for job in finish(both, path, jobs)}


def test_cancel_ends_its_job_alone_after_its_cleanup(both: EngineSite) -> None:
    path, cleaned, started = own_path(both, "go"), own_path(both, "cleaned"), own_path(both, "started")
    jobs = start_neighbours(both, path, 10)
    job = both.enqueue(KIND_TASKS + "cleans_up", cleaned, started)
    both.wait_for_file(started)
    both.do(reads.operate, "cancel", job)
    assert "CANCELLED" == both.wait_for_job(job)["status"]
    both.wait_for_file(cleaned, limit_s=1)
    assert {("COMPLETED", 1)} == {(job["status"], job["attempts"]) for job in finish(both, path, jobs)}


def test_fifty_cancelled_at_once_all_end(one: EngineSite) -> None:
    path = own_path(one, "never")
    jobs = start_neighbours(one, path)
    for job in jobs:
        one.do(reads.operate, "cancel", job)
    assert {"CANCELLED"} == {one.wait_for_job(job)["status"] for job in jobs}
    assert 0.0 == run(one, "naps", 0.0)["result"]


def test_job_that_blocks_the_loop_is_interrupted_where_it_stands(one: EngineSite) -> None:
    """No other could be, and none is hit."""
    path, started = own_path(one, "go"), own_path(one, "started")
    jobs = start_neighbours(one, path, 10)
    [pid] = [worker["pid"] for worker in one.workers()]
    job = one.enqueue(KIND_TASKS + "blocks_the_loop", started, options={"timeout": 0.3})
    found = one.wait_for_job(job)
    assert ("TIMEOUT", True) == (found["status"], "time.sleep" in found["error"]["traceback"])
    assert {("COMPLETED", 1)} == {(job["status"], job["attempts"]) for job in finish(one, path, jobs)}
    assert [pid] == [worker["pid"] for worker in one.workers()]


def test_deaf_job_is_ended_with_its_worker_and_its_neighbours_go_on_unburnt(both: EngineSite) -> None:
    path, started = own_path(both, "go"), own_path(both, "started")
    jobs = start_neighbours(both, path)
    deaf = both.enqueue(KIND_TASKS + "deaf_async", started, options={"timeout": 0.2})
    found = both.wait_for_job(deaf)
    assert ("TIMEOUT", 1) == (found["status"], found["attempts"])
    both.wait_until(lambda: set(times_begun(both, jobs).values()) == {2}, "the neighbours to run again")
    ended = finish(both, path, jobs)
    assert {"COMPLETED"} == {job["status"] for job in ended}
    spent = both.do(reads.spent)
    assert {(2, 1, 0)} == {spent[job][:3] for job in jobs}, "interrupted, not lost"
    assert 1 == len({job["result"] for job in ended}), "side by side again"


@pytest.mark.parametrize("how", ["exit", "interrupt", "exit in a task", "an error"])
def test_whatever_a_job_raises_is_its_own(one: EngineSite, how: str) -> None:
    path = own_path(one, "go")
    jobs = start_neighbours(one, path, 3)
    job = run(one, "raises_async", how)
    kinds = {"interrupt": "builtins.KeyboardInterrupt", "an error": "builtins.ValueError"}
    assert ("FAILED", kinds.get(how, "builtins.SystemExit")) == (job["status"], job["error"]["type"])
    assert {("COMPLETED", 1)} == {(job["status"], job["attempts"]) for job in finish(one, path, jobs)}


# Crashes --------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["segfault", "exit"])
def test_crash_is_blamed_on_the_job_that_was_at_work(both: EngineSite, how: str) -> None:
    path, crash = own_path(both, "go"), own_path(both, "crash")
    jobs = start_neighbours(both, path)
    culprit = both.enqueue(KIND_TASKS + "crashes_async", str(both.ledger), crash, how)
    both.wait_until(lambda: culprit in begun(both), "it to run")
    open(crash, "w").close()
    found = both.wait_for_job(culprit)
    assert ("FAILED", 2) == (found["status"], found["attempts"])
    assert {"COMPLETED"} == {job["status"] for job in finish(both, path, jobs)}
    spent = both.do(reads.spent)
    assert {0} == {spent[job][2] for job in jobs}, "none of them is lost"
    assert {0} == {spent[job][0] - spent[job][1] - 1 for job in jobs}, "no attempt is burnt"


@pytest.mark.parametrize("how", ["kill", "thread"])
def test_suspects_of_a_crash_run_alone_afterwards(both: EngineSite, how: str) -> None:
    """It may have been any of them: each has a process for itself, and the guilty one crashes without company."""
    path, crash = own_path(both, "go"), own_path(both, "crash")
    jobs = start_neighbours(both, path, 8)
    culprit = both.enqueue(KIND_TASKS + "crashes_async", str(both.ledger), crash, how)
    both.wait_until(lambda: culprit in begun(both), "it to run")
    open(path, "w").close()
    both.wait_until(lambda: not [job for job in jobs if both.job(job)["status"] != "COMPLETED"], "them to end")
    later = own_path(both, "later")
    more = start_neighbours(both, later, 8)
    open(crash, "w").close()
    both.wait_until(lambda: times_begun(both, [culprit])[culprit] > 1, "it to have crashed beside them")
    ended = finish(both, later, more)
    found = both.wait_for_job(culprit)
    assert ("FAILED", 3) == (found["status"], found["attempts"])
    assert ["interrupted", "crashed", "crashed"] == [one["outcome"] for one in both.attempts(culprit)]
    assert {"COMPLETED"} == {job["status"] for job in ended}
    assert len(more) == len({job["result"] for job in ended}), "each in a process of its own"
    spent = both.do(reads.spent)
    assert {(2, 1, 1)} == {spent[job][:3] for job in more}


def test_killed_worker_with_one_job_is_blamed_on_it(site: EngineSite) -> None:
    node = site.start_node(workers=1)
    path = site.path("go")
    [job] = start_neighbours(site, path, 1)
    kill(worker_pids(node)[0])
    site.wait_until(lambda: times_begun(site, [job])[job] == 2, "it to run again")
    [found] = finish(site, path, [job])
    assert (2, ["crashed", "succeeded"]) == (found["attempts"], [one["outcome"] for one in site.attempts(job)])


def test_killed_node_leaves_nobody_and_the_next_one_runs_its_jobs_again(site: EngineSite) -> None:
    """What its workers had begun is in their slots, whatever became of them."""
    node = site.start_node(workers=1)
    path = site.path("go")
    jobs = start_neighbours(site, path)
    pids = worker_pids(node)
    node.kill()
    site.wait_until(lambda: not any(is_alive(pid) for pid in pids), "its worker to be gone", limit_s=2)
    site.start_node(workers=1)
    site.wait_until(lambda: set(times_begun(site, jobs).values()) == {2}, "them to run again")
    assert {("COMPLETED", 2)} == {(job["status"], job["attempts"]) for job in finish(site, path, jobs)}


def test_stopping_node_waits_for_its_streams_and_interrupts_what_does_not_end(site: EngineSite) -> None:
    node = site.start_node(workers=1, POOL_DRAIN_S="0.5")
    jobs = start_neighbours(site, site.path("never"), 10)
    assert 0 == node.stop()
    assert {"PENDING": 10} == site.statuses()
    assert {(1, 1, 0)} == {spent[:3] for job, spent in site.do(reads.spent).items() if job in jobs}


# Leftovers ------------------------------------------------------------------------


def test_tasks_that_a_job_leaves_end_with_it(one: EngineSite) -> None:
    path, left = own_path(one, "go"), own_path(one, "left")
    jobs = start_neighbours(one, path, 3)
    assert "COMPLETED" == run(one, "leaves_task", left)["status"]
    one.wait_for_file(left, limit_s=1)
    finish(one, path, jobs)


def test_job_is_over_when_its_threads_are(one: EngineSite) -> None:
    path = own_path(one, "go")
    jobs = start_neighbours(one, path, 3)
    job = run(one, "leaves_thread_work", str(one.ledger), 0.2)
    assert ("COMPLETED", [job["id"]]) == (job["status"], [line.job for line in one.lines() if line.what == "work"])
    finish(one, path, jobs)


def test_transaction_that_a_job_leaves_open_is_nobody_elses(both: EngineSite) -> None:
    """Neither while it runs nor after it: each job has a connection of its own."""
    path, name = own_path(both, "go"), f"left-{time.monotonic_ns()}"
    jobs = start_neighbours(both, path, 3)
    look = own_path(both, "look")
    neighbour = both.enqueue(KIND_TASKS + "counts_queues", name, look)
    both.wait_for_job(neighbour, "RUNNING")
    assert "COMPLETED" == run(both, "leaves_transaction", name)["status"]
    open(look, "w").close()
    assert [0, False] == both.wait_for_job(neighbour)["result"]
    assert [0, False] == run(both, "counts_queues", name)["result"]
    assert not both.do(reads.queue_exists, name)
    finish(both, path, jobs)


def test_connections_are_closed_when_jobs_have_ended(one: EngineSite) -> None:
    run_many(one, "counts_queues", [["any"]] * 20)
    assert {True} == {job["result"] for job in run_many(one, "uses_connection_in_thread", [[]] * 20)}
    files = [os.path.realpath(path) for path in Path(f"/proc/{one.workers()[0]['pid']}/fd").iterdir()]
    assert not [path for path in files if ".sqlite3" in path]
