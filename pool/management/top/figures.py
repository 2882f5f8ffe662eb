"""The upper part of the picture: one line on the pool and on how old this is, the key figures, the alerts. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table
from rich.text import Text

from pool.domain.wording import UNKNOWN, age, milliseconds, number, percent, rate
from pool.management.output import AMBER, GREEN, GREY, RED, STATES
from pool.management.top.minute import Minute
from pool.management.top.words import clean, means, sparkline

ACCENT = "cyan"
LATE_S = 3.0
"""A snapshot that was older when it was read, or a look that is so late, is marked as stale."""
GAP = "  "
WITH_NOTE = 20
"""Columns from which on a figure has a note: not as its digits come and go."""
MANY = 0.05
"""From this share of failing jobs on, it is marked."""
MOST_OF_WORKERS = 4
"""Digits of the numbers of workers beside which the word has room."""
LEVELS = {"critical": ("✗", RED), "warning": ("◇", AMBER), "notice": ("·", GREY)}


@dataclass(frozen=True, slots=True)
class Sight:
    """What is known at the moment of drawing."""

    status: dict[str, Any]
    minute: Minute
    age_s: float | None
    """Of the newest snapshot; None when no node has written one."""
    is_stale: bool = False
    unread_s: float = 0.0
    """How long ago the figures were read."""
    problem: str = ""
    """Why they cannot be read now."""

    @property
    def alerts(self) -> list[tuple[str, str]]:
        """Level and message, what concerns this view first."""
        told = [(str(alert["level"]), clean(alert["message"])) for alert in self.status["health"]["alerts"]]
        if not self.problem:
            return told
        return [("critical", f"This is the last picture; reading is tried again. {clean(self.problem)}"), *told]


def header(sight: Sight, width: int, clock: str) -> Text:
    """The pool on the left, as much as there is room for, and on the right how old this is."""
    right = Text.assemble(badge(sight), GAP, (clock, GREY))
    line = Text.assemble((" ◆ ", ACCENT), ("Pool", "bold"), no_wrap=True)
    for part in _about(sight.status):
        if line.cell_len + part.cell_len + len(GAP) + right.cell_len + 2 > width:
            break
        line.append(GAP).append_text(part)
    line.pad_right(max(width - line.cell_len - right.cell_len - 1, 1))
    return line.append_text(right)


def _about(status: dict[str, Any]) -> Iterator[Text]:
    pool, resources, health = status["pool"], status["resources"], status["health"]["status"]
    mark, colour = STATES[health]
    yield Text(f"{mark} {health}", style=f"bold {colour}" if health != "healthy" else colour)
    if pool["nodes"]:
        yield Text("1 node" if pool["nodes"] == 1 else f"{pool['nodes']} nodes")
        yield Text.assemble(("up ", GREY), age(pool["uptime"]))
        yield Text.assemble(("CPU ", GREY), _whole_percent(resources["cpu"]["usage"]))
        yield Text.assemble(("memory ", GREY), _whole_percent(resources["memory"]["usage"]))
    if dead := status["tasks"]["dlq"]:
        yield Text.assemble(number(dead), (" dead letter" if dead == 1 else " dead letters", GREY))


def badge(sight: Sight) -> Text:
    """Whether this is live, and how old it is."""
    if sight.problem:
        return Text(f"✗ not read for {age(sight.unread_s)}", style=f"bold {RED}")
    if sight.age_s is None:
        return Text("– no node", style=f"bold {RED}")
    if sight.is_stale:
        return Text(f"◌ stale {age(sight.age_s)}", style=f"bold {AMBER}")
    return Text(f"● live {sight.age_s:.1f} s", style=GREEN)


# Key figures -------------------------------------------------------------------

BASES = (10, 11, 11, 10, 8, 10, 10, 9)
"""Columns that each takes of eighty; a screen has more or less."""


@dataclass(frozen=True, slots=True)
class Figure:
    name: str
    value: Text
    line: Sequence[float | None]
    note: str = ""
    """Told where there is room."""
    top: float = 0.0
    """Where the line would be full; 0 for its greatest value."""

    def told(self, width: int) -> Text:
        note = f"  {self.note}" if self.note else ""
        has_room = width >= WITH_NOTE and self.value.cell_len + len(note) < width
        return Text.assemble(self.value, (note, GREY)) if has_room else self.value


def key_figures(sight: Sight, width: int) -> Table:
    """Name, value and last minute of each key figure, as many as there is room for."""
    figures = [*_figures(sight)][: _that_fit(width)]
    scale = max((width - 1) / sum(BASES[: len(figures)]), 1.0)
    widths = [int(base * scale) for base in BASES[: len(figures)]]
    table = Table.grid(padding=0)
    for column in (1, *widths):
        table.add_column(width=column, no_wrap=True, overflow="crop")
    table.add_row("", *(Text(figure.name, style=GREY) for figure in figures))
    table.add_row("", *(figure.told(column) for figure, column in zip(figures, widths, strict=True)))
    table.add_row(
        "", *(_line(figure, sight.minute.end, column) for figure, column in zip(figures, widths, strict=True))
    )
    return table


def _line(figure: Figure, end: int, column: int) -> Text:
    return Text(sparkline(means(figure.line, end, column - 2), figure.top), style=ACCENT)


def _that_fit(width: int) -> int:
    taken = 1
    for count, base in enumerate(BASES):
        taken += base
        if taken > width:
            return max(count, 1)
    return len(BASES)


def _figures(sight: Sight) -> Iterator[Figure]:
    status, minute = sight.status, sight.minute
    tasks, performance = status["tasks"], status["performance"]
    failing = minute.failing()
    used = f"{_whole_percent(performance['utilization'])} used" if performance["utilization"] is not None else ""
    yield Figure("Workers", _workers(status["pool"]), minute.line("busy"), used, status["pool"]["workers"]["total"])
    yield Figure("Throughput", _bold(rate(tasks["throughput"])), minute.line("completions"))
    yield Figure("Arriving", _bold(rate(tasks["arrival_rate"])), minute.line("arrivals"))
    yield Figure("Waiting", _bold(number(tasks["pending"])), minute.line("waiting"))
    yield Figure("Oldest", _bold(age(status["queue"]["oldest_age"])), ())
    for name, measure in (("Wait p95", "wait"), ("Run p95", "run")):
        p50, p95 = (milliseconds(performance[measure][percentile]) for percentile in ("p50", "p95"))
        yield Figure(name, _bold(p95), minute.line(measure), f"p50 {p50}")
    colour = f"bold {RED}" if failing and failing >= MANY else "bold"
    yield Figure("Failing", Text(_whole_percent(failing), style=colour), minute.failing_line())


def _workers(pool: dict[str, Any]) -> Text:
    """Busy of all, and how many are wanted when that is another number."""
    counts = pool["workers"]
    text = Text.assemble((number(counts["active"]), "bold"), (f"/{number(counts['total'])}", GREY))
    if pool["size"] != counts["total"]:
        return text.append(f" → {pool['size']}", style=AMBER)
    return text.append(" busy", style=GREY) if text.cell_len <= MOST_OF_WORKERS else text


def _bold(text: str) -> Text:
    return Text(text, style="bold")


def _whole_percent(fraction: float | None) -> str:
    """Nobody reads decimals that change each second, but a tenth of failing jobs is not nothing."""
    if fraction is None:
        return UNKNOWN
    return percent(round(fraction, 2) if fraction >= 0.1 else round(fraction, 3))


# Alerts ------------------------------------------------------------------------


def alerts(sight: Sight, lines: int) -> list[Text]:
    """What to look at, in so many lines."""
    told = sight.alerts
    shown = told if len(told) <= lines else told[: lines - 1]
    made = [_alert(level, message) for level, message in shown]
    if len(told) > len(shown):
        made.append(Text(f"   and {len(told) - len(shown)} more", style=GREY))
    return made


def _alert(level: str, message: str) -> Text:
    mark, colour = LEVELS.get(level, LEVELS["notice"])
    return Text(f" {mark} {message}", style=colour, no_wrap=True, overflow="ellipsis")
