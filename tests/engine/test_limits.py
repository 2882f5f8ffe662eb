"""Timeout and cancel: each job ends in stages, and the one that comes after it is never hit."""

import time
from collections.abc import Iterator

import pytest

from pool.store.operate import CancelAnswer
from tests.engine import leaks, reads
from tests.engine.engine_site import SHORT_TASK, TASKS, EngineSite

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]

SHORT_STAGES = {"POOL_FLAG_GRACE_S": "0.4", "POOL_EXCEPTION_GRACE_S": "0.4", "POOL_TERM_GRACE_S": "0.4"}

DEFAULT_STAGES_S = 10.0
MARGIN_S = 2.0


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def both(request: pytest.FixtureRequest) -> Iterator[EngineSite]:
    with EngineSite(request.param, **SHORT_STAGES) as site:
        site.start_node(workers=2)
        leaks.settle(site)
        yield site


@pytest.fixture(scope="module")
def one() -> Iterator[EngineSite]:
    with EngineSite(**SHORT_STAGES) as site:
        site.start_node(workers=2)
        leaks.settle(site)
        yield site


@pytest.fixture(scope="module")
def alone() -> Iterator[EngineSite]:
    """One worker: the next job runs where the last one was ended."""
    with EngineSite(**SHORT_STAGES) as site:
        site.start_node(workers=1)
        leaks.settle(site)
        yield site


@pytest.fixture(scope="module")
def patient() -> Iterator[EngineSite]:
    """A job that was asked to end is left alone for a minute."""
    with EngineSite(POOL_FLAG_GRACE_S="60") as site:
        site.start_node(workers=1)
        yield site


def own_path(site: EngineSite, name: str) -> str:
    return site.path(f"{name}-{time.monotonic_ns()}")


def cancel(site: EngineSite, job: str) -> CancelAnswer:
    return site.do(reads.operate, "cancel", job)  # type: ignore[no-any-return]


# Timeout --------------------------------------------------------------------------


@pytest.mark.parametrize(("task", "how"), [("times_out", ["sleep"]), ("times_out", ["spin"]), ("times_out_async", [])])
def test_job_past_its_timeout_ends(both: EngineSite, task: str, how: list[str]) -> None:
    job = both.wait_for_job(both.enqueue(TASKS + task, *how))
    assert ("TIMEOUT", 1) == (job["status"], job["attempts"])
    assert ("pool.domain.errors.JobTimeout", "The job ran longer than its timeout.") == (
        job["error"]["type"],
        job["error"]["message"],
    )
    assert f"in {task}" in job["error"]["traceback"], "where it stood"
    assert "timeout" == both.attempts(job["id"])[0]["outcome"]


def test_broad_except_does_not_swallow_the_timeout(one: EngineSite) -> None:
    assert "TIMEOUT" == one.wait_for_job(one.enqueue(TASKS + "times_out", "broad"))["status"]


def test_timeout_is_tried_again_within_the_budget(both: EngineSite) -> None:
    job = both.wait_for_job(both.enqueue(TASKS + "times_out_until", own_path(both, "once")))
    assert ("COMPLETED", "in time", 2) == (job["status"], job["result"], job["attempts"])
    assert ["timeout", "succeeded"] == [one["outcome"] for one in both.attempts(job["id"])]


def test_timeout_of_the_job_wins_over_the_tasks(one: EngineSite) -> None:
    job = one.wait_for_job(one.enqueue("sleeps", 60, options={"timeout": 0.2, "max_attempts": 1}))
    assert "TIMEOUT" == job["status"]


def test_worker_survives_a_timeout(alone: EngineSite) -> None:
    before = alone.wait_for_job(alone.enqueue("sees"))["result"]["pid"]
    alone.wait_for_job(alone.enqueue(TASKS + "times_out"))
    assert before == alone.wait_for_job(alone.enqueue("sees"))["result"]["pid"]


def test_flag_is_seen_by_a_job_that_times_out(one: EngineSite) -> None:
    job = one.wait_for_job(one.enqueue("ends_when_asked", options={"timeout": 0.2, "max_attempts": 1}))
    assert job["status"] in ("TIMEOUT", "COMPLETED")


