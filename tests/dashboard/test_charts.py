"""From snapshot rows to figures: nothing invented, nothing lost, and the colours of the pages."""

import json
import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from plotly.utils import PlotlyJSONEncoder

from dashboard import charts, history
from dashboard.history import RANGES, History, Step
from dashboard.palette import DARK, LIGHT, PALETTES
from dashboard.spans import EDGES_MS, heat_of
from pool.domain import histogram
from tests.dashboard.rows import a_second, a_span

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 22, 12, 0, 7, tzinfo=UTC)
STYLES = Path(__file__).resolve().parent.parent.parent / "static" / "dashboard"


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def made(*steps: Step, name: str = "15m") -> History:
    return History(RANGES[name], list(steps))


def a_step(end: float = 0.0, *, seconds: float = 5.0, **fields: Any) -> Step:
    return Step(end, seconds, **fields)


# History -----------------------------------------------------------------------


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


# Figures -----------------------------------------------------------------------


@pytest.mark.parametrize("name", RANGES)
@pytest.mark.parametrize("is_busy", [False, True], ids=["empty", "busy"])
def test_figures_are_json_without_a_box_or_a_logo(name: str, is_busy: bool) -> None:
    if is_busy:
        for back in range(200, 0, -1):
            a_second(ago(back), runs_us=(1000, 20_000))
    drawn = charts.figures(history.read(name, NOW, heat=True), [charts.Mark(ago(60), "Scaled from 2 to 4.")])
    assert set(drawn) == set(charts.TEMPLATES)
    text = json.dumps({key: figure.to_plotly_json() for key, figure in drawn.items()}, cls=PlotlyJSONEncoder)
    assert "NaN" not in text
    assert "plotly.com" not in text


def test_gap_is_a_gap() -> None:
    steps = [a_step(5), a_step(10, seconds=0.0), a_step(15)]
    steps[0].wait = steps[2].wait = {"p50": 1.0, "p95": 2.0, "p99": 3.0}
    figure = charts.latency(made(*steps))
    lines = {trace.name: list(trace.y) for trace in figure.data}
    assert lines["wait p95"] == [2.0, None, 2.0]
    # The filled space closes there: it knows no gaps of its own.
    assert (lines["wait base"][1], lines["wait band"][1]) == (1.0, 1.0)
    assert list(charts.flow(made(*steps)).data[0].y) == [0.0, None, 0.0]


def test_times_are_written_with_units() -> None:
    figure = charts.latency(made(a_step(wait={"p50": 0.25, "p95": 38.04, "p99": 1530.0})))
    words = {trace.name: trace.customdata[0] for trace in figure.data if "wait p" in trace.name}
    assert words == {"wait p50": "250 µs", "wait p95": "38 ms", "wait p99": "1.53 s"}
    assert set(figure.layout.yaxis.ticktext) <= set(charts.TIME_TICKS_MS.values())


def test_every_trace_has_its_look_in_both_themes() -> None:
    steps = [a_step(end, depths={"mail": 20.0, "images": 5.0}, deltas={"completed": 50}) for end in range(5, 40, 5)]
    drawn = charts.figures(made(*steps))
    for theme, looks in charts.templates().items():
        for name in ("flow", "latency"):
            assert len(looks[name]["data"]["scatter"]) == len(drawn[name].data), (theme, name)
        assert len(looks["backlog"]["data"]["scatter"]) >= len(drawn["backlog"].data)


def test_deepest_queues_stand_alone_and_the_others_together() -> None:
    depths = {f"q{number}": float(number) for number in range(20)}
    past = made(a_step(depths=depths))
    names = charts.queue_names(past)
    assert names == ["q19", "q18", "q17", "q16", "q15", charts.OTHERS]
    figure = charts.backlog(past)
    assert [trace.name for trace in figure.data] == names
    assert sum(trace.y[0] for trace in figure.data) == sum(depths.values())


def test_names_of_queues_are_no_markup() -> None:
    figure = charts.backlog(made(a_step(depths={'<a href="x">&': 1.0})))
    assert figure.data[0].name == '&lt;a href="x">&amp;'
    assert "<a" not in figure.data[0].hovertemplate


@pytest.mark.parametrize(
    ("submitted", "completed", "depth", "empty_in_s"),
    [(0, 50, 100.0, 10.0), (25, 50, 100.0, 20.0), (50, 50, 100.0, None), (80, 50, 100.0, None), (0, 50, 3.0, None)],
)
def test_forecast_goes_on_at_the_rates_of_now(submitted: int, completed: int, depth: float, empty_in_s: Any) -> None:
    deltas = {"submitted": submitted, "completed": completed}
    steps = [a_step(end, deltas=deltas, depths={"mail": depth}) for end in range(5, 90, 5)]
    coming = charts.forecast(made(*steps))
    assert (coming.empty_in_s if coming else None) == empty_in_s
    assert any(trace.name == "forecast" for trace in charts.backlog(made(*steps)).data) == (empty_in_s is not None)


