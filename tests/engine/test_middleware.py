"""Middleware: context managers of the project around every attempt, blocking and async."""

import pytest

from tests.engine.engine_site import TASKS, EngineSite

AROUND = "tests.engine.around."


@pytest.fixture(scope="module")
def surrounded() -> EngineSite:  # type: ignore[misc]
    with EngineSite(POOL_MIDDLEWARE=f"{AROUND}report,{AROUND}outer,{AROUND}inner") as site:
        site.start_node(workers=1)
        yield site


@pytest.mark.parametrize("task", ["returns", "returns_async"])
def test_each_attempt_runs_inside_all_of_them(surrounded: EngineSite, task: str) -> None:
    job = surrounded.enqueue(task, 7)
    assert 7 == surrounded.wait_for_job(job)["result"]
    told = f"outer in {task} 1 [7] {{}}\ninner in\ninner out\nouter out\n"
    assert told == surrounded.output(job)


@pytest.mark.parametrize("task", ["raises", "raises_async"])
def test_they_see_what_it_raises_and_a_broken_reporter_harms_nothing(surrounded: EngineSite, task: str) -> None:
    job = surrounded.enqueue(task, "broken", options={"max_attempts": 1})
    done = surrounded.wait_for_job(job)
    assert ("FAILED", "broken") == (done["status"], done["error"]["message"])
    output = surrounded.output(job)
    assert "outer saw broken\nouter out\nreported ValueError: broken\n" in output
    frames = done["error"]["traceback"]
    assert f"in {task}" in frames
    assert "around.py" not in frames, "what leads to the job is ours"


def assert_cancel_is_no_error_and_timeout_is(site: EngineSite, task: str, argument: object) -> None:
    late = site.enqueue(task, argument, options={"timeout": 0.2, "max_attempts": 1})
    assert "TIMEOUT" == site.wait_for_job(late)["status"]
    assert "reported JobTimeout" in site.output(late)
    job = site.enqueue(task, argument)
    site.wait_for_job(job, "RUNNING")
    site.pool("cancel", job)
    assert "CANCELLED" == site.wait_for_job(job)["status"]
    assert "reported" not in site.output(job)


@pytest.mark.parametrize(("task", "argument"), [("sleeps", 30), (f"{TASKS}waits_deep_down_async", "/nowhere")])
def test_a_cancel_is_no_error_and_a_timeout_is(surrounded: EngineSite, task: str, argument: object) -> None:
    assert_cancel_is_no_error_and_timeout_is(surrounded, task, argument)


def test_streams_of_an_io_worker_run_inside_them_as_well() -> None:
    with EngineSite(POOL_MIDDLEWARE=f"{AROUND}report,{AROUND}outer", POOL_WORKER_KINDS="io") as site:
        site.start_node(workers=1)
        jobs = [site.enqueue("returns_async", number) for number in range(3)]
        assert [0, 1, 2] == [site.wait_for_job(job)["result"] for job in jobs]
        assert f"outer in returns_async 1 [{2}] {{}}\nouter out\n" == site.output(jobs[2])
        assert_cancel_is_no_error_and_timeout_is(site, f"{TASKS}waits_deep_down_async", "/nowhere")


def test_one_that_raises_fails_the_attempt(site: EngineSite) -> None:
    site.start_node(workers=1, POOL_MIDDLEWARE=f"{AROUND}forbids")
    done = site.wait_for_job(site.enqueue("returns", 1, options={"max_attempts": 1}))
    assert ("FAILED", "builtins.PermissionError") == (done["status"], done["error"]["type"])


def test_one_that_is_not_there_is_told_before_a_worker_starts(site: EngineSite) -> None:
    node = site.start_node(workers=1, wait=False, POOL_MIDDLEWARE="tests.engine.around.nix")
    node.wait_until_said("POOL['middleware'] names 'tests.engine.around.nix', which cannot be imported")
