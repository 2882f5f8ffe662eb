"""The heatmap of how long jobs took in all."""

import math

import plotly.graph_objects as go

from dashboard.charts.frame import framed
from dashboard.charts.series import times_of
from dashboard.history import History
from dashboard.spans import EDGES_MS
from pool.domain.wording import milliseconds, number


def heat(history: History) -> go.Figure:
    """How long jobs took in all, from due to done: each column a step, the stronger the more jobs."""
    seen = sorted({row for step in history.steps for row in step.heat})
    rows = list(range(max(seen[0] - 1, 0), min(seen[-1] + 2, len(EDGES_MS) + 1))) if seen else list(range(2, 12))
    counts = [[step.heat.get(row) for step in history.steps] for row in rows]
    trace = go.Heatmap(
        name="jobs",
        x=[at - history.range.step_s * 500 for at in times_of(history)],
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
    figure = framed(history, [trace], (), yaxis={"range": [rows[0] - 0.5, rows[-1] + 0.5], **ticks})
    figure.update_layout(hovermode="closest")
    return figure


def _row_words(row: int) -> str:
    if row == 0:
        return f"less than {milliseconds(EDGES_MS[0])}"
    if row == len(EDGES_MS):
        return f"{milliseconds(EDGES_MS[-1])} or longer"
    return f"{milliseconds(EDGES_MS[row - 1])} to {milliseconds(EDGES_MS[row])}"
