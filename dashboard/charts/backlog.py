"""The chart of the jobs that wait."""

from collections.abc import Sequence

import plotly.graph_objects as go

from dashboard.charts.axes import linear
from dashboard.charts.depths import depths_of, queue_names
from dashboard.charts.forecasting import forecast
from dashboard.charts.frame import Mark, framed, safe
from dashboard.charts.series import Values, curve, times_of
from dashboard.history import History
from pool.domain.wording import milliseconds

GREY = "#868d9b"
"""Can be seen on light and on dark."""
AHEAD = 0.15
"""Part of a range that a forecast may take."""


def backlog(history: History, marks: Sequence[Mark] = ()) -> go.Figure:
    """Jobs that might start, by queue, and where that leads."""
    times, names = times_of(history), queue_names(history)
    traces = [_area(name, times, values) for name, values in depths_of(history, names)]
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
    figure = framed(history, traces, marks, yaxis=linear([step.depth for step in history.steps]))
    if len(traces) > len(names):
        # What comes is seen, too.
        ahead = min(coming.empty_in_s if coming else 0.0, history.range.length_s * AHEAD) * 1000
        figure.layout.xaxis.range = [figure.layout.xaxis.range[0], times[-1] + ahead]
    return figure


def _area(name: str, times: Sequence[float], values: Values) -> go.Scatter:
    # The group's name must not come from users: it is a key of Plotly's.
    return curve(safe(name), times, values, "waiting", stackgroup="queues")
