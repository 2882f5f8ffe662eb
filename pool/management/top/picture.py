"""The whole picture: what is known, what is selected and the size of the screen, as something rich can draw. Pure."""

from collections.abc import Sequence

from rich.align import Align
from rich.console import Group, RenderableType
from rich.layout import Layout
from rich.table import Table
from rich.text import Text

from pool.management.output import AMBER, GREEN, GREY, RED
from pool.management.top import panels
from pool.management.top.figures import ACCENT, Sight, alerts, header, key_figures
from pool.management.top.frame import EVENTS, FIGURES, FOOTER, GAP, HEADER, LEAST_HEIGHT, LEAST_WIDTH, Frame
from pool.management.top.rows import Panel, events_of
from pool.management.top.state import Mode, State
from pool.management.top.words import clean

KEYS = (
    ("Tab  ← →", "go from panel to panel: running jobs, workers, queues"),
    ("↑ ↓  j k", "select a row; Page Up and Down, Home and End go further"),
    ("c", "cancel the selected job, or that of the selected worker; it asks"),
    ("p", "pause the selected queue, or let it go on"),
    ("+  -", "one worker more or less"),
    ("f  /", "show only rows with these words; Esc shows all again"),
    ("s", "sort the panel by something else"),
    ("Enter", "tell the command that shows the selected job whole"),
    ("q  Ctrl-C", "leave; the pool goes on"),
)
NOTE = "Lines and lanes show the last minute, and so does the share of failing jobs."


def picture(sight: Sight, state: State, frame: Frame, clock: str) -> RenderableType:
    """Draw everything."""
    layout = Layout()
    # A text of nothing would be taken for no text at all.
    blank = [Layout(Text(" "), size=1)] * frame.gap
    layout.split_column(
        Layout(header(sight, frame.width, clock), size=HEADER),
        *blank,
        Layout(key_figures(sight, frame.width), size=FIGURES),
        *blank,
        Layout(_stacked(alerts(sight, frame.alerts)), size=frame.alerts),
        Layout(_help(frame) if state.mode is Mode.HELP else _body(sight, state, frame), size=frame.body),
        Layout(footer(state, frame.width), size=FOOTER),
    )
    return layout


def too_small() -> RenderableType:
    """What stands there when there is no room for anything."""
    words = f"This terminal is too small.\nAt least {LEAST_WIDTH} columns\nand {LEAST_HEIGHT} lines are needed."
    return Align.center(Text(words, justify="center"), vertical="middle")


def _body(sight: Sight, state: State, frame: Frame) -> RenderableType:
    made: list[RenderableType] = []
    for band in frame.bands:
        columns = [
            _stacked(_column(names, sight, state, frame, width))
            for names, width in zip(band.columns, band.widths, strict=True)
        ]
        made.append(columns[0] if len(columns) == 1 else _side_by_side(columns, band.widths))
    return Group(*made)


def _side_by_side(columns: Sequence[RenderableType], widths: Sequence[int]) -> Table:
    table = Table.grid(padding=(0, GAP, 0, 0), pad_edge=False)
    for width in widths:
        table.add_column(width=width)
    table.add_row(*columns)
    return table


def _column(names: Sequence[str], sight: Sight, state: State, frame: Frame, width: int) -> list[Text]:
    made: list[Text] = []
    for name in names:
        height = frame.heights[name]
        if not height:
            continue
        if name == EVENTS:
            found = panels.events(events_of(sight.status, state.filter), width, height)
        else:
            found = panels.panel(Panel(name), state, sight.minute, width, height)
        # A panel with fewer rows than it has room for leaves the room empty, so that the next one stays where it is.
        made += [*found[:height], *[Text()] * (height - len(found) + frame.gap)]
    return made


def _stacked(lines: Sequence[Text]) -> RenderableType:
    return Group(*lines)


def _help(frame: Frame) -> RenderableType:
    table = Table.grid(padding=(0, 2, 0, 2), pad_edge=True)
    table.add_column(style=f"bold {ACCENT}", no_wrap=True)
    table.add_column(overflow="ellipsis", no_wrap=True)
    for keys, words in KEYS:
        table.add_row(keys, words)
    heading, note = Text("  Keys", style="bold"), Text(f"  {NOTE}", style=GREY, no_wrap=True, overflow="ellipsis")
    return Group(heading, table, Text(), note)


# The last line -----------------------------------------------------------------


def footer(state: State, width: int) -> Text:
    """The question that is asked, the words that are typed, what was said, or the keys."""
    match state.mode:
        case Mode.ASKING if state.question is not None:
            line = _asking(state.question.text, width)
        case Mode.TYPING:
            line = Text.assemble(
                (" Filter: ", f"bold {ACCENT}"), state.filter, ("▏", ACCENT), _hint("   Enter keeps it, Esc shows all")
            )
        case Mode.HELP:
            line = _hint(" Any key leads back.")
        case _ if state.said is not None:
            mark, colour = ("✗", RED) if state.said.is_bad else ("✓", GREEN)
            line = Text(f" {mark} {state.said.text}", style=colour)
        case _:
            line = _keys(state)
    line.no_wrap, line.overflow = True, "ellipsis"
    return line


def _asking(question: str, width: int) -> Text:
    answers = "  y yes  n no"
    text = Text(f" {question}", style=f"bold {AMBER}")
    text.truncate(width - len(answers), overflow="ellipsis")
    return text.append(answers, style=f"bold {AMBER}")


def _keys(state: State) -> Text:
    hints = [("Tab", "panel"), ("↑↓", "select")]
    queue = state.selected(Panel.QUEUES)
    pause = ("p", "resume" if queue is not None and queue["paused"] else "pause")
    hints.append(pause if state.panel is Panel.QUEUES else ("c", "cancel"))
    hints += [("+ -", "workers"), ("/", "filter"), ("s", "sort"), ("?", "help"), ("q", "quit")]
    line = Text(" ")
    if state.filter:
        line.append(f"filter: {clean(state.filter)} (Esc)  ", style=AMBER)
    for key, words in hints:
        line.append(key, style="bold").append(f" {words}  ", style=GREY)
    return line


def _hint(text: str) -> Text:
    return Text(text, style=GREY)
