"""From snapshot rows to series: nothing invented, nothing lost."""

from datetime import timedelta
from itertools import pairwise

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from dashboard import history
from dashboard.history import RANGES
from dashboard.spans import EDGES_MS, heat_of
from pool.domain import histogram
from tests.dashboard.rows import a_second, a_span
from tests.dashboard.steps import NOW, ago, made

pytestmark = pytest.mark.django_db


def test_past_of_a_pool_that_never_ran_is_unknown_and_not_zero() -> None:
    for name in RANGES:
        past = history.read(name, NOW)
        assert past.is_empty
        assert set(past.arrivals()) == set(past.completions()) == set(past.failing()) == {None}
        assert past.failing_now() is None


@pytest.mark.parametrize("name", RANGES)
def test_range_is_cut_into_equal_steps_up_to_now(name: str) -> None:
    past = history.read(name, NOW)
    ends = [step.end for step in past.steps]
    assert {round(later - end) for end, later in pairwise(ends)} == {past.range.step_s}
    assert len(ends) * past.range.step_s == past.range.length_s
    assert abs(ends[-1] - NOW.timestamp()) <= past.range.step_s


def test_unknown_range_is_the_usual_one() -> None:
    assert history.read("nonsense", NOW).range.name == history.USUAL


def test_seconds_add_up_to_rates() -> None:
    for back in range(6, 1, -1):
        a_second(ago(back), runs_us=(1000, 2000), deltas={"submitted": 4, "completed": 1, "failed": 1})
    (step,) = [step for step in history.read("15m", NOW).steps if step.is_known and step.seconds == 5]
    past = made(step)
    assert (past.arrivals(), past.completions(), past.failing()) == ([4.0], [2.0], [0.5])
    assert step.depth == 3
    assert step.gauges["total"] == 2


def test_short_range_goes_on_with_the_live_percentiles() -> None:
    a_second(ago(2.5), latency={"wait": {"p95": 12.5}, "run": {"p95": None}})
    known = [step for step in history.read("5m", NOW).steps if step.is_known]
    assert [step.wait["p95"] for step in known] == [12.5]
    assert known[0].run["p95"] is None


def test_seconds_of_two_nodes_are_one_pool() -> None:
    for node in ("a", "b"):
        a_second(ago(2.5), node, runs_us=(1000,) * 50 if node == "a" else (9000,) * 50)
    (step,) = [step for step in history.read("5m", NOW).steps if step.is_known]
    assert step.gauges["total"] == 4
    assert step.depth == 3
    assert made(step, name="5m").completions() == [100.0]
    assert step.run["p50"] == pytest.approx(1.0, rel=0.02)
    assert step.run["p99"] == pytest.approx(9.0, rel=0.02)


def test_long_range_is_made_of_minutes_and_of_the_seconds_since() -> None:
    for back in (300, 240, 180):
        a_span(ago(back + 7), 60, runs_us=(1000,) * 60)
    # What a minute holds already is not taken again.
    a_second(ago(190), runs_us=(5000,))
    a_second(ago(30), runs_us=(7000,) * 3)
    known = [step for step in history.read("1h", NOW).steps if step.is_known]
    assert [step.deltas["completed"] for step in known] == [60, 60, 60, 3]
    assert made(*known[:3], name="1h").completions() == [1.0, 1.0, 1.0]
    assert known[0].run["p99"] == pytest.approx(1.0, rel=0.02)
    assert known[0].depth == 5


def test_day_merges_minutes_into_true_percentiles() -> None:
    start = NOW.replace(minute=20, second=0, hour=10)
    for minute in range(1, 11):
        a_span(start + timedelta(minutes=minute), 60, runs_us=(1000,) * 9 + (100_000,))
    (step,) = [step for step in history.read("24h", NOW).steps if step.is_known]
    assert step.deltas["completed"] == 100
    assert step.run["p50"] == pytest.approx(1.0, rel=0.02)
    assert step.run["p95"] == pytest.approx(100, rel=0.02)


def test_minutes_of_several_nodes_keep_their_rate() -> None:
    a_span(NOW.replace(second=0), 60, runs_us=(1000,) * 60, seconds=120.0)
    (step,) = [step for step in history.read("1h", NOW).steps if step.is_known]
    assert made(step, name="1h").completions() == [1.0]
    assert step.gauges["total"] == 4


def test_steps_that_are_over_are_read_once() -> None:
    for back in range(60, 0, -1):
        a_second(ago(back), runs_us=(1000,))
    first = history.read("15m", NOW)
    with CaptureQueriesContext(connection) as queries:
        second = history.read("15m", NOW)
    assert [step.deltas for step in second.steps] == [step.deltas for step in first.steps]
    assert len(queries.captured_queries) == 1
    fresh = history.read("15m", NOW + timedelta(seconds=5))
    assert fresh.steps[-2].end == first.steps[-1].end
    assert len(fresh.steps) == len(first.steps)


def test_what_comes_late_is_still_taken() -> None:
    assert history.read("15m", NOW).is_empty
    a_second(ago(3), runs_us=(1000,))
    assert not history.read("15m", NOW).is_empty


def test_old_rows_without_the_whole_are_shown_without_times() -> None:
    row = a_span(NOW.replace(second=0), 60, runs_us=(1000,))
    del row.data["whole"]
    row.save()
    (step,) = [step for step in history.read("1h", NOW).steps if step.is_known]
    assert (step.deltas["completed"], step.run) == (1, {})


def test_lanes_show_the_last_minute_second_by_second() -> None:
    for back, state in ((50, "IDLE"), (3, "BUSY"), (1, "BUSY")):
        a_second(ago(back), lanes=[{"id": "w0", "state": state, "job": None, "rss": None, "cpu": None}])
    (lane,) = history.lanes(NOW)
    assert (lane.id, len(lane.states), lane.states.count("IDLE")) == ("w0", 60, 1)
    # A second that is missing between two others was a little longer than one.
    assert lane.states[-3:] == ["BUSY", "BUSY", "BUSY"]


@pytest.mark.parametrize(("us", "row"), [(0, 0), (499, 0), (500, 1), (1000, 2), (10_000_000_000, len(EDGES_MS))])
def test_heat_is_counted_between_its_edges(us: int, row: int) -> None:
    text = histogram.encode(histogram.count([us]))
    assert heat_of([text]) == {row: 1}
    assert heat_of([text, text]) == {row: 2}
