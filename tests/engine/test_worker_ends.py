"""How a worker ended is told: by its event, and by its last row, which pages and commands show."""

import signal
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from tests.engine import reads
from tests.engine.engine_site import kill
from tests.engine.listening.site import Listening

pytestmark = [pytest.mark.slow, pytest.mark.timeout(90)]

QUICK = {
    "POOL_AUTOSCALING": "0",
    "POOL_BEAT_S": "0.1",
    "POOL_UNHEALTHY_AFTER_S": "0.5",
    "POOL_REPLACE_AFTER_S": "1",
    "POOL_FLAG_GRACE_S": "0.1",
    "POOL_EXCEPTION_GRACE_S": "0.1",
    "POOL_TERM_GRACE_S": "0.1",
}
ONCE = {"max_attempts": 1}


@pytest.fixture(scope="module")
def site() -> Iterator[Listening]:
    with Listening("sqlite") as made:
        made.start_heard_node(**QUICK)
        yield made


class End(NamedTuple):
    data: dict[str, Any]
    """Of the event."""
    row: dict[str, Any]


def the_worker(site: Listening) -> dict[str, Any]:
    [worker] = site.wait_for_workers(1)
    return worker


def end_of(site: Listening, event: str, cause: Callable[[dict[str, Any]], object]) -> End:
    """Let a worker end, and wait until both have told of it."""
    worker = the_worker(site)
    cause(worker)
    heard = site.wait_until(lambda: _of(worker["id"], site.heard(event)), f"{event} of {worker['id']}")
    row = site.wait_until(lambda: _of(worker["id"], site.do(reads.ended_workers)), f"the last row of {worker['id']}")
    return End(heard["data"], row)


def _of(worker: str, found: list[dict[str, Any]]) -> dict[str, Any] | None:
    return next((one for one in found if worker == one.get("worker", one.get("id"))), None)


def test_a_worker_that_somebody_killed(site: Listening) -> None:
    end = end_of(site, "worker.exited", lambda worker: kill(worker["pid"]))
    assert {"how": "killed by SIGKILL", "code": None, "signal": 9, "jobs": [], "why": ""} == end.data
    assert ("killed by SIGKILL", "TERMINATED", False) == tuple(end.row[n] for n in ("end_reason", "state", "healthy"))
    [kept] = [one for one in site.events("worker.exited") if one["worker"] == end.row["id"]]
    assert end.data == kept["data"]


@pytest.mark.parametrize(("code", "why"), [(3, "exit code 3"), (0, "exit code 0 without a result")])
def test_a_worker_whose_job_left_the_process(site: Listening, code: int, why: str) -> None:
    jobs: list[str] = []
    end = end_of(site, "worker.exited", lambda _: jobs.append(site.enqueue("leaves_at_once", code, options=ONCE)))
    assert {"how": f"exit code {code}", "code": code, "signal": None, "jobs": jobs, "why": ""} == end.data
    assert why == end.row["end_reason"]
    assert why in site.wait_for_job(jobs[0])["error"]["message"]


def test_a_worker_that_fell_silent(site: Listening) -> None:
    end = end_of(site, "worker.exited", lambda worker: kill(worker["pid"], signal.SIGSTOP))
    assert end.row["end_reason"] == end.data["why"]
    assert end.row["end_reason"].startswith("no sign of life for ")
    (unhealthy,), (zombie,) = (
        [one["data"] for one in site.heard(name) if one["worker"] == end.row["id"]]
        for name in ("worker.unhealthy", "worker.zombie")
    )
    assert 0.5 <= unhealthy["silent_s"]
    assert 1.0 <= zombie["silent_s"]
    [kept] = site.events("worker.zombie")
    assert (zombie, end.row["id"]) == (kept["data"], kept["worker"])


def test_a_worker_whose_job_would_not_end(site: Listening) -> None:
    late = ONCE | {"timeout": 0.2}
    gently = end_of(
        site, "worker.exited", lambda _: site.enqueue("ignores_exceptions", site.path("never"), options=late)
    )
    assert "its job did not end when asked (killed by SIGTERM)" == gently.row["end_reason"]
    firmly = end_of(site, "worker.exited", lambda _: site.enqueue("ignores_sigterm", site.path("never"), options=late))
    assert "asked to end (timeout), it did not" == firmly.row["end_reason"] == firmly.data["why"]


def test_a_worker_that_cannot_vouch_for_itself(site: Listening) -> None:
    end = end_of(site, "worker.stopped", lambda _: site.enqueue("leaves_thread", site.path("gone")))
    [error] = [one["data"] for one in site.heard("worker.error") if one["worker"] == end.row["id"]]
    assert "thread" in error["reason"]
    assert error["reason"] == end.data["reason"] == end.row["end_reason"]
    assert 1 == end.row["jobs_completed"], "its last job counts"
    assert [] == [one for one in site.heard("worker.exited") if one["worker"] == end.row["id"]]


def test_a_worker_that_is_one_too_many(site: Listening) -> None:
    the_worker(site)
    before = len(site.events("pool.scaled"))
    site.pool("scale", "2")
    both = {worker["id"] for worker in site.wait_for_workers(2)}
    site.pool("scale", "1")
    [stays] = site.wait_for_workers(1)
    [gone] = both - {stays["id"]}
    row = site.wait_until(lambda: _of(gone, site.do(reads.ended_workers)), "its last row")
    assert "scaled down" == row["end_reason"]
    stopped = site.wait_until(lambda: _of(gone, site.heard("worker.stopped")), "its end to be heard")
    assert {"reason": "scaled down"} == stopped["data"]
    by_hand = {"why": "somebody asked for it"}
    told = [event["data"] for event in site.events("pool.scaled")[before:]]
    assert [{"from": 1, "to": 2} | by_hand, {"from": 2, "to": 1} | by_hand] == told


def test_what_a_worker_did_is_counted_from_nothing_on(site: Listening) -> None:
    end_of(site, "worker.exited", lambda worker: kill(worker["pid"]))
    fresh = the_worker(site)
    counts = ("jobs_completed", "jobs_failed", "failed_in_row")
    assert (0, 0, 0) == tuple(fresh[name] for name in counts)
    for task, counted in (("raises", (0, 1, 1)), ("raises", (0, 2, 2)), ("returns", (1, 2, 0)), ("raises", (1, 3, 1))):
        site.wait_for_job(site.enqueue(task, options=ONCE))
        site.wait_until(
            lambda counted=counted: counted == tuple(the_worker(site)[name] for name in counts), f"{counted} told"
        )
    assert fresh["id"] == the_worker(site)["id"]


def test_a_worker_whose_node_stops(site: Listening) -> None:
    [started] = site.heard("pool.started")
    assert {"size": 1, "preset": "default"} == started["data"]
    worker = the_worker(site)
    assert 0 == site.processes[0].stop()
    row = _of(worker["id"], site.do(reads.ended_workers))
    assert row is not None
    assert "node stopped" == row["end_reason"]
