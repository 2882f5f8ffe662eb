"""Where a running job is just now: asked for by whoever looks at it, answered by its worker."""

import pytest

from tests.engine import reads
from tests.engine.engine_site import TASKS, EngineSite
from tests.engine.kind_sites import kind_site


def look(site: EngineSite, task: str) -> tuple[str, str]:
    """Start a job that waits for a file of its own; its id, and where it is."""
    job = site.enqueue(TASKS + task, site.path(task))
    return job, site.wait_until(lambda: site.do(reads.look_at_stack, job), "the job's stack")


@pytest.mark.parametrize("task", ["waits_deep_down", "waits_deep_down_async", "blocks_deep_down_async"])
def test_the_frames_of_the_jobs_own_code_are_told_the_innermost_last(running_on_both: EngineSite, task: str) -> None:
    job, text = look(running_on_both, task)
    check(text, task)
    running_on_both.touch(task)
    running_on_both.wait_for_job(job)
    assert 1 == running_on_both.do(reads.stacks_kept, job)


def check(text: str, task: str) -> None:
    lines = [line for line in text.splitlines() if line.startswith("  File")]
    assert task in lines[0]
    assert any("_waits_in_here" in line for line in lines[1:])
    assert "pool/engine" not in text


def test_each_of_the_jobs_on_one_event_loop_is_told_apart() -> None:
    with kind_site("sqlite", "io") as site:
        site.start_node(workers=1)
        tasks = ["waits_deep_down_async", "waits_in_two_tasks", "blocks_deep_down_async"]
        jobs = {}
        for task in tasks:
            jobs[task] = site.enqueue(TASKS + task, site.path(task))
            site.wait_until(lambda task=task: "RUNNING" == site.job(jobs[task])["status"], "the job to run")
        for task, job in jobs.items():
            told = site.wait_until(lambda job=job: site.do(reads.look_at_stack, job), "the job's stack")
            assert task in told
            assert not [other for other in tasks if other != task and other in told]
        check(site.do(reads.look_at_stack, jobs[tasks[2]]), tasks[2])
        for task in tasks:
            site.touch(task)
        for job in jobs.values():
            site.wait_for_job(job)


def test_a_worker_that_cannot_answer_is_told_instead(running: EngineSite) -> None:
    job = running.enqueue(TASKS + "holds_the_interpreter", running.path("held"))
    running.wait_until(lambda: "RUNNING" == running.job(job)["status"], "the job to run")
    told = running.wait_until(lambda: running.do(reads.look_at_stack, job), "an answer")
    assert "does not answer" in told or "holds_the_interpreter" in told
    running.touch("held")
    running.wait_for_job(job)


def test_only_the_last_stack_is_kept(running: EngineSite) -> None:
    job, first = look(running, "waits_deep_down")
    assert first == running.do(reads.look_at_stack, job), "a fresh one is not asked for again"
    assert 1 == running.do(reads.stacks_kept, job)
    running.touch("waits_deep_down")
    running.wait_for_job(job)
