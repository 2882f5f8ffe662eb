"""Nothing is lost and nothing recorded twice while random members of the real process tree are killed.

CHAOS_SECONDS says how long chaos rules on each database, CHAOS_SEED which one. A report is printed; the schedule of
every run is kept in CHAOS_DIR, or among temporary files.
"""

import os

import pytest

from tests.chaos.report import Report
from tests.chaos.restarts import restart_postgres
from tests.chaos.run import run_chaos

SECONDS = float(os.environ.get("CHAOS_SECONDS", "20"))
SEED = int(os.environ["CHAOS_SEED"]) if os.environ.get("CHAOS_SEED") else None
UNDER_SERVE = 0.35
"""Share of the time on SQLite that goes to a tree under `serve`."""

LIMIT_S = 240 + 3 * SECONDS

FEW_KILLS = 5

pytestmark = [pytest.mark.slow, pytest.mark.timeout(LIMIT_S)]


def check(report: Report, least: float) -> None:
    print(report)
    assert {} == report.violations, report.examples()
    assert report.jobs > 0
    assert report.kills > least, "the monkey slept"


def test_nothing_is_lost_on_sqlite() -> None:
    seconds = SECONDS * (1 - UNDER_SERVE)
    report = run_chaos("sqlite", seconds, SEED, measure=FEW_KILLS)
    check(report, seconds / 2)
    assert report.timings["node killed, last worker gone, max ms"] < 2000


def test_nothing_is_lost_on_sqlite_under_serve() -> None:
    seconds = SECONDS * UNDER_SERVE
    check(run_chaos("sqlite", seconds, SEED, serve=True), seconds / 4)


def test_nothing_is_lost_on_postgresql_with_two_nodes() -> None:
    check(run_chaos("postgresql", SECONDS, SEED, measure=FEW_KILLS), SECONDS / 2)


def test_claims_go_on_after_each_restart_of_postgresql() -> None:
    report = restart_postgres(times=2, pause_s=1.0, seed=SEED)
    check(report, -1)
    assert max(report.timings.values()) < 5.0
