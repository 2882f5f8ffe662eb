"""Schedules with real nodes: their clerks fire each once, also when one is killed in the middle of it."""

import os
from collections import Counter
from collections.abc import Iterator

import pytest

from pool.failpoints import FOLDER, VARIABLE
from tests.acceptance.processes import Process, children, title
from tests.engine import schedule_rows
from tests.engine.engine_site import EngineSite

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

RETURNS = "tests.zoo.tasks.returns"
TODAY = "tests.unit.plain_functions.today"


@pytest.fixture(autouse=True)
def _no_schedules(request: pytest.FixtureRequest) -> Iterator[None]:
    site: EngineSite = request.getfixturevalue("site_on_both" if "site_on_both" in request.fixturenames else "site")
    yield
    site.do(schedule_rows.remove)


def clerk_of(node: Process) -> int | None:
    return next((pid for pid in children(node.pid) if title(pid).startswith("pool: clerk")), None)


def test_a_thousand_due_in_one_second_run_once_each_on_two_nodes(site_on_both: EngineSite) -> None:
    site = site_on_both
    for name in ("r1", "r2"):
        site.start_node(workers=1, POOL_RUN_DIR=site.path(name))
    site.do(schedule_rows.make_due, RETURNS, 1000, 1.0, 1.0)
    site.wait_until(lambda: site.do(schedule_rows.fired).total() >= 1000, "all to be fired")
    site.wait_until(lambda: not site.do(schedule_rows.unfinished), "all to be done")
    assert Counter(range(1000)) == site.do(schedule_rows.fired)


def test_clerk_that_is_killed_while_it_fires_is_replaced_and_all_run_once(site: EngineSite) -> None:
    points = site.path("points")
    os.mkdir(points)
    node = site.start_node(workers=1, **{VARIABLE: "before_enqueue_commit=file", FOLDER: points})
    first = site.wait_until(lambda: clerk_of(node), "a clerk")
    with open(f"{points}/before_enqueue_commit", "w") as file:
        file.write("kill9")
    site.do(schedule_rows.make_due, RETURNS, 300, -1.0, 0.5)
    site.wait_until(lambda: os.path.exists(f"{points}/before_enqueue_commit.fired"), "the clerk to come there")
    site.wait_until(lambda: site.do(schedule_rows.fired).total() >= 300, "all to be fired")
    assert first != clerk_of(node)
    assert Counter(range(300)) == site.do(schedule_rows.fired)


def test_function_that_the_settings_list_runs_and_no_other(site: EngineSite) -> None:
    site.do(schedule_rows.make, "os.getcwd")
    site.do(schedule_rows.make, TODAY)
    site.start_node(workers=1, POOL_SCHEDULE_FUNCTIONS=TODAY)
    site.wait_until(lambda: site.do(schedule_rows.results), "the function to run")
    site.wait_until(lambda: not site.do(schedule_rows.unfinished), "it to be done")
    assert [(TODAY, "COMPLETED", "2026-11-22")] == site.do(schedule_rows.results)
