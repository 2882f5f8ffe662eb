"""Alerts and health in a running pool: opened by the clerk, told by webhook, and a check by hand."""

import os
import signal

import pytest

from tests.engine import reads
from tests.engine.engine_site import EngineSite, worker_pids
from tests.engine.receivers import receiver


@pytest.mark.slow
def test_the_clerk_of_a_node_opens_alerts_and_somebody_is_told(site: EngineSite) -> None:
    with receiver() as hook:
        secret = {"POOL_ALERT_WEBHOOK": hook.url, "POOL_ALERT_WEBHOOK_HEADER": "X-Secret: s3cr3t"}
        node = site.start_node(workers=1, POOL_DEAD_LETTERS_ALERT="1", POOL_LOG_LEVEL="DEBUG", **secret)
        site.wait_for_job(site.enqueue("raises", "no", options={"max_attempts": 1}))
        site.wait_until(lambda: site.events("alert.opened"), "the alert to open", limit_s=30)
        (alert,) = site.figures()["health"]["alerts"]
        assert ("dead_letters", "warning", False) == (alert["name"], alert["level"], alert["muted"])
        site.wait_until(lambda: hook.got, "the webhook to be told", limit_s=30)
        assert [("opened", "dead_letters")] == hook.states
        assert "s3cr3t" == hook.headers[0]["X-Secret"]
        assert "s3cr3t" not in node.said()
        assert hook.url not in node.said()


def test_a_check_hears_the_workers_that_live_and_names_those_that_do_not(running_on_both: EngineSite) -> None:
    site = running_on_both
    site.wait_until(lambda: 2 == sum(worker["pid"] > 0 for worker in site.workers()), "the rows of both workers")
    health = site.do(reads.check_health, 10.0)
    assert (2, []) == (health["checked"], health["silent"])
    assert {"total": 2, "healthy": 2, "unhealthy": 0} == health["workers"]
    pid = worker_pids(site.processes[0])[0]
    frozen = next(worker["id"] for worker in site.workers() if worker["pid"] == pid)
    os.kill(pid, signal.SIGSTOP)
    try:
        health = site.do(reads.check_health, 5.0)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert [frozen] == health["silent"]
    assert 2 == len(site.events("pool.checked"))


def test_without_health_checks_a_silent_worker_is_left_alone(site: EngineSite) -> None:
    limits = {"POOL_BEAT_S": "0.1", "POOL_UNHEALTHY_AFTER_S": "0.3", "POOL_REPLACE_AFTER_S": "0.4"}
    node = site.start_node(workers=2, POOL_HEALTH_CHECKS="0", **limits)
    frozen, other = worker_pids(node)

    def beat() -> str | None:
        return next((worker["last_beat"] for worker in site.workers() if worker["pid"] == other), None)

    os.kill(frozen, signal.SIGSTOP)
    try:
        # The other one is asked at the same pace: that is longer than it would have lived in silence.
        for _ in range(2):
            before = site.wait_until(beat, "a worker's row")
            site.wait_until(lambda before=before: beat() != before, "another beat")
        assert [frozen, other] == worker_pids(node)
        assert [] == site.events("worker.zombie")
    finally:
        os.kill(frozen, signal.SIGCONT)


def test_a_worker_short_of_memory_is_told_of_and_goes_after_its_job_when_it_takes_more(site: EngineSite) -> None:
    node = site.start_node(workers=1, POOL_WORKER_MAX_RSS_MB="40", POOL_WORKER_MIN_AGE_S="0")
    (pid,) = worker_pids(node)
    (before,) = measured(site)
    job = site.enqueue("tests.engine.tasks.keeps", 37, site.path("go"))
    site.wait_until(lambda: site.events("worker.memory_pressure"), "the pressure to be seen")
    site.touch("go")
    site.wait_for_job(job)
    assert [pid] == worker_pids(node), "it is below the limit"
    job = site.enqueue("tests.engine.tasks.keeps", 10, site.path("on"))
    site.wait_until(lambda: any(rss > before + 42 * 2**20 for rss in measured(site)), "it to be above")
    assert pid in worker_pids(node), "its job goes on, beside its replacement or before there is one"
    site.touch("on")
    assert 2 == site.wait_for_job(job)["result"]
    site.wait_until(lambda: worker_pids(node) not in ([pid], []), "another worker")
    assert [] == site.events("worker.exited"), "it was let go"


def test_garbage_is_freed_before_the_limit_is_reached(site: EngineSite) -> None:
    node = site.start_node(workers=1, POOL_WORKER_MAX_RSS_MB="60", POOL_WORKER_MIN_AGE_S="0")
    (pid,) = worker_pids(node)
    (before,) = measured(site)
    job = site.enqueue("tests.engine.tasks.litters", 56, site.path("go"))
    (event,) = site.wait_until(lambda: site.events("worker.memory_pressure"), "the pressure to be seen")
    pressed = before + event["data"]["rss"]  # the event tells what the worker took since it was ready
    site.wait_until(lambda: all(rss < pressed - 32 * 2**20 for rss in measured(site)), "it to be freed")
    site.touch("go")
    site.wait_for_job(job)
    assert [pid] == worker_pids(node)


def measured(site: EngineSite) -> list[int]:
    """The memory of each worker in bytes, what it shares with its nursery included."""
    return site.wait_until(lambda: [worker["rss"] for worker in site.workers() if worker["rss"]], "a measurement")
