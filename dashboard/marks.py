"""States, signs and small drawings as SVG: the same on every page, without a style in the page itself.

A state is told by its mark and its word; the colour, which the style sheet gives, repeats it. Scripts draw the same
marks from the sprite that every page carries.
"""

from collections.abc import Iterable, Sequence
from itertools import groupby

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

STATES: dict[str, tuple[str, str]] = {
    "SCHEDULED": ("slate", "clock"),
    "BLOCKED": ("amber", "chain"),
    "PENDING": ("blue", "ring"),
    "ASSIGNED": ("blue", "disc"),
    "RUNNING": ("blue", "disc"),
    "COMPLETED": ("green", "tick"),
    "FAILED": ("red", "cross"),
    "TIMEOUT": ("red", "hourglass"),
    "CANCELLED": ("slate", "bar"),
    "STARTING": ("slate", "dots"),
    "IDLE": ("green", "ring"),
    "BUSY": ("blue", "disc"),
    "UNHEALTHY": ("red", "cross"),
    "TERMINATING": ("amber", "leave"),
    "TERMINATED": ("slate", "dash"),
    "DRAINING": ("amber", "leave"),
    "STOPPED": ("slate", "dash"),
    "LOST": ("red", "cross"),
    "PAUSED": ("amber", "pause"),
    "MUTED": ("slate", "bar"),
    "OPEN": ("green", "ring"),
    "ACTIVE": ("green", "ring"),
    "LATE": ("red", "alert"),
    "FINISHED": ("slate", "dash"),
    "HEALTHY": ("green", "disc"),
    "DEGRADED": ("amber", "alert"),
    "CRITICAL": ("red", "cross"),
    "SUCCEEDED": ("green", "tick"),
    "ERROR": ("red", "cross"),
    "CRASHED": ("red", "cross"),
    "MEMORY_LIMIT": ("red", "cross"),
    "UNSERIALISABLE": ("red", "cross"),
    "INTERRUPTED": ("amber", "leave"),
    "NOTICE": ("slate", "info"),
    "INFO": ("slate", "info"),
    "WARNING": ("amber", "alert"),
    "DISCARDED": ("slate", "bar"),
}
"""Family of colours and mark of every state of jobs, workers, nodes, attempts, queues and the pool."""

RUNNING_NODE = ("green", "disc")
"""A node that runs is well; a job that runs is merely under way."""

OTHER = ("slate", "dash")


def icon(name: str) -> SafeString:
    return format_html('<svg class="icon" aria-hidden="true"><use href="#i-{}"/></svg>', name)


def look(state: str) -> tuple[str, str]:
    """The family of colours and the mark of a state."""
    return STATES.get(state.upper(), OTHER)


def chip(state: str, text: str = "") -> SafeString:
    name = state.upper()
    family, mark = RUNNING_NODE if text == "node" and name == "RUNNING" else look(name)
    words = name.replace("_", " ").capitalize() if text in ("", "node") else text
    return format_html('<span class="chip {} is-{}">{}{}</span>', family, name.lower(), icon(mark), words)


def sparkline(values: Sequence[float | None]) -> SafeString:
    """A line from 0 to its highest, with gaps where nothing is known. The figure it belongs to stands beside it."""
    highest = max((value for value in values if value is not None), default=0.0) or 1.0
    points = [None if value is None else (place, 20 - 18 * value / highest) for place, value in enumerate(values)]
    runs = [list(run) for is_known, run in groupby(points, key=lambda point: point is not None) if is_known]
    lines = ("M" + "L".join(f"{x} {y:.1f}" for x, y in filter(None, run)) for run in runs if len(run) > 1)
    path = "".join(lines)
    area = "".join(_under([point for point in run if point]) for run in runs if len(run) > 1)
    return format_html(
        '<svg class="spark" viewBox="0 0 {} 21" preserveAspectRatio="none" aria-hidden="true">'
        '<path class="under" d="{}"/><path class="over" d="{}"/></svg>',
        max(len(values) - 1, 1), area, path,
    )  # fmt: skip


def _under(run: Sequence[tuple[int, float]]) -> str:
    line = "L".join(f"{x} {y:.1f}" for x, y in run)
    return f"M{run[0][0]} 21L{line}L{run[-1][0]} 21z"


def lane(states: Sequence[str | None]) -> SafeString:
    """One block for each stretch of the same state."""
    return format_html(
        '<svg class="lane" viewBox="0 0 {} 1" preserveAspectRatio="none" aria-hidden="true">{}</svg>',
        len(states), format_html_join("", '<rect class="lane-{}" x="{}" width="{}" height="1"/>', _blocks(states)),
    )  # fmt: skip


def _blocks(states: Sequence[str | None]) -> Iterable[tuple[str, int, int]]:
    place = 0
    for state, run in groupby(states):
        length = len(list(run))
        if state is not None:
            yield state.lower(), place, length
        place += length
