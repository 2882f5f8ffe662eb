"""What the person at the terminal has selected, filtered, sorted and been asked. Pure: keys in, orders out.

Rows are selected by their id, so that a selection stays with its job while others come and go; when that is gone, what
moved into its place is selected. A cancel is asked for with the job it is about, and the answer goes to that job alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from pool.management.top.keys import PASTED
from pool.management.top.orders import CancelJob, Order, PauseQueue, ResumeQueue, Said, ScaleBy
from pool.management.top.rows import SORTS, Panel, Row, chosen, panels_of
from pool.management.top.words import clean, clock, short_id, short_task

SAID_S = 8.0
"""What was said stands so long."""
LONGEST_FILTER = 100
FAR = 1_000_000

NO_JOB = "Select a running job first: Tab goes from panel to panel, the arrows move."
NO_QUEUE = "Select a queue first: Tab goes from panel to panel, the arrows move."


class Mode(Enum):
    LOOKING = auto()
    ASKING = auto()
    TYPING = auto()
    HELP = auto()


@dataclass(frozen=True, slots=True)
class Question:
    """What must be confirmed, and what it would order."""

    text: str
    order: Order


@dataclass(slots=True)
class State:
    mode: Mode = Mode.LOOKING
    panel: Panel = Panel.RUNNING
    rows: dict[Panel, list[Row]] = field(default_factory=lambda: {panel: [] for panel in Panel})
    """What is shown, after filter and sort."""
    filter: str = ""
    question: Question | None = None
    said: Said | None = None
    is_over: bool = False
    sorts: dict[Panel, int] = field(default_factory=lambda: dict.fromkeys(Panel, 0))
    offsets: dict[Panel, int] = field(default_factory=lambda: dict.fromkeys(Panel, 0))
    """Rows above the first that is shown."""
    _all: dict[Panel, list[Row]] = field(default_factory=lambda: {panel: [] for panel in Panel})
    _ids: dict[Panel, Any] = field(default_factory=lambda: dict.fromkeys(Panel))
    _places: dict[Panel, int] = field(default_factory=lambda: dict.fromkeys(Panel, 0))
    _said_at: float = 0.0

    # What there is -----------------------------------------------------------------

    def see(self, status: Mapping[str, Any]) -> None:
        """Take new figures."""
        self._all = panels_of(status)
        self._choose()

    def place(self, panel: Panel) -> int:
        """The place of the selected row."""
        return self._places[panel]

    def selected(self, panel: Panel) -> Row | None:
        rows = self.rows[panel]
        return rows[self._places[panel]] if rows else None

    def total(self, panel: Panel) -> int:
        """Rows without the filter."""
        return len(self._all[panel])

    def fit(self, panel: Panel, height: int) -> None:
        """Scroll as little as is needed, so that the selected row is among so many shown ones."""
        place, offset = self._places[panel], self.offsets[panel]
        furthest = max(len(self.rows[panel]) - height, 0)
        self.offsets[panel] = min(max(min(offset, place), place - max(height, 1) + 1, 0), furthest)

    def _choose(self) -> None:
        for panel, rows in self._all.items():
            shown = self.rows[panel] = chosen(panel, rows, self.filter, self.sorts[panel])
            ids = [row["id"] for row in shown]
            if self._ids[panel] in ids:
                self._select(panel, ids.index(self._ids[panel]))
            else:
                self._select(panel, self._places[panel])

    def _select(self, panel: Panel, place: int) -> None:
        rows = self.rows[panel]
        self._places[panel] = min(max(place, 0), max(len(rows) - 1, 0))
        self._ids[panel] = rows[self._places[panel]]["id"] if rows else None

    # What is said ------------------------------------------------------------------

    def say(self, said: Said, now: float) -> None:
        self.said, self._said_at = said, now

    def forget(self, now: float) -> None:
        """Let go of what was said long ago."""
        if self.said is not None and now - self._said_at > SAID_S:
            self.said = None

    # Keys --------------------------------------------------------------------------

    def press(self, key: str, now: float) -> Order | None:
        """Take a key; what it orders."""
        if self.mode is Mode.TYPING:
            self._type(key)
            return None
        if key.startswith(PASTED):
            return None
        self.said = None
        if self.mode is Mode.ASKING:
            return self._answer(key)
        if self.mode is Mode.HELP:
            self.mode = Mode.LOOKING
            return None
        return self._look(key, now)

    def _look(self, key: str, now: float) -> Order | None:
        if key in MOVES:
            self._select(self.panel, self._places[self.panel] + MOVES[key])
        elif key in TURNS:
            panels = list(Panel)
            self.panel = panels[(panels.index(self.panel) + TURNS[key]) % len(panels)]
        elif key in SCALES:
            return ScaleBy(SCALES[key])
        elif key == "p":
            return self._pause(now)
        else:
            self._do(key, now)
        return None

    def _do(self, key: str, now: float) -> None:
        """What changes the view alone, and the question before a cancel."""
        match key:
            case "q":
                self.is_over = True
            case "c":
                self._ask(now)
            case "f" | "/":
                self.mode = Mode.TYPING
            case "s":
                self.sorts[self.panel] = (self.sorts[self.panel] + 1) % len(SORTS[self.panel])
                self._choose()
            case "?" | "h":
                self.mode = Mode.HELP
            case "enter":
                self._tell(now)
            case "escape":
                self._search("")

    def _ask(self, now: float) -> None:
        row = self._job_row()
        if row is None:
            self.say(Said(NO_JOB, is_bad=True), now)
            return
        job = row["job"] if self.panel is Panel.WORKERS else row["id"]
        running = f", running for {clock(row['since'])}" if row["since"] is not None else ""
        self.question = Question(f"Cancel {short_task(row['task'])} {short_id(job)}{running}?", CancelJob(job))
        self.mode = Mode.ASKING

    def _job_row(self) -> Row | None:
        """The selected row, when it is a job or a worker that has one."""
        row = None if self.panel is Panel.QUEUES else self.selected(self.panel)
        return row if row is not None and (self.panel is Panel.RUNNING or row["job"]) else None

    def _answer(self, key: str) -> Order | None:
        question = self.question
        if key not in ("y", "n", "escape", "q") or question is None:
            return None
        self.mode, self.question = Mode.LOOKING, None
        return question.order if key == "y" else None

    def _pause(self, now: float) -> Order | None:
        row = self.selected(Panel.QUEUES) if self.panel is Panel.QUEUES else None
        if row is None:
            self.say(Said(NO_QUEUE, is_bad=True), now)
            return None
        return ResumeQueue(row["id"]) if row["paused"] else PauseQueue(row["id"])

    def _tell(self, now: float) -> None:
        """The command that shows the selected row whole."""
        row = self._job_row()
        if row is not None:
            job = row["job"] if self.panel is Panel.WORKERS else row["id"]
            self.say(Said(f"All about it: manage.py pool job {job}"), now)

    def _type(self, key: str) -> None:
        if key in ("enter", "escape", "up", "down", "tab"):
            self.mode = Mode.LOOKING
            self._search("" if key == "escape" else self.filter)
        elif key == "backspace":
            self._search(self.filter[:-1])
        elif key == "ctrl-u":
            self._search("")
        elif key.startswith(PASTED):
            self._search(self.filter + clean(key.removeprefix(PASTED)))
        elif len(key) == 1:
            self._search(self.filter + key)

    def _search(self, text: str) -> None:
        self.filter = text[:LONGEST_FILTER]
        self._choose()


MOVES = {
    "up": -1, "k": -1, "down": 1, "j": 1, "pageup": -10, "pagedown": 10,
    "home": -FAR, "g": -FAR, "end": FAR, "G": FAR,
}  # fmt: skip
TURNS = {"tab": 1, "right": 1, "l": 1, "backtab": -1, "left": -1}
SCALES = {"+": 1, "=": 1, "-": -1, "_": -1}
