"""Values over the time of a history, and the line that shows them."""

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from dashboard.history import History

Values = Sequence[float | None]


def times_of(history: History) -> list[float]:
    """Give the end of each step in milliseconds."""
    return [step.end * 1000 for step in history.steps]


def curve(name: str, times: Sequence[float], values: Values, unit: str, **more: Any) -> go.Scatter:
    """Draw values as a line, which says their unit on hover."""
    hover = f"%{{y:,.3~r}} {unit}<extra>{name}</extra>"
    rounded = [None if value is None else round(value, 3) for value in values]
    return go.Scatter(name=name, x=times, y=rounded, mode="lines", hovertemplate=hover, **more)