def test_forecast_has_room_behind_the_newest_figures() -> None:
    steps = [a_step(end, deltas={"completed": 50}, depths={"mail": 100.0}) for end in range(5, 90, 5)]
    past = made(*steps)
    assert [charts.backlog(past).layout.xaxis.range[1], charts.flow(past).layout.xaxis.range[1]] == [95_000, 85_000]


def test_no_failures_are_no_line() -> None:
    steps = [a_step(end, deltas={"completed": 50, "failed": 5 if end == 20 else 0}) for end in range(5, 45, 5)]
    failures = charts.flow(made(*steps)).data[2]
    assert list(failures.y) == [None, None, 0.0, 1.0, 0.0, None, None, None]


@pytest.mark.parametrize(("us", "row"), [(0, 0), (499, 0), (500, 1), (1000, 2), (10_000_000_000, len(EDGES_MS))])
def test_heat_is_counted_between_its_edges(us: int, row: int) -> None:
    text = histogram.encode(histogram.count([us]))
    assert heat_of([text]) == {row: 1}
    assert heat_of([text, text]) == {row: 2}


def test_heatmap_says_how_many_took_how_long() -> None:
    figure = charts.heat(made(a_step(heat={2: 7}), a_step(5)))
    (trace,) = figure.data
    place = list(trace.y).index(2)
    assert (trace.text[place][0], trace.customdata[place][0]) == ("7", "1 ms to 2 ms")
    assert trace.z[place][1] is None


def test_what_people_are_called_is_no_markup() -> None:
    figure = charts.flow(made(a_step()), [charts.Mark(NOW, "<b>ada</b> asked for a restart of the workers.")])
    assert "&lt;b>ada" in figure.layout.annotations[0].hovertext


def test_marks_are_thin_and_told_on_hover() -> None:
    figure = charts.flow(made(a_step()), [charts.Mark(NOW, "Scaled from 2 to 4.")])
    assert figure.layout.shapes[0].x0 == NOW.timestamp() * 1000
    assert figure.layout.annotations[0].hovertext == "Scaled from 2 to 4."


def test_page_gets_figures_and_both_sets_of_colours(operator: Client) -> None:
    answer = operator.get("/dashboard/charts?range=1h").json()
    assert answer["range"] == "1h"
    assert set(answer["figures"]) == set(answer["templates"]["dark"]) == set(answer["templates"]["light"])
    assert operator.get("/dashboard/charts?range=x").json()["range"] == history.USUAL


# Colours -----------------------------------------------------------------------


def test_legends_have_the_colours_of_the_charts() -> None:
    styles = (STYLES / "dashboard.css").read_text()
    for name, light, dark in [
        ("arrivals", LIGHT.arrivals, DARK.arrivals),
        ("completions", LIGHT.completions, DARK.completions),
        ("failures", LIGHT.failures, DARK.failures),
        ("wait", LIGHT.wait[0], DARK.wait[0]),
        ("run", LIGHT.run[0], DARK.run[0]),
        *((f"queue-{place}", *pair) for place, pair in enumerate(zip(LIGHT.queues, DARK.queues, strict=True))),
    ]:
        assert f".k-{name} {{ --key: light-dark({light}, {dark}); }}" in styles


def brightness(colour: str) -> float:
    """The relative luminance of WCAG."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    high, low = sorted((brightness(one), brightness(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", PALETTES)
def test_texts_and_lines_of_charts_stand_out(theme: str) -> None:
    palette = PALETTES[theme]
    assert contrast(palette.text, palette.surface) >= 4.5
    assert contrast(palette.muted, palette.surface) >= 4.5
    for line in (palette.arrivals, palette.completions, palette.failures, palette.wait[0], palette.run[0]):
        assert contrast(line, palette.surface) >= 3


def test_words_of_states_stand_out_in_both_themes() -> None:
    styles = (STYLES / "theme.css").read_text()
    colours = dict(re.findall(r"--([\w-]+): light-dark\((#\w+, #\w+)\)", styles))
    for name in ("text", "muted", "accent", "green", "blue", "amber", "red", "slate"):
        for place in (0, 1):
            word, ground, raised = (colours[key].split(", ")[place] for key in (name, "ground", "raised"))
            assert min(contrast(word, ground), contrast(word, raised)) >= 4.5, name