# Stages ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("task", "how"), [("ignores_exceptions", "killed by SIGTERM"), ("ignores_sigterm", "killed by SIGKILL")]
)
def test_deaf_job_is_ended_by_force(both: EngineSite, task: str, how: str) -> None:
    started = own_path(both, "started")
    job = both.enqueue(task, own_path(both, "never"), started, options={"timeout": 0.2, "max_attempts": 1})
    both.wait_for_file(started)
    begun = time.monotonic()
    found = both.wait_for_job(job)
    assert ("TIMEOUT", "pool.domain.errors.JobTimeout") == (found["status"], found["error"]["type"])
    assert how in found["error"]["message"]
    assert time.monotonic() - begun < 0.2 + 3 * 0.4 + MARGIN_S


def test_job_that_ignores_everything_is_gone_in_ten_seconds_by_default(site: EngineSite) -> None:
    site.start_node(workers=1)
    started = site.path("started")
    job = site.enqueue(TASKS + "stops_everything", started, options={"timeout": 0.2})
    site.wait_for_file(started)
    begun = time.monotonic()
    found = site.wait_for_job(job, limit_s=DEFAULT_STAGES_S + MARGIN_S + 1)
    assert "TIMEOUT" == found["status"]
    assert time.monotonic() - begun < DEFAULT_STAGES_S + MARGIN_S
    assert "COMPLETED" == site.wait_for_job(site.enqueue("returns"))["status"]


# The job after --------------------------------------------------------------------


def test_jobs_after_one_that_timed_out_are_never_hit(alone: EngineSite) -> None:
    """A timeout lands between two jobs as often as within one: none but its own may feel it."""
    jobs = {}
    for number in range(30):
        jobs[alone.enqueue("sleeps", 0.1, options={"timeout": 0.1, "max_attempts": 1})] = "sleeps"
        jobs[alone.enqueue(SHORT_TASK)] = "short"
        jobs[alone.enqueue("spins", 0.02 + number % 5 / 100, options={"timeout": 20})] = "spins"
    ended = {job: alone.wait_for_job(job)["status"] for job in jobs}
    assert {"COMPLETED"} == {status for job, status in ended.items() if jobs[job] != "sleeps"}
    assert {"COMPLETED", "TIMEOUT"} >= {status for job, status in ended.items() if jobs[job] == "sleeps"}


def test_jobs_behind_a_cancelled_one_are_not_hit(alone: EngineSite) -> None:
    alone.teach_short()
    path = own_path(alone, "never")
    first, *behind = alone.enqueue_many(SHORT_TASK, [([path], {})] + [([], {})] * 10)
    alone.wait_for_job(first, "RUNNING")
    assert CancelAnswer.REQUESTED == cancel(alone, first)
    assert "CANCELLED" == alone.wait_for_job(first)["status"]
    assert {("COMPLETED", 1)} == {(job["status"], job["attempts"]) for job in map(alone.wait_for_job, behind)}


# Cancel ---------------------------------------------------------------------------


def test_waiting_job_is_cancelled_at_once_and_never_starts(both: EngineSite) -> None:
    both.do(reads.operate, "pause", "waiting")
    job = both.enqueue(TASKS + "notes", str(both.ledger), options={"queue_name": "waiting"})
    assert CancelAnswer.CANCELLED == cancel(both, job)
    assert ("CANCELLED", 0) == (both.job(job)["status"], both.job(job)["attempts"])
    both.do(reads.operate, "resume", "waiting")
    after = both.enqueue("returns", options={"queue_name": "waiting"})
    both.wait_for_job(after)
    assert job not in {line.job for line in both.lines()}


def test_running_job_is_cancelled_by_its_flag(both: EngineSite) -> None:
    """A task that looks at its flag ends in its own way: what it returns is recorded."""
    started = own_path(both, "started")
    job = both.enqueue("ends_when_asked", started)
    both.wait_for_file(started)
    assert CancelAnswer.REQUESTED == cancel(both, job)
    found = both.wait_for_job(job)
    assert ("COMPLETED", "ended by itself") == (found["status"], found["result"])


@pytest.mark.parametrize("how", ["check", "step"])
def test_job_that_asks_between_its_steps_ends_there(patient: EngineSite, how: str) -> None:
    started = own_path(patient, "started")
    job = patient.enqueue(TASKS + "asks_between_steps", how, started)
    patient.wait_for_file(started)
    cancel(patient, job)
    assert "CANCELLED" == patient.wait_for_job(job)["status"]
    late = patient.enqueue(TASKS + "asks_between_steps", how, started, options={"timeout": 0.2})
    found = patient.wait_for_job(late)
    assert ("TIMEOUT", "pool.domain.errors.JobTimeout") == (found["status"], found["error"]["type"])


