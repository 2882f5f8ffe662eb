"""Where everything stands on a screen of some size. Pure.

Heights follow from the size, the workers and the queues, never from what happens to run: nothing jumps from one second
to the next. A panel that finds no room is left out, the one with the selection last.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pool.management.top.rows import Panel

EVENTS = "events"
WIDE = 116
"""From so many columns on, the panels stand in two columns."""
HIGH = 32
"""From so many lines on, there are blank ones between the parts."""
LEAST_WIDTH, LEAST_HEIGHT = 40, 10
MOST_ALERTS = 4
HEADER, FIGURES, FOOTER = 1, 3, 1
LEAST = 2
"""Lines of a panel: its heading and a row."""
LEAST_RUNNING = 4

LEAST_EVENTS = 5

LEFT_SHARE = 0.56
GAP = 2
"""Between two columns of panels."""

Columns = tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Band:
    """Panels side by side: the names of each column from above, and how wide each column is."""

    columns: Columns
    widths: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Frame:
    width: int
    height: int
    alerts: int
    bands: tuple[Band, ...]
    heights: Mapping[str, int]
    """Lines of each panel with its heading; 0 when there is no room for it."""

    @property
    def gap(self) -> int:
        """Blank lines between the parts."""
        return 1 if self.height >= HIGH else 0

    @property
    def body(self) -> int:
        return _body(self.height, self.alerts)

    def rows(self, panel: str) -> int:
        """Rows that a panel can show."""
        return max(self.heights[panel] - 1, 0)


def is_too_small(width: int, height: int) -> bool:
    return width < LEAST_WIDTH or height < LEAST_HEIGHT


def frame_of(width: int, height: int, alerts: int, status: Mapping[str, Any], panel: Panel) -> Frame:
    """Lay out a screen for these figures."""
    lines = min(max(alerts, 1), MOST_ALERTS if height >= HIGH else 2)
    body, gap = _body(height, lines), 1 if height >= HIGH else 0
    workers, queues = len(status["live"]["lanes"]), len(status["queue"]["by_queue"])
    wants = {
        Panel.RUNNING: 1 + max(workers, LEAST_RUNNING),
        Panel.WORKERS: 1 + max(workers, 1),
        Panel.QUEUES: 1 + max(queues, 1),
    }
    arrange = _wide if width >= WIDE else _narrow
    bands, heights = arrange(width, body, gap, wants, panel)
    return Frame(width, height, lines, bands, heights)


def _narrow(
    width: int, body: int, gap: int, wants: Mapping[Panel, int], panel: Panel
) -> tuple[tuple[Band, ...], dict[str, int]]:
    """One panel above the other."""
    names = (*Panel, EVENTS)
    given = shared(body - gap * (len(names) - 1), [*wants.values(), body], list(Panel).index(panel))
    return (Band((names,), (width,)),), dict(zip(names, given, strict=True))


def _wide(
    width: int, body: int, gap: int, wants: Mapping[Panel, int], panel: Panel
) -> tuple[tuple[Band, ...], dict[str, int]]:
    """What runs above, over the whole width; below it the workers beside the queues and events."""
    left = round(width * LEFT_SHARE)
    lower = max(wants[Panel.WORKERS], wants[Panel.QUEUES] + gap + LEAST_EVENTS)
    upper, rest = shared(body - gap, [wants[Panel.RUNNING], lower], 0 if panel is Panel.RUNNING else 1)
    rest = max(body - gap - upper, 0) if rest else 0
    queues, events = shared(rest - gap, [wants[Panel.QUEUES], rest], 0)
    bands = (
        Band(((Panel.RUNNING,),), (width,)),
        Band(((Panel.WORKERS,), (Panel.QUEUES, EVENTS)), (left, width - left - GAP)),
    )
    return bands, {Panel.RUNNING: upper, Panel.WORKERS: rest, Panel.QUEUES: queues, EVENTS: events}


def shared(height: int, wants: Sequence[int], first: int) -> list[int]:
    """Share lines out: at least a row for each, the first one before all others, then line by line in turn."""
    given = [0] * len(wants)
    order = [first, *(index for index in range(len(wants)) if index != first)]
    for index in order:
        least = min(wants[index], LEAST)
        if height >= least:
            given[index], height = least, height - least
    while height > 0 and (hungry := [index for index in order if 0 < given[index] < wants[index]]):
        for index in hungry[:height]:
            given[index] += 1
        height -= len(hungry[:height])
    return given


def _body(height: int, alerts: int) -> int:
    blank = 2 if height >= HIGH else 0
    return max(height - HEADER - FIGURES - alerts - FOOTER - blank, 0)
