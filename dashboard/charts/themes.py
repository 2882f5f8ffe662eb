"""The colours and fonts of each chart in each theme, as templates that the page lays over the figures."""

from collections.abc import Callable, Sequence
from typing import Any

import plotly.graph_objects as go

from dashboard.palette import PALETTES, Palette, faded

FONT = "Inter, system-ui, sans-serif"


def templates() -> dict[str, dict[str, Any]]:
    """Give the colours of each chart in each theme."""
    return {
        theme: {chart: make(palette).to_plotly_json() for chart, make in TEMPLATES.items()}
        for theme, palette in PALETTES.items()
    }


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
