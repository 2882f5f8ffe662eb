"""The charts of the overview as Plotly figures: pure, from a history and the events in its time.

Figures hold data and layout; colours and fonts come with a template for each theme, which the page picks and may change
without a new figure. Times are milliseconds since 1970: the browser writes them in its own zone. Called in the web
process by the view that answers with their JSON.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dashboard.history import History
from dashboard.palette import PALETTES, Palette, faded
from dashboard.spans import EDGES_MS, Percentiles
from pool.domain.wording import milliseconds, number

PERCENTILES = ("p50", "p95", "p99")
MOST_QUEUES = 5
OTHERS = "others"
MOST_TICKS = 4
MARKS: dict[str, str] = {
    "pool.scaled": "Scaled",
    "node.started": "Node started",
    "node.lost": "Node lost",
    "pool.restart_requested": "Restart",
}
"""Events that explain a bend in a line."""

TIME_TICKS_MS = {
    0.1: "100 µs", 1: "1 ms", 10: "10 ms", 100: "100 ms", 1000: "1 s", 10_000: "10 s", 60_000: "1 min",
    600_000: "10 min", 3_600_000: "1 h", 36_000_000: "10 h",
}  # fmt: skip
FONT = "Inter, system-ui, sans-serif"
DAY_S = 86_400
GREY = "#868d9b"
"""Can be seen on light and on dark."""
AHEAD = 0.15
"""Part of a range that a forecast may take."""
LOWEST_MS = 0.05
"""What a logarithmic axis takes for nothing."""

Values = Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment to point out."""

    at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class Forecast:
    """When the waiting jobs will be done, if it goes on like this."""

    depth: float
    empty_in_s: float


def figures(history: History, marks: Iterable[Mark] = ()) -> dict[str, go.Figure]:
    """Draw all charts of a range."""
    noted = list(marks)
    return {
        "flow": flow(history, noted),
        "latency": latency(history, noted),
        "heat": heat(history),
        "backlog": backlog(history, noted),
    }


def templates() -> dict[str, dict[str, Any]]:
    """Give the colours of each chart in each theme."""
    return {
        theme: {chart: make(palette).to_plotly_json() for chart, make in TEMPLATES.items()}
        for theme, palette in PALETTES.items()
    }


def flow(history: History, marks: Sequence[Mark] = ()) -> go.Figure:
    """Arrivals against completions, and how many of those failed."""
    times = _times(history)
    bad = [step.bad / step.seconds if step.is_known else None for step in history.steps]
    traces = [
        _line("arrivals", times, history.arrivals(), "/s"),
        _line("completions", times, history.completions(), "/s", fill="tozeroy"),
        _line("failures", times, _where_some(bad), "/s"),
    ]
    axis = _linear(history.arrivals(), history.completions()) | {"ticksuffix": " /s"}
    return _figure(history, traces, marks, yaxis=axis)


def _where_some(values: Values) -> Values:
    """Leave out stretches of zeros: a red line along the axis would look like trouble."""
    around = [0.0, *values, 0.0]
    return [value if any(around[place : place + 3]) else None for place, value in enumerate(values)]


def latency(history: History, marks: Sequence[Mark] = ()) -> go.Figure:
    """How long jobs waited and ran: half, 95 and 99 of a hundred were faster than the line."""
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.18)
    for row, measure in ((1, "wait"), (2, "run")):
        for trace in _spread(measure, _times(history), [getattr(step, measure) for step in history.steps]):
            figure.add_trace(trace, row=row, col=1)
    layout = _layout(history, marks)
    layout["annotations"] += [_name_of_part("wait", 1.0), _name_of_part("run", 0.41)]
    figure.update_layout(layout | {"xaxis2": layout["xaxis"]})
    for name, measure in (("yaxis", "wait"), ("yaxis2", "run")):
        values = [getattr(step, measure).get(point) for step in history.steps for point in PERCENTILES]
        figure.update_layout({name: _logarithmic(values)})
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


def heat(history: History) -> go.Figure:
    """How long jobs took in all, from due to done: each column a step, the stronger the more jobs."""
    seen = sorted({row for step in history.steps for row in step.heat})
    rows = list(range(max(seen[0] - 1, 0), min(seen[-1] + 2, len(EDGES_MS) + 1))) if seen else list(range(2, 12))
    counts = [[step.heat.get(row) for step in history.steps] for row in rows]
    trace = go.Heatmap(
        name="jobs",
        x=[at - history.range.step_s * 500 for at in _times(history)],
        y=rows,
        z=[[None if count is None else math.log10(1 + count) for count in line] for line in counts],
        text=[["" if count is None else number(count) for count in line] for line in counts],
        customdata=[[_row_words(row)] * len(history.steps) for row in rows],
        hovertemplate="%{text} jobs took %{customdata}<extra></extra>",
        hoverongaps=False,
        showscale=False,
        ygap=1,
    )
    edges = [row for row in rows[1:] if row % 3 == 1]
    ticks = {"tickvals": [row - 0.5 for row in edges], "ticktext": [milliseconds(EDGES_MS[row - 1]) for row in edges]}
    figure = _figure(history, [trace], (), yaxis={"range": [rows[0] - 0.5, rows[-1] + 0.5], **ticks})
    figure.update_layout(hovermode="closest")
    return figure


