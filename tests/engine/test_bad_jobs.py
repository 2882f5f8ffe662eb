"""Jobs that misbehave: each ends with a clear error, and the next job finds a clean worker."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pool.domain.errors import InvalidPayload
from tests.engine import reads
from tests.engine.engine_site import TASKS, EngineSite, is_alive

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]


def run(site: EngineSite, task: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
    return site.wait_for_job(site.enqueue(task, *args, **kwargs))


def own_path(site: EngineSite, name: str) -> str:
    return site.path(f"{name}-{site.database}")


# Results and errors that cannot be stored -----------------------------------------


@pytest.mark.parametrize(
    ("task", "why"),
    [
        ("returns_object", "is not JSON: it is of the type object"),
        ("returns_nan", "result is nan"),
        ("returns_surrogate", "half of a surrogate pair"),
        ("returns_nul", "a NUL character"),
        ("returns_deep", "nested too deep"),
        ("returns_large", "allowed"),
    ],
)
def test_result_that_cannot_be_stored_fails_without_a_retry(running_on_both: EngineSite, task: str, why: str) -> None:
    job = run(running_on_both, task, options={"max_attempts": 4})
    assert ("FAILED", 1, None) == (job["status"], job["attempts"], job["result"])
    assert "pool.domain.errors.InvalidPayload" == job["error"]["type"]
    assert why in job["error"]["message"]
    assert "unserialisable" == running_on_both.attempts(job["id"])[0]["outcome"]


def test_exception_whose_text_cannot_be_had_is_named_by_its_type(running_on_both: EngineSite) -> None:
    error = run(running_on_both, "raises_unprintable")["error"]
    assert "tests.zoo.tasks.UnprintableError" == error["type"]
    assert "<the message of this UnprintableError cannot be shown>" == error["message"]
    assert "in raises_unprintable" in error["traceback"]


def test_endless_error_message_is_cut(running_on_both: EngineSite) -> None:
    error = run(running_on_both, "raises_endlessly")["error"]
    assert len(error["message"].encode()) <= 16_384
    assert error["message"].endswith("…[cut]")
    assert len(error["traceback"].encode()) <= 16_384


def test_error_with_nul_and_surrogates_is_cleaned(running_on_both: EngineSite) -> None:
    job = run(running_on_both, "raises", "a\ufffdb")
    assert "a\ufffdb" == job["error"]["message"]
    job = run(running_on_both, TASKS + "raises_odd")
    assert ("FAILED", "a\ufffdb\ufffdc") == (job["status"], job["error"]["message"])


# Exits ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("task", "args", "kind"),
    [("exits", [0], "SystemExit"), ("exits", [3], "SystemExit"), ("interrupts_itself", [], "KeyboardInterrupt")],
)
def test_exit_is_an_error_and_the_worker_lives(running: EngineSite, task: str, args: list[Any], kind: str) -> None:
    lost = lost_workers(running)
    job = run(running, task, *args)
    assert ("FAILED", f"builtins.{kind}") == (job["status"], job["error"]["type"])
    assert lost == lost_workers(running)


@pytest.mark.parametrize(
    ("task", "args", "why"),
    [
        ("leaves_at_once", [0], "exit code 0 without a result"),
        ("leaves_at_once", [3], "exit code 3"),
        ("kills_itself", [], "killed by SIGKILL"),
        ("segfaults", [], "killed by SIGSEGV"),
        ("closes_everything", [], "exit code"),
    ],
)
def test_death_of_the_worker_is_a_crash_with_its_cause(
    running_on_both: EngineSite, task: str, args: list[Any], why: str
) -> None:
    job = run(running_on_both, task, *args)
    assert ("FAILED", 1) == (job["status"], job["attempts"])
    assert why in job["error"]["message"]
    [attempt] = running_on_both.attempts(job["id"])
    assert "crashed" == attempt["outcome"]
    assert attempt["started_at"] < attempt["finished_at"]


def test_faulthandlers_words_are_kept(running_on_both: EngineSite) -> None:
    job = run(running_on_both, "segfaults")
    assert "Fatal Python error: Segmentation fault" in job["error"]["traceback"]
    assert "in segfaults" in job["error"]["traceback"]
    assert "Segmentation fault" in running_on_both.output(job["id"])


def test_faulthandlers_words_are_kept_after_much_output(running: EngineSite) -> None:
    job = run(running, TASKS + "writes_much_then_segfaults")
    assert "in writes_much_then_segfaults" in job["error"]["traceback"]


def test_last_words_of_a_killed_worker_are_kept(running: EngineSite) -> None:
    job = run(running, TASKS + "prints_then_dies", options={"max_attempts": 1})
    assert "last words" in running.output(job["id"])


def test_first_crash_is_tried_again_at_once(running_on_both: EngineSite) -> None:
    job = run(running_on_both, "kills_itself_once", own_path(running_on_both, "died"))
    assert ("COMPLETED", "done", 2, None) == (job["status"], job["result"], job["attempts"], job["error"])
    assert ["crashed", "succeeded"] == [one["outcome"] for one in running_on_both.attempts(job["id"])]


# What is left behind --------------------------------------------------------------


@pytest.fixture(scope="module")
def alone() -> Iterator[EngineSite]:
    """A site with one worker, so that the next job meets what the last one left."""
    with EngineSite() as site:
        site.start_node(workers=1)
        yield site


def test_nothing_of_a_job_is_left_in_its_worker(alone: EngineSite, tmp_path: Path) -> None:
    before = run(alone, "sees")["result"]
    run(alone, "leaves_changes", str(tmp_path))
    assert before == run(alone, "sees")["result"]


def test_nothing_hidden_of_a_job_is_left_in_its_worker(alone: EngineSite) -> None:
    before = run(alone, TASKS + "sees_hidden_state")["result"]
    assert before["pid"] == run(alone, TASKS + "changes_hidden_state")["result"]
    assert before == run(alone, TASKS + "sees_hidden_state")["result"]


def test_jobs_share_the_connections_of_their_worker(alone: EngineSite) -> None:
    seen = {tuple(run(alone, TASKS + "uses_shared_handles")["result"]) for _ in range(10)}
    assert [True] == [has_log_names for _, _, has_log_names in seen]


def test_children_of_a_job_are_gone_when_it_has_ended(alone: EngineSite) -> None:
    for own_session in (False, True):
        job = run(alone, "leaves_child", own_session)
        assert ("COMPLETED", False) == (job["status"], is_alive(job["result"]))
    run(alone, TASKS + "leaves_grandchild", alone.path("daemon"))
    assert not is_alive(int(Path(alone.path("daemon")).read_text()))


def test_family_of_a_dead_worker_is_gone_before_its_job_has_ended(alone: EngineSite) -> None:
    """Also what made itself a session of its own, and what that started."""
    run(alone, TASKS + "dies_with_a_family", alone.path("family"))
    pid = int(Path(alone.path("family")).read_text())
    alone.wait_until(lambda: not is_alive(pid), "the grandchild to be gone", limit_s=2)


def test_copy_of_the_worker_does_not_answer_in_its_name(alone: EngineSite) -> None:
    job = run(alone, TASKS + "forks_and_returns")
    assert "COMPLETED" == job["status"]
    assert job["result"] > 0, "the parent's answer, not the child's"
    assert not is_alive(job["result"])
    assert 1 == run(alone, "returns", 1)["result"]


def test_open_transaction_is_rolled_back(running_on_both: EngineSite) -> None:
    for task in ("leaves_transaction", TASKS + "leaves_transaction_async"):
        name = f"left-{task[-8:]}"
        assert "COMPLETED" == run(running_on_both, task, name)["status"]
        assert not running_on_both.do(reads.queue_exists, name)
    told = [run(running_on_both, "sees")["result"]["in_transaction"] for _ in range(4)]
    assert [False] * 4 == told


def test_broken_connection_is_the_jobs_error_and_not_the_workers_death(running_on_both: EngineSite) -> None:
    lost = lost_workers(running_on_both)
    job = run(running_on_both, TASKS + "breaks_the_connection_async")
    assert "django.db.utils." in job["error"]["type"]
    assert "COMPLETED" == run(running_on_both, TASKS + "closes_the_connection_below")["status"]
    for _ in range(4):
        assert "COMPLETED" == run(running_on_both, TASKS + "reads_rows_async")["status"]
    assert lost == lost_workers(running_on_both)


def test_connections_of_threads_that_ended_are_closed(alone: EngineSite) -> None:
    counts = [run(alone, TASKS + "uses_database_in_threads")["result"] for _ in range(4)]
    assert counts[1] == counts[3]


def test_job_may_remove_the_folder_it_works_in(alone: EngineSite) -> None:
    before = run(alone, "sees")["result"]
    assert "COMPLETED" == run(alone, TASKS + "loses_its_folder", alone.path("gone"))["status"]
    assert before == run(alone, "sees")["result"]


def test_program_started_by_a_job_inherits_no_socket(alone: EngineSite) -> None:
    found = run(alone, TASKS + "child_inherits")["result"]
    assert [] == [one for one in found if re.match("socket|.*slots-|anon_inode|.*sqlite", one)]


def test_thread_left_behind_costs_the_worker_and_no_job(alone: EngineSite) -> None:
    """Jobs that were already in the worker's hands run in another one."""
    for job in alone.enqueue_many(TASKS + "leaves_thread_for", [([0.0], {})] * 100):
        alone.wait_for_job(job)  # Now it is known to be short: more are handed out at once.
    first = run(alone, "sees")["result"]
    calls = [([30.0], {})] + [([0.0], {})] * 20
    left = alone.enqueue_many(TASKS + "leaves_thread_for", calls)
    seen = alone.enqueue("sees")
    alone.wait_until_ended()
    assert ["MainThread", "pool-side"] == first["threads"] == alone.job(seen)["result"]["threads"]
    workers = [alone.job(job)["worker"] for job in left]
    assert workers[0] not in workers[1:]
    assert len(set(workers)) == 2
    assert {1} == {alone.job(job)["attempts"] for job in left}


