"""What stands around the lines of a chart: its axis of time, and the marks of events that explain a bend in them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import plotly.graph_objects as go

from dashboard.charts.series import times_of
from dashboard.history import History

MARKS: dict[str, str] = {
    "pool.scaled": "Scaled",
    "node.started": "Node started",
    "node.lost": "Node lost",
    "pool.restart_requested": "Restart",
}
"""Events that explain a bend in a line."""
DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment to point out."""

    at: datetime
    text: str


def framed(history: History, traces: Sequence[Any], marks: Sequence[Mark], **axes: Any) -> go.Figure:
    """Make a figure of these traces."""
    return go.Figure(list(traces), frame(history, marks) | axes)


def frame(history: History, marks: Sequence[Mark]) -> dict[str, Any]:
    """Lay out a chart over the whole range."""
    times = times_of(history)
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
        "hovertext": safe(mark.text),
        "showarrow": False,
        "yanchor": "bottom",
    }


def safe(name: str) -> str:
    """Plotly reads a little HTML in texts, and names of queues and people come from users."""
    return name.replace("&", "&amp;").replace("<", "&lt;")
