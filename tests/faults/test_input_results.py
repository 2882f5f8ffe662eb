"""Whatever a task returns or raises: its job ends, with a sentence that both databases take, and its worker lives."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.engine import leaks
from tests.engine.engine_site import EngineSite, worker_pids
from tests.faults.input_tasks import ERRORS, RESULTS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]

MODULE = "tests.faults.input_tasks"
MOST_BYTES = 16_384


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def both(request: pytest.FixtureRequest) -> Iterator[EngineSite]:
    with EngineSite(request.param, POOL_TASK_MODULES=f"tests.engine.tasks,{MODULE}") as site:
        site.start_node(workers=2)
        leaks.settle(site)
        yield site


def ended(site: EngineSite, task: str, kind: str) -> dict[str, Any]:
    """The job's end; the workers are those of before, and go on working."""
    before = worker_pids(site.processes[0])
    job = site.wait_for_job(site.enqueue(f"{MODULE}.{task}", kind, options={"timeout": 30}))
    assert "COMPLETED" == site.wait_for_job(site.enqueue("returns"))["status"]
    assert before == worker_pids(site.processes[0])
    return job


@pytest.mark.parametrize("kind", RESULTS)
def test_result_that_cannot_be_stored_is_an_error_and_is_not_tried_again(both: EngineSite, kind: str) -> None:
    job = ended(both, "returns_what_cannot_be_stored", kind)
    assert ("FAILED", 1, None) == (job["status"], job["attempts"], job["result"])
    assert "pool.domain.errors.InvalidPayload" == job["error"]["type"]
    assert job["error"]["message"]
    assert "unserialisable" == both.attempts(job["id"])[0]["outcome"]


@pytest.mark.parametrize("kind", ERRORS)
def test_error_that_cannot_be_stored_ends_after_its_budget_as_a_dead_letter(both: EngineSite, kind: str) -> None:
    job = ended(both, "raises_what_cannot_be_stored", kind)
    error = job["error"]
    assert ("FAILED", 2) == (job["status"], job["attempts"])
    assert all(len(error[part].encode()) <= MOST_BYTES for part in ("type", "message", "traceback"))
    assert error["type"].startswith(("builtins.", "a.module.that.does.not.exist.", f"{MODULE}."))
    assert not set("\0\ud800") & set("".join(error.values()))
    assert ["error", "error"] == [attempt["outcome"] for attempt in both.attempts(job["id"])]
    if kind in ("fifty megabytes", "long chain"):
        assert (error["message"] + error["traceback"]).endswith("…[cut]")
