"""The chart of arrivals and completions."""

from collections.abc import Sequence

import plotly.graph_objects as go

from dashboard.charts.axes import linear
from dashboard.charts.frame import Mark, framed
from dashboard.charts.series import Values, curve, times_of
from dashboard.history import History


def flow(history: History, marks: Sequence[Mark] = ()) -> go.Figure:
    """Arrivals against completions, and how many of those failed."""
    times = times_of(history)
    bad = [step.bad / step.seconds if step.is_known else None for step in history.steps]
    traces = [
        curve("arrivals", times, history.arrivals(), "/s"),
        curve("completions", times, history.completions(), "/s", fill="tozeroy"),
        curve("failures", times, _where_some(bad), "/s"),
    ]
    axis = linear(history.arrivals(), history.completions()) | {"ticksuffix": " /s"}
    return framed(history, traces, marks, yaxis=axis)


def _where_some(values: Values) -> Values:
    """Leave out stretches of zeros: a red line along the axis would look like trouble."""
    around = [0.0, *values, 0.0]
    return [value if any(around[place : place + 3]) else None for place, value in enumerate(values)]