def test_worker_without_memory_is_replaced(alone: EngineSite) -> None:
    first = run(alone, "returns", 1)
    job = run(alone, TASKS + "exhausts_memory", options={"max_attempts": 1})
    assert ("FAILED", "builtins.MemoryError") == (job["status"], job["error"]["type"])
    after = run(alone, "returns", 2)
    assert first["worker"] == job["worker"] != after["worker"]


# Before it is a job ---------------------------------------------------------------


def test_job_of_a_removed_task_waits_and_others_flow(running_on_both: EngineSite) -> None:
    site = running_on_both
    job = site.enqueue("returns", 1, options={"queue_name": "removed", "run_after": in_an_hour()})
    site.do(reads.rename_task, job, "tests.zoo.tasks.removed")
    site.do(reads.make_due, job)
    found = site.wait_until(lambda: error_of(site, job), "the job to be put off")
    assert ("SCHEDULED", 0) == (found["status"], found["attempts"])
    assert "No worker knows the task 'tests.zoo.tasks.removed'" in found["error"]["message"]
    assert "COMPLETED" == run(site, "returns", 2, options={"queue_name": "removed"})["status"]
    site.do(reads.rename_task, job, "tests.zoo.tasks.returns")
    site.do(reads.make_due, job)
    found = site.wait_for_job(job)
    assert ("COMPLETED", 1, 1, None) == (found["status"], found["result"], found["attempts"], found["error"])


@pytest.mark.parametrize(
    "absurd", [datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC), datetime(2027, 1, 1)]
)
def test_absurd_or_naive_run_after_is_refused(running: EngineSite, absurd: datetime) -> None:
    with pytest.raises(Exception, match="run_after"):
        running.enqueue("returns", 1, options={"run_after": absurd})


def test_arguments_too_deep_or_too_large_are_refused(running: EngineSite) -> None:
    deep: Any = []
    for _ in range(200):
        deep = [deep]
    with pytest.raises(InvalidPayload, match="too deep"):
        running.enqueue("returns", deep)
    with pytest.raises(InvalidPayload, match="too large"):
        running.enqueue("returns", "x" * 300_000)
    with pytest.raises(InvalidPayload, match="not JSON"):
        running.enqueue("returns", {1, 2})


def lost_workers(site: EngineSite) -> int:
    return len(site.events("worker.exited"))


def error_of(site: EngineSite, job: str) -> dict[str, Any] | None:
    found = site.job(job)
    return found if found["error"] else None


def in_an_hour() -> datetime:
    return datetime.now(UTC) + timedelta(hours=1)
