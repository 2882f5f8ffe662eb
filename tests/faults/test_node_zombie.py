"""A node that slept through its lease: its jobs are somebody else's, and nothing that it says counts."""

import signal

import pytest

from pool.failpoints import FOLDER, VARIABLE
from tests.engine import reads
from tests.engine.engine_site import TASKS, EngineSite, is_alive, kill, worker_pids
from tests.faults import elsewhere

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]

LEASE = {"POOL_LEASE_S": "4"}
GONE_S = 2.0


def start_long(site: EngineSite) -> str:
    return site.enqueue(TASKS + "notes_until", str(site.ledger), site.path("go"))


def wait_for_begins(site: EngineSite, number: int) -> list[int]:
    """Pids in which it began."""

    def look() -> list[int] | None:
        pids = [line.pid for line in site.lines() if line.what == "begin"]
        return pids if len(pids) == number else None

    return site.wait_until(look, f"begin number {number}")  # type: ignore[no-any-return]


def test_node_of_another_host_that_wakes_too_late_changes_nothing(on_postgres: EngineSite) -> None:
    """Nobody could kill it: two attempts overlap, as they may across hosts, and one is recorded."""
    site = on_postgres
    zombie = site.start_node(workers=1, **LEASE)
    job = start_long(site)
    (first,) = wait_for_begins(site, 1)
    site.wait_for_status(job, "RUNNING")
    site.do(elsewhere.move_nodes)
    kill(zombie.pid, signal.SIGSTOP)
    living = site.start_node(workers=1, **LEASE)
    wait_for_begins(site, 2)
    assert is_alive(first)
    site.touch("go")
    found = site.wait_for_job(job)
    assert ("COMPLETED", 2, 2) == (found["status"], found["attempts"], found["result"])
    site.wait_until(lambda: 2 == sum(line.what == "end" for line in site.lines()), "both to have ended")
    kill(zombie.pid, signal.SIGCONT)
    assert 3 == zombie.wait(10)
    assert "node.disowned" in zombie.said()
    site.wait_until(lambda: not is_alive(first), "its worker to be gone", GONE_S)
    assert found == site.job(job)
    assert ["lost", "succeeded"] == [attempt["outcome"] for attempt in site.attempts(job)]
    assert 1 == site.do(reads.successes_per_job)
    assert site.recount().kept == site.recount().counted
    assert 0 == living.stop()


def test_late_result_is_fenced_when_the_node_does_not_know_yet_that_it_was_disowned(on_postgres: EngineSite) -> None:
    """It looks once a second whether it is still itself. Until then the database refuses what it writes."""
    site = on_postgres
    zombie = site.start_node(workers=1)
    job = start_long(site)
    (first,) = wait_for_begins(site, 1)
    site.wait_for_status(job, "RUNNING")
    site.do(elsewhere.claim_again, job)
    site.touch("go")
    site.wait_until(lambda: [line for line in site.lines() if line.what == "end"], "the job to end")
    site.wait_until(lambda: 1 == site.do(elsewhere.fenced), "its result to be refused")
    found = site.job(job)
    assert ("RUNNING", None, 2) == (found["status"], found["result"], found["row"]["epoch"])
    assert [] == site.attempts(job)
    assert first in worker_pids(zombie)


def test_node_that_stood_still_for_a_lease_asks_before_it_goes_on(on_postgres: EngineSite) -> None:
    """Nobody took its jobs, but it cannot know that: it ends its workers and leaves them to whoever comes next."""
    site = on_postgres
    points = site.folder / "points"
    points.mkdir()
    node = site.start_node(workers=1, **LEASE, **{VARIABLE: "on_turn=file", FOLDER: str(points)})
    job = start_long(site)
    (first,) = wait_for_begins(site, 1)
    (points / "new").write_text("sleep:3.2")
    (points / "new").rename(points / "on_turn")
    assert 3 == node.wait(10)
    assert "node.fenced" in node.said()
    site.wait_until_empty(GONE_S)
    assert not is_alive(first)
    site.start_node(workers=1, **LEASE)
    wait_for_begins(site, 2)
    site.touch("go")
    assert ("COMPLETED", 2) == tuple(site.wait_for_job(job)[key] for key in ("status", "attempts"))
