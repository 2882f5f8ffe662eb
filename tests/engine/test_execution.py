"""What a worker makes of a well-behaved job: its value, its context, its output, its errors."""

from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.site import ZOO
from tests.engine import reads
from tests.engine.engine_site import TASKS, EngineSite

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]

LIMIT_BYTES = 65_536
"""What is kept of an attempt's output when nobody says otherwise."""


def run(site: EngineSite, task: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
    return site.wait_for_job(site.enqueue(task, *args, **kwargs))


# Values ------------------------------------------------------------------------


@pytest.mark.parametrize("value", [None, 0, -1.5, True, "héllo ☃", [], {"a": [1, {"b": None}]}, 2**70, ""])
def test_return_value_is_the_result(running_on_both: EngineSite, value: Any) -> None:
    job = run(running_on_both, "returns", value)
    assert ("COMPLETED", value, None) == (job["status"], job["result"], job["error"])


def test_arguments_arrive_as_they_were_given(running_on_both: EngineSite) -> None:
    assert 5 == run(running_on_both, "adds", 2, b=3)["result"]


def test_job_knows_when_and_where_it_ran(running: EngineSite) -> None:
    job = run(running, "sleeps", 0.05)
    assert job["created_at"] <= job["started_at"] < job["finished_at"]
    assert (1, 0, 0, 1) == running.do(reads.spent)[job["id"]]
    assert job["worker"].startswith("w")
    assert job["node"] == running.nodes()[0]["id"]


def test_first_success_keeps_no_attempt_row(running: EngineSite) -> None:
    assert [] == running.attempts(run(running, "returns", 1)["id"])


def test_async_task_returns(running: EngineSite) -> None:
    assert {"a": 1} == run(running, "returns_async", {"a": 1})["result"]


def test_async_task_may_use_the_database(running_on_both: EngineSite) -> None:
    assert run(running_on_both, TASKS + "reads_rows_async")["result"] >= 1


def test_async_error_is_the_jobs_error(running: EngineSite) -> None:
    job = run(running, "raises_async", "broken", options={"max_attempts": 1})
    assert ("FAILED", "builtins.ValueError", "broken") == (job["status"], job["error"]["type"], job["error"]["message"])


@pytest.mark.parametrize("name", ["asks_engine", "asks_engine_async"])
def test_what_a_task_returned_is_mapped_to_a_result_or_an_error(running: EngineSite, name: str) -> None:
    assert ("COMPLETED", 7) == tuple(run(running, TASKS + name, "FINISHED")[key] for key in ("status", "result"))
    failed = run(running, TASKS + name, "ERROR")
    assert ("FAILED", "Graph execution failed") == (failed["status"], failed["error"]["message"])


# Context -----------------------------------------------------------------------


def test_context_knows_its_job(running: EngineSite) -> None:
    job = run(running, TASKS + "asks")
    told = job["result"]
    assert (job["id"], 1, False, False) == (told["job"], told["attempt"], told["cancelled"], told["draining"])
    assert (job["id"], "RUNNING", [], 1) == (told["result_id"], told["status"], told["args"], told["workers"])


def test_context_log_step_and_usage_are_kept(running_on_both: EngineSite) -> None:
    job = run(running_on_both, "tells", "a line")
    assert {"input_tokens": 3, "output_tokens": 4}.items() <= job["usage"].items()
    assert [("note", "step: second half\n"), ("note", "a line\n")] == split_notes(running_on_both, job["id"])


def test_progress_is_seen_while_the_job_runs(running_on_both: EngineSite) -> None:
    job = running_on_both.enqueue("progresses", running_on_both.path(f"go-{running_on_both.database}"))
    seen = running_on_both.wait_until(lambda: told_progress(running_on_both, job), "the progress to be seen")
    assert (0.25, "a quarter", "RUNNING") == (seen["progress"], seen["progress_message"], seen["status"])
    running_on_both.touch(f"go-{running_on_both.database}")
    assert 1.0 == running_on_both.wait_for_job(job)["progress"]


def test_output_is_seen_while_the_job_runs(running: EngineSite) -> None:
    job = running.enqueue(TASKS + "prints_then_waits", running.path("printed"))
    running.wait_until(lambda: "while it runs" in running.output(job), "the first line to be stored")
    running.touch("printed")
    running.wait_for_job(job)
    assert "while it runs\na note\nat its end\n" == running.output(job)


@pytest.mark.parametrize(("kind", "stored"), [("numbers", 3), ("decimal", 1.5)])
def test_usage_takes_any_kind_of_number(running_on_both: EngineSite, kind: str, stored: float) -> None:
    job = run(running_on_both, TASKS + "uses", kind)
    assert ("COMPLETED", {"tokens": stored}) == (job["status"], job["usage"])


@pytest.mark.parametrize("kind", ["nan", "text"])
def test_usage_that_is_no_number_is_the_tasks_error(running_on_both: EngineSite, kind: str) -> None:
    job = run(running_on_both, TASKS + "uses", kind, options={"max_attempts": 1})
    assert ("FAILED", "builtins.ValueError") == (job["status"], job["error"]["type"])
    assert "add_usage" in job["error"]["message"]


# Output ------------------------------------------------------------------------


def test_both_streams_are_kept_by_name(running: EngineSite) -> None:
    job = run(running, "prints", "to out", "to err")
    assert [("stdout", "to out\n"), ("stderr", "to err\n")] == running.do(reads.pieces, job["id"])


def test_log_lines_are_kept_with_level_and_logger(running: EngineSite) -> None:
    job = run(running, "logs", "look out")
    assert [("log", "WARNING zoo: look out\n")] == running.do(reads.pieces, job["id"])


def test_stdout_serves_libraries_that_write_bytes(running: EngineSite) -> None:
    job = run(running, TASKS + "uses_stdout_as_a_file")
    assert {"tty": False, "encoding": "utf-8"} == job["result"]
    assert "bytes\none\ntwo\n" == running.output(job["id"])


def test_output_below_python_is_kept(running: EngineSite) -> None:
    job = run(running, "writes_much_below", 0)
    assert "" == running.output(job["id"])
    job = run(running, TASKS + "says_what_cannot_be_stored")
    assert "below" in running.output(job["id"])


@pytest.mark.parametrize("task", ["prints_much", "writes_much_below"])
def test_ten_megabytes_of_output_are_cut(running: EngineSite, task: str) -> None:
    job = run(running, task, 10)
    kept = running.output(job["id"])
    assert "COMPLETED" == job["status"]
    assert LIMIT_BYTES <= len(kept) < LIMIT_BYTES + 200
    assert kept.endswith(f"the rest was cut: the job's output is longer than {LIMIT_BYTES} bytes.\n")


def test_output_that_no_database_takes_is_cleaned(running_on_both: EngineSite) -> None:
    job = run(running_on_both, TASKS + "says_what_cannot_be_stored")
    assert ("COMPLETED", "done") == (job["status"], job["result"])
    kept = running_on_both.do(reads.pieces, job["id"])
    assert {"stdout", "stderr", "log", "note"} == {stream for stream, _ in kept}
    assert not [text for _, text in kept if "\0" in text or "\ud800" in text]
    assert "\0" not in job["progress_message"]
    assert "COMPLETED" == run(running_on_both, "returns", 1)["status"], "the node still writes"


def test_output_of_one_job_is_never_the_nexts(running: EngineSite) -> None:
    jobs = running.enqueue_many("prints", [([f"line {number}"], {}) for number in range(40)])
    for number, job in enumerate(jobs):
        running.wait_for_job(job)
        assert f"line {number}\n" == running.output(job)


# Errors ------------------------------------------------------------------------


def test_error_has_type_message_and_the_tasks_own_traceback(running_on_both: EngineSite) -> None:
    job = run(running_on_both, "raises", "broken")
    error = job["error"]
    assert ("FAILED", "builtins.ValueError", "broken") == (job["status"], error["type"], error["message"])
    assert "raise ValueError(message)\nValueError: broken\n" in error["traceback"]
    assert "pool/engine" not in error["traceback"]
    [attempt] = running_on_both.attempts(job["id"])
    assert ("error", 1, error) == (attempt["outcome"], attempt["number"], attempt["error"])
    assert attempt["cpu_ms"] >= 0


def test_failed_job_is_tried_again_until_it_succeeds(running_on_both: EngineSite) -> None:
    path = running_on_both.path(f"runs-{running_on_both.database}")
    job = run(running_on_both, "fails_until", path, 3)
    assert ("COMPLETED", 3, 3, None) == (job["status"], job["result"], job["attempts"], job["error"])
    kept = running_on_both.attempts(job["id"])
    assert [(1, "error"), (2, "error"), (3, "succeeded")] == [(one["number"], one["outcome"]) for one in kept]


def test_budget_ends_the_tries(running: EngineSite) -> None:
    path = running.path("never")
    job = run(running, "fails_until", path, 99)
    assert ("FAILED", 3) == (job["status"], job["attempts"])
    assert 3 == len(Path(path).read_text().splitlines())


def test_deep_recursion_fails_with_a_short_traceback(running: EngineSite) -> None:
    job = run(running, "recurses")
    assert "builtins.RecursionError" == job["error"]["type"]
    assert len(job["error"]["traceback"]) < 5000


# Signals -----------------------------------------------------------------------


def test_djangos_signals_are_sent_in_the_worker(site: EngineSite) -> None:
    """A receiver of the project writes into the ledger what it was told."""
    site.start_node(workers=1, ZOO_LISTENS=str(site.ledger), wait=False)
    good, bad = site.enqueue("returns", 1), site.enqueue("raises", "broken")
    site.wait_until_ended()
    told = [(line.what, line.job) for line in site.lines()]
    assert [("started", good), ("finished-SUCCESSFUL", good), ("started", bad), ("finished-FAILED", bad)] == told


def test_task_that_is_not_installed_is_refused_at_once(running: EngineSite) -> None:
    from pool.domain.errors import UnknownTask

    with pytest.raises(UnknownTask, match="Did you mean"):
        running.enqueue(ZOO + "retruns", 1)


def split_notes(site: EngineSite, job: str) -> list[tuple[str, str]]:
    kept = site.do(reads.pieces, job)
    return [(stream, f"{line}\n") for stream, text in kept for line in text.splitlines()]


def told_progress(site: EngineSite, job: str) -> dict[str, Any] | None:
    found = site.job(job)
    return found if found["progress"] is not None else None
