"""The number of workers follows the load, in a real node: up for what waits, down to idle ones, and never against what
somebody has set by hand."""

import pytest

from tests.engine import reads
from tests.engine.engine_site import TASKS, EngineSite, worker_pids

pytestmark = [pytest.mark.slow, pytest.mark.timeout(90)]

FAST = {
    "POOL_AUTOSCALING": "1",
    "POOL_MIN_WORKERS": "1",
    "POOL_MAX_WORKERS": "5",
    "POOL_SCALE_EVERY_S": "0.5",
    "POOL_SCALE_UP_COOLDOWN_S": "0.5",
    "POOL_SCALE_DOWN_COOLDOWN_S": "1",
    "POOL_IDLE_TIMEOUT_S": "1",
}
LIMIT_S = 20.0


def hold_busy(site: EngineSite, number: int, name: str = "go", queue: str = "default") -> list[str]:
    """Enqueue jobs that run until the file is there."""
    call = ([str(site.ledger), site.path(name)], {})
    return site.enqueue_many(TASKS + "notes_until", [call] * number, {"queue_name": queue})


def scaling(site: EngineSite) -> dict[str, object]:
    return site.do(reads.pool_status)["pool"]["scaling"]  # type: ignore[no-any-return]


def steps(site: EngineSite) -> list[tuple[int, int]]:
    return [(event["data"]["from"], event["data"]["to"]) for event in site.events("pool.scaled")]


def test_more_come_for_what_waits_and_idle_ones_leave(site_on_both: EngineSite) -> None:
    site = site_on_both
    node = site.start_node(workers=1, **FAST)
    jobs = hold_busy(site, 8)
    site.wait_for_pids(node, 5, limit_s=LIMIT_S)
    site.wait_until(lambda: 5 == len(site.lines()), "five jobs to run at the same time")
    site.touch("go")
    site.wait_until_ended()
    site.wait_for_pids(node, 1, limit_s=LIMIT_S)
    assert {("COMPLETED", 1)} == {(found["status"], found["attempts"]) for found in map(site.wait_for_job, jobs)}
    assert [] == site.events("worker.exited"), "leaving is not dying"
    told = site.events("pool.scaled")
    assert all(event["data"]["why"] for event in told)
    assert steps(site)[0][0] < steps(site)[0][1]
    assert {"mode": "load", "held_s": None} == {name: scaling(site)[name] for name in ("mode", "held_s")}


def test_a_busy_worker_is_never_stopped(site: EngineSite) -> None:
    node = site.start_node(workers=1, **FAST)
    hold_busy(site, 5, "first")
    site.wait_for_pids(node, 5, limit_s=LIMIT_S)
    [long] = hold_busy(site, 1, "last")
    site.touch("first")
    site.wait_for_status(long, "RUNNING")
    site.wait_until(lambda: len(worker_pids(node)) < 3, "idle workers to leave", limit_s=LIMIT_S)
    assert "RUNNING" == site.job(long)["status"]
    site.touch("last")
    assert 1 == site.wait_for_job(long)["attempts"]


def test_a_size_set_by_hand_stays_until_it_is_released(site: EngineSite) -> None:
    node = site.start_node(workers=2, **FAST)
    site.do(reads.operate, "scale", 4)
    site.wait_for_pids(node, 4, limit_s=LIMIT_S)
    held = site.wait_until(lambda: scaling(site)["held_s"], "the hold to be told")
    assert 0 < held <= 600
    judged = "set by hand"
    site.wait_until(lambda: judged in str(scaling(site)["why"]), "the size to be judged, and left")
    assert 4 == len(worker_pids(node))
    assert 1 == site.do(reads.operate, "follow_load")
    site.wait_until(lambda: scaling(site)["mode"] == "load", "the hold to be over")
    assert judged not in str(scaling(site)["why"])
    site.wait_for_pids(node, 1, limit_s=LIMIT_S)
    assert 0 == site.do(reads.operate, "follow_load")


def test_what_waits_in_a_paused_queue_asks_for_nobody(site: EngineSite) -> None:
    node = site.start_node(workers=1, **FAST)
    site.do(reads.operate, "pause", "shut")
    hold_busy(site, 50, "never", queue="shut")
    hold_busy(site, 1)
    site.wait_until(lambda: [(1, 2)] == steps(site), "one more beside the one that is busy", limit_s=LIMIT_S)
    site.wait_until(lambda: "fits" in str(scaling(site)["why"]), "the load to fit", limit_s=LIMIT_S)
    assert 2 == len(worker_pids(node))
    site.touch("go")


def test_it_can_be_switched_off(site: EngineSite) -> None:
    node = site.start_node(workers=1, **FAST | {"POOL_AUTOSCALING": "0"})
    hold_busy(site, 3)
    site.wait_until(lambda: "off" == scaling(site)["mode"], "a report")
    assert 1 == len(worker_pids(node))
    site.touch("go")
    site.wait_until_ended()
    assert [] == steps(site)
