"""The wall clock jumps while jobs run and wait: nothing ends early, nothing waits longer, no figure goes below zero.

Limits, leases and pauses go by the monotonic clock. What waits for a point in time goes by the wall clock: the host's
on SQLite, the server's on PostgreSQL, so that a node whose own clock is wrong does no harm.
"""

import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.processes import Process
from tests.engine.engine_site import TASKS, EngineSite, worker_pids
from tests.faults.wall_clocks import COMPILER, WallClock

pytestmark = [pytest.mark.slow, pytest.mark.timeout(90)]

HOUR_S, DAY_S = 3600.0, 86_400.0
NEARLY_S = HOUR_S - 300.0
LIMIT_S = 10.0
"""Far below any jump."""

JUMPS = [pytest.param(-HOUR_S, id="an hour back"), pytest.param(DAY_S, id="a day forward")]


class Jumping:
    """A site with a node whose clock a test sets."""

    def __init__(self, site: EngineSite, wrong_s: float = 0.0) -> None:
        self.site = site
        self.clock = WallClock(site.folder / "wall")
        self.clock.jump(wrong_s)
        self.node = self._start()

    def _start(self) -> Process:
        if COMPILER is not None:
            return self.site.start_node(workers=3, **self.clock.variables)
        node = self.site.start_program([sys.executable, "-m", "tests.faults.wall_clocks", "3", str(self.clock.path)])
        self.site.wait_for_pids(node, 3)
        return node


@pytest.fixture
def jumping(site_on_both: EngineSite) -> Jumping:
    return Jumping(site_on_both)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def in_seconds(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


@pytest.mark.parametrize("jump_s", JUMPS)
def test_what_runs_goes_on_and_what_is_limited_ends_in_time(jumping: Jumping, jump_s: float) -> None:
    site = jumping.site
    gate, before = site.path("gate"), worker_pids(jumping.node)
    long = site.enqueue(TASKS + "notes_until", str(site.ledger), gate, options={"timeout": 60, "max_attempts": 1})
    limited = site.enqueue("sleeps", 60, options={"timeout": 1.5, "max_attempts": 1})
    for job in (long, limited):
        site.wait_for_status(job, "RUNNING")
    jumped = time.monotonic()
    jumping.clock.jump(jump_s)
    assert "TIMEOUT" == site.wait_for_job(limited)["status"]
    assert time.monotonic() - jumped < LIMIT_S
    assert "COMPLETED" == site.wait_for_job(site.enqueue("returns"), limit_s=LIMIT_S)["status"]
    assert "RUNNING" == site.job(long)["status"]
    Path(gate).touch()
    ended = site.wait_for_job(long)
    assert ("COMPLETED", 1, 1) == (ended["status"], ended["attempts"], ended["row"]["epoch"])
    assert at(ended["started_at"]) <= at(ended["finished_at"])
    assert before == worker_pids(jumping.node)
    assert ["begin", "end"] == [line.what for line in site.lines()]


@pytest.mark.parametrize("jump_s", JUMPS)
def test_no_pause_before_a_retry_is_lengthened(jumping: Jumping, jump_s: float) -> None:
    site = jumping.site
    job = site.enqueue("fails_until", site.path("runs"), 2, options={"backoff": 2.0})
    site.wait_for_status(job, "SCHEDULED")
    jumping.clock.jump(jump_s)
    assert "COMPLETED" == site.wait_for_job(job, limit_s=LIMIT_S)["status"]


@pytest.mark.parametrize("wrong_s", [-DAY_S, DAY_S])
def test_a_node_whose_clock_is_wrong_keeps_appointments_by_the_servers(on_postgres: EngineSite, wrong_s: float) -> None:
    site = on_postgres
    Jumping(site, wrong_s)
    tomorrow = site.enqueue("returns", options={"run_after": in_seconds(DAY_S / 2)})
    in_time = site.enqueue("returns", options={"expires_at": in_seconds(DAY_S / 2)})
    soon = site.enqueue("returns", options={"run_after": in_seconds(1.0)})
    late = site.enqueue("returns", options={"expires_at": in_seconds(-1.0)})
    begin = in_seconds(-60.0)
    for job in (in_time, soon):
        found = site.wait_for_job(job, limit_s=LIMIT_S)
        assert "COMPLETED" == found["status"]
        assert begin < at(found["started_at"]) <= at(found["finished_at"]) < in_seconds(1.0)
    assert "FAILED" == site.wait_for_job(late)["status"]
    assert "SCHEDULED" == site.job(tomorrow)["status"]
    (node,) = site.nodes()
    assert ("RUNNING", True) == (node["state"], begin < at(node["started_at"]) < in_seconds(1.0))
    site.wait_until(lambda: site.figures()["pool"]["size"] == 3, "figures that are of now")


# The clock of the whole host ------------------------------------------------------


@pytest.fixture
def host(tmp_path: Path) -> Iterator[tuple[EngineSite, WallClock]]:
    """A site on SQLite of which all processes, those that ask included, go by a clock that the test sets."""
    if COMPILER is None:
        pytest.skip("There is no C compiler.")
    clock = WallClock(tmp_path / "wall")
    with EngineSite(**clock.variables) as site:
        site.start_node(workers=2)
        yield site, clock


def below_zero(figures: Any, path: str = "") -> list[str]:
    """Where the figures hold a negative number."""
    if isinstance(figures, dict):
        return [place for name, value in figures.items() for place in below_zero(value, f"{path}.{name}")]
    if isinstance(figures, list):
        return [place for value in figures for place in below_zero(value, path)]
    return [path] if isinstance(figures, (int, float)) and figures < 0 else []


@pytest.mark.parametrize("jump_s", JUMPS)
def test_figures_go_on_after_a_jump_and_none_is_negative(host: tuple[EngineSite, WallClock], jump_s: float) -> None:
    site, clock = host
    long = site.enqueue("waits_for", site.path("gate"))
    site.wait_for_status(long, "RUNNING")
    site.wait_until(lambda: site.figures()["pool"]["size"] == 2, "figures")
    clock.jump(jump_s)
    before = site.figures()["pool"]["uptime"] or 0.0
    site.wait_until(lambda: (site.figures()["pool"]["uptime"] or 0.0) > before + 2.5, "figures of now", LIMIT_S)
    site.touch("gate")
    for job in [long, *(site.enqueue("returns") for _ in range(3))]:
        assert "COMPLETED" == site.wait_for_job(job)["status"]
        assert [] == below_zero(site.figures())
    assert [] == below_zero([site.job(long)["row"], site.workers(), site.nodes()])


def test_appointments_are_kept_by_the_clock_as_it_is_now(host: tuple[EngineSite, WallClock]) -> None:
    site, clock = host
    job = site.enqueue("returns", options={"run_after": in_seconds(HOUR_S)})
    clock.jump(NEARLY_S)
    assert "SCHEDULED" == site.job(job)["status"]
    clock.jump(HOUR_S + 1)
    found = site.wait_for_job(job, limit_s=LIMIT_S)
    assert ("COMPLETED", 1) == (found["status"], found["attempts"])
