"""All charts of a range at once."""

from collections.abc import Iterable

import plotly.graph_objects as go

from dashboard.charts.backlog import backlog
from dashboard.charts.flow import flow
from dashboard.charts.frame import Mark
from dashboard.charts.heat import heat
from dashboard.charts.latency import latency
from dashboard.history import History


def figures(history: History, marks: Iterable[Mark] = ()) -> dict[str, go.Figure]:
    """Draw all charts of a range."""
    noted = list(marks)
    return {
        "flow": flow(history, noted),
        "latency": latency(history, noted),
        "heat": heat(history),
        "backlog": backlog(history, noted),
    }
