"""What the bench found, as a table for people and as JSON. Pure: the figures come in, text goes out."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from bench.databases import TITLES
from bench.figures import Mark, Taken

STYLES = {Mark.AIM: "bold green", Mark.MET: "green", Mark.MISSED: "bold red", Mark.NONE: ""}


@dataclass(frozen=True, slots=True)
class Broken:
    """A measure that could not be taken."""

    database: str
    measure: str
    error: str


@dataclass(frozen=True, slots=True)
class Report:
    machine: Mapping[str, Any]
    taken: Sequence[Taken]
    broken: Sequence[Broken]
    seconds: float

    def tables(self) -> list[Table]:
        """One for each database."""
        databases = list(dict.fromkeys([*(one.database for one in self.taken), *(one.database for one in self.broken)]))
        return [self._table(database) for database in databases]

    def summary(self) -> str:
        marks = [one.mark for one in self.taken]
        asked = [mark for mark in marks if mark is not Mark.NONE]
        counted = f"{len(asked)} figures with a goal: {asked.count(Mark.AIM)} reach the aim, "
        counted += f"{asked.count(Mark.MET)} are met, {asked.count(Mark.MISSED)} are missed."
        return counted + (f" {len(self.broken)} measures failed." if self.broken else "")

    def as_json(self) -> str:
        return json.dumps(
            {
                "machine": dict(self.machine),
                "figures": [_as_dict(one) for one in self.taken],
                "failed": [
                    {"database": one.database, "measure": one.measure, "error": one.error} for one in self.broken
                ],
                "seconds": round(self.seconds, 1),
            },
            ensure_ascii=False,
            indent=1,
        )

    def _table(self, database: str) -> Table:
        table = Table(title=TITLES.get(database, database), title_justify="left", title_style="bold")
        table.add_column("measure")
        table.add_column("figure", overflow="fold")
        for column in ("median", "from", "to", "bound", "aim"):
            table.add_column(column, justify="right", no_wrap=True)
        table.add_column("")
        last = ""
        for one in self.taken:
            if one.database == database:
                table.add_row("" if one.measure == last else one.measure, *_cells(one), style=None)
                last = one.measure
        for broken in self.broken:
            if broken.database == database:
                table.add_row(broken.measure, broken.error, "", "", "", "", "", "FAILED", style="bold red")
        return table


def number(value: float) -> str:
    """Three significant digits, thousands apart."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def bound_text(value: float, *, more_is_better: bool) -> str:
    return f"{'≥' if more_is_better else '≤'} {value:,g}"


def _cells(one: Taken) -> Iterable[str]:
    spread = (number(min(one.samples)), number(max(one.samples))) if len(one.samples) > 1 else ("", "")
    bound = one.figure.bound(one.database)
    texts = ("", "")
    if bound is not None:
        upward = bound[1] > bound[0]
        texts = (bound_text(bound[0], more_is_better=upward), bound_text(bound[1], more_is_better=upward))
    style = STYLES[one.mark]
    mark = f"[{style}]{one.mark}[/]" if style else ""
    return (one.figure.what, f"{number(one.value)} {one.figure.unit}", *spread, *texts, mark)


def _as_dict(one: Taken) -> dict[str, Any]:
    bound = one.figure.bound(one.database)
    return {
        "database": one.database,
        "measure": one.measure,
        "key": one.figure.key,
        "what": one.figure.what,
        "unit": one.figure.unit,
        "value": round(one.value, 4),
        "samples": [round(sample, 4) for sample in one.samples],
        "bound": bound[0] if bound else None,
        "aim": bound[1] if bound else None,
        "mark": str(one.mark) or None,
    }
