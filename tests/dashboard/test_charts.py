"""From series to figures: gaps stay gaps, names are no markup, and every trace has its look."""

import json
from typing import Any

import pytest
from django.test import Client
from plotly.utils import PlotlyJSONEncoder

from dashboard import charts, history
from dashboard.charts.backlog import backlog
from dashboard.charts.depths import OTHERS
from dashboard.charts.flow import flow
from dashboard.charts.heat import heat
from dashboard.charts.latency import latency
from dashboard.charts.themes import TEMPLATES
from dashboard.history import RANGES
from tests.dashboard.rows import a_second
from tests.dashboard.steps import NOW, a_step, ago, made

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("name", RANGES)
@pytest.mark.parametrize("is_busy", [False, True], ids=["empty", "busy"])
def test_figures_are_json_without_a_box_or_a_logo(name: str, is_busy: bool) -> None:
    if is_busy:
        for back in range(200, 0, -1):
            a_second(ago(back), runs_us=(1000, 20_000))
    drawn = charts.figures(history.read(name, NOW, heat=True), [charts.Mark(ago(60), "Scaled from 2 to 4.")])
    assert set(drawn) == set(TEMPLATES)
    text = json.dumps({key: figure.to_plotly_json() for key, figure in drawn.items()}, cls=PlotlyJSONEncoder)
    assert "NaN" not in text
    assert "plotly.com" not in text


def test_gap_is_a_gap() -> None:
    steps = [a_step(5), a_step(10, seconds=0.0), a_step(15)]
    steps[0].wait = steps[2].wait = {"p50": 1.0, "p95": 2.0, "p99": 3.0}
    figure = latency(made(*steps))
    lines = {trace.name: list(trace.y) for trace in figure.data}
    assert lines["wait p95"] == [2.0, None, 2.0]
    # The filled space closes there: it knows no gaps of its own.
    assert (lines["wait base"][1], lines["wait band"][1]) == (1.0, 1.0)
    assert list(flow(made(*steps)).data[0].y) == [0.0, None, 0.0]


def test_times_are_written_with_units() -> None:
    figure = latency(made(a_step(wait={"p50": 0.25, "p95": 38.04, "p99": 1530.0})))
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
    assert names == ["q19", "q18", "q17", "q16", "q15", OTHERS]
    figure = backlog(past)
    assert [trace.name for trace in figure.data] == names
    assert sum(trace.y[0] for trace in figure.data) == sum(depths.values())


def test_names_of_queues_are_no_markup() -> None:
    figure = backlog(made(a_step(depths={'<a href="x">&': 1.0})))
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
    assert any(trace.name == "forecast" for trace in backlog(made(*steps)).data) == (empty_in_s is not None)


def test_forecast_has_room_behind_the_newest_figures() -> None:
    steps = [a_step(end, deltas={"completed": 50}, depths={"mail": 100.0}) for end in range(5, 90, 5)]
    past = made(*steps)
    assert [backlog(past).layout.xaxis.range[1], flow(past).layout.xaxis.range[1]] == [95_000, 85_000]


def test_no_failures_are_no_line() -> None:
    steps = [a_step(end, deltas={"completed": 50, "failed": 5 if end == 20 else 0}) for end in range(5, 45, 5)]
    failures = flow(made(*steps)).data[2]
    assert list(failures.y) == [None, None, 0.0, 1.0, 0.0, None, None, None]


def test_heatmap_says_how_many_took_how_long() -> None:
    figure = heat(made(a_step(heat={2: 7}), a_step(5)))
    (trace,) = figure.data
    place = list(trace.y).index(2)
    assert (trace.text[place][0], trace.customdata[place][0]) == ("7", "1 ms to 2 ms")
    assert trace.z[place][1] is None


def test_what_people_are_called_is_no_markup() -> None:
    figure = flow(made(a_step()), [charts.Mark(NOW, "<b>ada</b> asked for a restart of the workers.")])
    assert "&lt;b>ada" in figure.layout.annotations[0].hovertext


def test_marks_are_thin_and_told_on_hover() -> None:
    figure = flow(made(a_step()), [charts.Mark(NOW, "Scaled from 2 to 4.")])
    assert figure.layout.shapes[0].x0 == NOW.timestamp() * 1000
    assert figure.layout.annotations[0].hovertext == "Scaled from 2 to 4."


def test_page_gets_figures_and_both_sets_of_colours(operator: Client) -> None:
    answer = operator.get("/dashboard/charts?range=1h").json()
    assert answer["range"] == "1h"
    assert set(answer["figures"]) == set(answer["templates"]["dark"]) == set(answer["templates"]["light"])
    assert operator.get("/dashboard/charts?range=x").json()["range"] == history.USUAL
