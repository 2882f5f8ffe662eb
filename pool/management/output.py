"""Where a verb prints: JSON alone on stdout when it was asked for, else text and tables for people.

Messages that are no facts go to stderr with JSON, so that a program can read stdout as it comes. On a terminal states
have their mark and colour; elsewhere the same tables are plain text, one line for each row, never cut.
"""

import json
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any, TextIO

from rich.console import Console, JustifyMethod
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from pool.domain.wording import UNKNOWN

AS_WIDE_AS_NEEDED = 10_000

WHOLE = frozenset({"id", "worker", "node"})
"""Columns with names that are to be copied: never broken."""

GREEN, RED, BLUE, AMBER, GREY = "green", "red", "bright_blue", "yellow", "bright_black"
STATES = {
    "SCHEDULED": ("◔", GREY),
    "BLOCKED": ("◇", AMBER),
    "PENDING": ("○", BLUE),
    "ASSIGNED": ("●", BLUE),
    "RUNNING": ("●", BLUE),
    "COMPLETED": ("✓", GREEN),
    "FAILED": ("✗", RED),
    "TIMEOUT": ("⧗", RED),
    "CANCELLED": ("⊘", GREY),
    "STARTING": ("◌", GREY),
    "IDLE": ("○", GREEN),
    "BUSY": ("●", BLUE),
    "UNHEALTHY": ("✗", RED),
    "TERMINATING": ("→", GREY),
    "TERMINATED": ("–", GREY),
    "DRAINING": ("→", AMBER),
    "STOPPED": ("–", GREY),
    "LOST": ("✗", RED),
    "healthy": ("✓", GREEN),
    "warning": ("◇", AMBER),
    "degraded": ("◇", AMBER),
    "critical": ("✗", RED),
    "paused": ("⏸", AMBER),
}
"""Mark and colour of every state, of jobs, workers, nodes and the pool."""


class Output:
    """The way out of a verb."""

    def __init__(self, stdout: TextIO, stderr: TextIO, *, as_json: bool = False, colour: bool = True) -> None:
        self.stdout, self.stderr, self.as_json, self.colour = stdout, stderr, as_json, colour

    def facts(self, data: Any) -> None:
        """Print the JSON."""
        self.stdout.write(json.dumps(data, default=str) + "\n")
        self.stdout.flush()

    def say(self, text: str) -> None:
        """Print a line of text; with JSON it goes to stderr."""
        target = self.stderr if self.as_json else self.stdout
        target.write(text + "\n")
        target.flush()

    def warn(self, text: str) -> None:
        """Print a line to stderr in any case."""
        self.stderr.write(text + "\n")
        self.stderr.flush()

    def tell(self, data: Any, text: str) -> None:
        """Print the JSON if it was asked for, else the text."""
        if self.as_json:
            self.facts(data)
        else:
            self.say(text)

    def table(self, title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Print rows below their column names. A name that ends with ">" stands over numbers."""
        table = Table(title=title or None, title_justify="left", title_style="bold", box=None, pad_edge=False)
        table.header_style = GREY
        for column in columns:
            name = column.rstrip(">")
            justify: JustifyMethod = "right" if column.endswith(">") else "left"
            table.add_column(name, justify=justify, overflow="fold", no_wrap=name in WHOLE)
        for row in rows:
            table.add_row(*(self.cell(value) for value in row))
        self.draw(table)

    def pairs(self, pairs: Iterable[tuple[str, Any]]) -> None:
        """Print names with their values, one a line."""
        table = Table(box=None, show_header=False, pad_edge=False)
        table.add_column(style=GREY)
        table.add_column(overflow="fold")
        for name, value in pairs:
            table.add_row(name, self.cell(value))
        self.draw(table)

    def draw(self, table: Table) -> None:
        """Print a table without the blanks that fill up its last column."""
        with self.console.capture() as captured:
            self.console.print(table)
        self.stdout.write("".join(f"{line.rstrip()}\n" for line in captured.get().splitlines()))
        self.stdout.flush()

    def cell(self, value: Any) -> Any:
        """A value as it stands in a table: states with their mark, nothing as an en dash."""
        if value is None or value == "":
            return UNKNOWN
        if value in STATES and self.console.is_terminal:
            mark, colour = STATES[value]
            return Text(f"{mark} {value}", style=colour)
        return value if isinstance(value, Text) else escape(str(value))

    @cached_property
    def console(self) -> Console:
        plain = Console(file=self.stdout, highlight=False, no_color=not self.colour)
        if plain.is_terminal:
            return plain
        return Console(file=self.stdout, highlight=False, width=AS_WIDE_AS_NEEDED, color_system=None)