def backlog(history: History, marks: Sequence[Mark] = ()) -> go.Figure:
    """Jobs that might start, by queue, and where that leads."""
    times, names = _times(history), _deepest(history)
    traces = [_area(name, times, values) for name, values in _depths(history, names)]
    coming = forecast(history)
    if coming is not None and coming.empty_in_s <= history.range.length_s:
        start = times[-1]
        ends = [start, start + coming.empty_in_s * 1000]
        line = go.Scatter(
            name="forecast", x=ends, y=[coming.depth, 0], mode="lines",
            line={"dash": "dot", "width": 1.5, "color": GREY},
            hovertemplate="empty in about " + milliseconds(coming.empty_in_s * 1000) + "<extra></extra>",
        )  # fmt: skip
        traces.append(line)
    figure = _figure(history, traces, marks, yaxis=_linear([step.depth for step in history.steps]))
    if len(traces) > len(names):
        # What comes is seen, too.
        ahead = min(coming.empty_in_s if coming else 0.0, history.range.length_s * AHEAD) * 1000
        figure.layout.xaxis.range = [figure.layout.xaxis.range[0], times[-1] + ahead]
    return figure


def forecast(history: History) -> Forecast | None:
    """Tell when the queues will be empty at the rates of the last steps; None when they are, or grow."""
    recent = [step for step in history.steps[-max(60 // history.range.step_s, 3) :] if step.is_known]
    if not recent or not (depth := recent[-1].depth):
        return None
    seconds = sum(step.seconds for step in recent)
    gone = sum(step.finished - step.deltas.get("submitted", 0) for step in recent) / seconds
    return Forecast(depth, depth / gone) if gone > 0 and depth >= 10 else None


def queue_names(history: History) -> list[str]:
    """Name the queues in the order of the backlog's traces."""
    return _deepest(history)


def _deepest(history: History) -> list[str]:
    sums: dict[str, float] = {}
    for step in history.steps:
        for queue, depth in step.depths.items():
            sums[queue] = sums.get(queue, 0.0) + depth
    ranked = sorted(sums, key=lambda queue: (-sums[queue], queue))
    return ranked if len(ranked) <= MOST_QUEUES + 1 else [*ranked[:MOST_QUEUES], OTHERS]


def _depths(history: History, names: Sequence[str]) -> list[tuple[str, Values]]:
    found: list[tuple[str, Values]] = []
    for name in names:
        if name == OTHERS and not any(OTHERS in step.depths for step in history.steps):
            values = [_others(step.depths, names) if step.is_known else None for step in history.steps]
        else:
            values = [step.depths.get(name, 0.0) if step.is_known else None for step in history.steps]
        found.append((name, values))
    return found


def _others(depths: dict[str, float], names: Sequence[str]) -> float:
    return sum(depth for queue, depth in depths.items() if queue not in names)


def _figure(history: History, traces: Sequence[Any], marks: Sequence[Mark], **axes: Any) -> go.Figure:
    return go.Figure(list(traces), _layout(history, marks) | axes)


def _layout(history: History, marks: Sequence[Mark]) -> dict[str, Any]:
    times = _times(history)
    is_long = history.range.length_s > DAY_S
    axis = {
        "type": "date",
        # Not from the data: where nothing was measured, nothing is drawn, and the gap is seen.
        "range": [times[-1] - history.range.length_s * 1000, times[-1]],
        "tickformat": "%a %-d" if is_long else "%H:%M",
        "hoverformat": "%a %-d %H:%M" if is_long else "%H:%M:%S",
    }
    return {
        "template": {},
        "uirevision": history.range.name,
        "xaxis": axis,
        "shapes": [_mark_line(mark) for mark in marks],
        "annotations": [_mark_sign(mark) for mark in marks],
    }


def _mark_line(mark: Mark) -> dict[str, Any]:
    at = mark.at.timestamp() * 1000
    return {
        "type": "line",
        "x0": at,
        "x1": at,
        "y0": 0,
        "y1": 1,
        "yref": "paper",
        "layer": "below",
        "line": {"width": 1},
    }


def _mark_sign(mark: Mark) -> dict[str, Any]:
    at = mark.at.timestamp() * 1000
    return {
        "x": at,
        "y": 1,
        "yref": "paper",
        "text": "▾",
        "hovertext": _safe(mark.text),
        "showarrow": False,
        "yanchor": "bottom",
    }


def _times(history: History) -> list[float]:
    return [step.end * 1000 for step in history.steps]


def _line(name: str, times: Sequence[float], values: Values, unit: str, **more: Any) -> go.Scatter:
    hover = f"%{{y:,.3~r}} {unit}<extra>{name}</extra>"
    rounded = [None if value is None else round(value, 3) for value in values]
    return go.Scatter(name=name, x=times, y=rounded, mode="lines", hovertemplate=hover, **more)


def _area(name: str, times: Sequence[float], values: Values) -> go.Scatter:
    # The group's name must not come from users: it is a key of Plotly's.
    return _line(_safe(name), times, values, "waiting", stackgroup="queues")


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


def _linear(*many: Values) -> dict[str, Any]:
    highest = max((value for values in many for value in values if value is not None), default=0.0)
    return {"rangemode": "tozero", "range": [0, max(highest * 1.15, 1.0)]}


def _logarithmic(values: Values) -> dict[str, Any]:
    known = [max(value, LOWEST_MS) for value in values if value is not None]
    low = math.floor(math.log10(min(known, default=1.0)))
    high = max(math.ceil(math.log10(max(known, default=100.0))), low + 1)
    ticks = [value for value in TIME_TICKS_MS if low <= math.log10(value) <= high]
    # Few enough that they do not touch.
    ticks = ticks[:: -(-len(ticks) // MOST_TICKS)]
    return {
        "type": "log", "range": [low, high], "tickvals": ticks, "ticktext": [TIME_TICKS_MS[value] for value in ticks],
    }  # fmt: skip


def _row_words(row: int) -> str:
    if row == 0:
        return f"less than {milliseconds(EDGES_MS[0])}"
    if row == len(EDGES_MS):
        return f"{milliseconds(EDGES_MS[-1])} or longer"
    return f"{milliseconds(EDGES_MS[row - 1])} to {milliseconds(EDGES_MS[row])}"


def _safe(name: str) -> str:
    """Plotly reads a little HTML in texts, and names of queues and people come from users."""
    return name.replace("&", "&amp;").replace("<", "&lt;")


def _template(palette: Palette, **data: Sequence[Any]) -> go.layout.Template:
    axis = {
        "gridcolor": palette.grid, "linecolor": palette.line, "tickcolor": palette.line, "zeroline": False,
        "tickfont": {"color": palette.muted, "size": 12}, "automargin": False, "fixedrange": True,
    }  # fmt: skip
    x_axis = axis | {"showgrid": False, "fixedrange": False, "ticks": "outside", "ticklen": 4, "nticks": 7}
    y_axis = axis | {"nticks": 5, "exponentformat": "SI", "separatethousands": True}
    layout = {
        "font": {"family": FONT, "size": 12, "color": palette.text},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "margin": {"l": 64, "r": 18, "t": 14, "b": 28},
        "showlegend": False,
        "hovermode": "x unified",
        "hoverlabel": {
            "bgcolor": palette.surface, "bordercolor": palette.line,
            "font": {"family": FONT, "size": 12, "color": palette.text},
        },
        "dragmode": "zoom",
        "xaxis": x_axis,
        "yaxis": y_axis,
        "shapedefaults": {"line": {"color": palette.mark}, "opacity": 0.5},
        "annotationdefaults": {"font": {"color": palette.muted, "size": 12}, "bgcolor": faded(palette.surface, 0.75)},
    }  # fmt: skip
    return go.layout.Template(layout=layout, data=data)


def _flow_template(palette: Palette) -> go.layout.Template:
    looks = [
        {"line": {"color": palette.arrivals, "width": 1.5}},
        {"line": {"color": palette.completions, "width": 2}, "fillcolor": faded(palette.completions, 0.1)},
        {"line": {"color": palette.failures, "width": 1.5}},
    ]
    return _template(palette, scatter=looks)


def _latency_template(palette: Palette) -> go.layout.Template:
    looks: list[dict[str, Any]] = []
    for hue in (palette.wait, palette.run):
        none = {"line": {"width": 0, "color": hue[1]}, "fillcolor": faded(hue[1], 0.13)}
        looks += [none, none]
        looks += [{"line": {"color": colour, "width": width}} for colour, width in zip(hue, (2, 1.5, 1.5), strict=True)]
    return _template(palette, scatter=looks)


def _backlog_template(palette: Palette) -> go.layout.Template:
    # Without lines: those of empty queues would lie on each other.
    looks = [{"line": {"color": colour, "width": 0}, "fillcolor": faded(colour, 0.7)} for colour in palette.queues]
    return _template(palette, scatter=looks)


def _heat_template(palette: Palette) -> go.layout.Template:
    scale = [[place / (len(palette.heat) - 1), colour] for place, colour in enumerate(palette.heat)]
    return _template(palette, heatmap=[{"colorscale": scale}])


TEMPLATES: dict[str, Callable[[Palette], go.layout.Template]] = {
    "flow": _flow_template,
    "latency": _latency_template,
    "heat": _heat_template,
    "backlog": _backlog_template,
}
