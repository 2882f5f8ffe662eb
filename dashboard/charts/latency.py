"""The chart of how long jobs waited and ran, one above the other."""

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dashboard.charts.axes import LOWEST_MS, logarithmic
from dashboard.charts.frame import Mark, frame
from dashboard.charts.series import Values, times_of
from dashboard.history import History
from dashboard.spans import Percentiles
from pool.domain.wording import milliseconds

PERCENTILES = ("p50", "p95", "p99")


def latency(history: History, marks: Sequence[Mark] = ()) -> go.Figure:
    """How long jobs waited and ran: half, 95 and 99 of a hundred were faster than the line."""
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.18)
    for row, measure in ((1, "wait"), (2, "run")):
        for trace in _spread(measure, times_of(history), [getattr(step, measure) for step in history.steps]):
            figure.add_trace(trace, row=row, col=1)
    layout = frame(history, marks)
    layout["annotations"] += [_name_of_part("wait", 1.0), _name_of_part("run", 0.41)]
    figure.update_layout(layout | {"xaxis2": layout["xaxis"]})
    for name, measure in (("yaxis", "wait"), ("yaxis2", "run")):
        values = [getattr(step, measure).get(point) for step in history.steps for point in PERCENTILES]
        figure.update_layout({name: logarithmic(values)})
    return figure


def _name_of_part(name: str, top: float) -> dict[str, Any]:
    place = {"x": 0, "xref": "paper", "xanchor": "left", "y": top, "yref": "paper", "yanchor": "top"}
    return {"text": name, "showarrow": False, **place}


def _spread(measure: str, times: Sequence[float], steps: Sequence[Percentiles]) -> list[go.Scatter]:
    """The lines of one measure, over the space between the lowest and the highest of them."""
    low, high = _without_gaps([step.get("p50") for step in steps], [step.get("p99") for step in steps])
    hidden = {"mode": "lines", "hoverinfo": "skip", "x": times, "customdata": [""] * len(times)}
    traces = [
        go.Scatter(name=f"{measure} base", y=low, meta={"of": measure, "band": "p50"}, **hidden),
        go.Scatter(name=f"{measure} band", y=high, meta={"of": measure, "band": "p99"}, fill="tonexty", **hidden),
    ]
    return traces + [_duration(measure, point, times, [step.get(point) for step in steps]) for point in PERCENTILES]


def _without_gaps(low: Values, high: Values) -> tuple[list[float], list[float]]:
    """Edges of a filled space, which closes where nothing is known: a fill of Plotly's knows no gaps."""
    known = next((value for value in low if value is not None), 1.0)
    lows, highs = [], []
    for bottom, top in zip(low, high, strict=True):
        is_known = bottom is not None and top is not None
        known = bottom if is_known and bottom is not None else known
        lows.append(max(known, LOWEST_MS))
        highs.append(max(top if is_known and top is not None else known, LOWEST_MS))
    return lows, highs


def _duration(measure: str, point: str, times: Sequence[float], values: Values) -> go.Scatter:
    return go.Scatter(
        name=f"{measure} {point}",
        x=times,
        y=[None if value is None else max(value, LOWEST_MS) for value in values],
        customdata=[milliseconds(value) for value in values],
        meta={"of": measure, "point": point},
        mode="lines",
        hovertemplate=f"%{{customdata}}<extra>{measure} {point}</extra>",
    )