def test_running_job_is_cancelled_by_an_exception(both: EngineSite) -> None:
    started = own_path(both, "started")
    job = both.enqueue("waits_for", own_path(both, "never"), started)
    both.wait_for_file(started)
    cancel(both, job)
    found = both.wait_for_job(job)
    assert ("CANCELLED", 1, None) == (found["status"], found["attempts"], found["result"])
    assert "cancelled" == both.attempts(job)[0]["outcome"]


def test_async_job_cleans_up_when_it_is_cancelled(both: EngineSite) -> None:
    started, cleaned = own_path(both, "started"), own_path(both, "cleaned")
    job = both.enqueue(TASKS + "async_cleans_up", cleaned, started)
    both.wait_for_file(started)
    cancel(both, job)
    assert "CANCELLED" == both.wait_for_job(job)["status"]
    both.wait_for_file(cleaned, limit_s=1)


@pytest.mark.parametrize("task", ["ignores_exceptions", "ignores_sigterm"])
def test_deaf_job_is_cancelled_by_force(both: EngineSite, task: str) -> None:
    started = own_path(both, "started")
    job = both.enqueue(task, own_path(both, "never"), started, options={"max_attempts": 4})
    both.wait_for_file(started)
    cancel(both, job)
    found = both.wait_for_job(job)
    assert ("CANCELLED", 1) == (found["status"], found["attempts"])


def test_cancelled_job_that_fails_is_not_tried_again(both: EngineSite) -> None:
    started, path = own_path(both, "started"), own_path(both, "go")
    job = both.enqueue(TASKS + "fails_at", path, started)
    both.wait_for_file(started)
    cancel(both, job)
    with open(path, "w"):
        pass
    assert ("CANCELLED", 1) == (both.wait_for_job(job)["status"], both.job(job)["attempts"])


def test_finished_job_stays_as_it_is(both: EngineSite) -> None:
    job = both.wait_for_job(both.enqueue("returns", 1))
    assert CancelAnswer.FINISHED == cancel(both, job["id"])
    assert job == both.job(job["id"])


def test_job_in_a_workers_hands_but_not_begun_is_cancelled(both: EngineSite) -> None:
    """It was handed out behind one that was expected to be short; it never starts, and its neighbours do."""
    both.teach_short()
    path = own_path(both, "go")
    calls = [([path], {}), ([path], {})] + [([], {})] * 8
    both.do(reads.operate, "pause", "cancelled")
    jobs = both.enqueue_many(SHORT_TASK, calls, options={"queue_name": "cancelled"})
    both.do(reads.operate, "resume", "cancelled")
    for job in jobs[:2]:
        both.wait_for_job(job, "RUNNING")
    chosen = next(job for job, status in both.statuses_of(jobs[2:]).items() if status == "ASSIGNED")
    assert CancelAnswer.REQUESTED == cancel(both, chosen)
    found = both.wait_for_job(chosen, limit_s=5)
    assert ("CANCELLED", 0, None) == (found["status"], found["attempts"], found["started_at"])
    with open(path, "w"):
        pass
    ended = both.wait_until_ended()
    assert {"COMPLETED"} == {both.job(job)["status"] for job in jobs if job != chosen}, ended


def test_cancelled_jobs_never_start_while_many_are_claimed(both: EngineSite) -> None:
    """Every second of many jobs is cancelled while all of them are on their way."""
    jobs = both.enqueue_many(TASKS + "notes", [([str(both.ledger), 0.001], {})] * 300)
    answers = {job: cancel(both, job) for job in jobs[::2]}
    for job in jobs:
        both.wait_for_job(job)
    begun = {line.job for line in both.lines() if line.what == "begin"}
    at_once = {job for job, answer in answers.items() if answer is CancelAnswer.CANCELLED}
    assert not at_once & begun
    for job in jobs:
        status = both.job(job)["status"]
        assert "COMPLETED" == status or (job in answers and "CANCELLED" == status)
    assert set(jobs[1::2]) <= begun


def test_cancel_outlives_the_node(site_on_both: EngineSite) -> None:
    """The request is in the row: the next node carries it out, and no attempt begins."""
    site, started = site_on_both, site_on_both.path("started")
    node = site.start_node(workers=1)
    job = site.enqueue("ignores_exceptions", site.path("never"), started)
    site.wait_for_file(started)
    cancel(site, job)
    node.kill()
    site.start_node(workers=1, wait=False)
    found = site.wait_for_job(job)
    assert ("CANCELLED", 1) == (found["status"], found["attempts"])
