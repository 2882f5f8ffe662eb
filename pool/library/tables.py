"""Tasks over tables in CSV files: statistics of each column, and sums by group. They run in a worker.

Delimiter and head line are found out; rows are read one by one, and what is remembered of a column is bounded, so that
a table of any length fits.
"""

import csv
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from pool import task
from pool.library.errors import LibraryError
from pool.library.paths import readable_file, shown

SAMPLE = 16 * 1024
DELIMITERS = ",;\t|"
MAX_COLUMNS = 200
MAX_DISTINCT = 10_000
MAX_GROUPS = 1000
MAX_TEXT = 100
MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "-"})


@dataclass(slots=True)
class Figures:
    """Count, extremes, mean and spread of numbers, added one at a time (Welford's way)."""

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0
    total: float = 0.0
    low: float = math.inf
    high: float = -math.inf

    def add(self, number: float) -> None:
        self.count += 1
        before = number - self.mean
        self.mean += before / self.count
        self.squares += before * (number - self.mean)
        self.total += number
        self.low, self.high = min(self.low, number), max(self.high, number)

    def std(self) -> float:
        """Spread of the sample; 0 for a single number."""
        return math.sqrt(self.squares / (self.count - 1)) if self.count > 1 else 0.0


@dataclass(slots=True)
class Column:
    """What is known of a column so far."""

    name: str
    count: int = 0
    missing: int = 0
    figures: Figures = field(default_factory=Figures)
    least: str | None = None
    greatest: str | None = None
    seen: dict[str, int] = field(default_factory=dict)
    overflow: bool = False

    def add(self, cell: str) -> None:
        text = cell.strip()
        if text.lower() in MISSING:
            self.missing += 1
            return
        self.count += 1
        number = as_number(text)
        if number is not None:
            self.figures.add(number)
        text = text[:MAX_TEXT]
        self.least = text if self.least is None else min(self.least, text)
        self.greatest = text if self.greatest is None else max(self.greatest, text)
        if text in self.seen or len(self.seen) < MAX_DISTINCT:
            self.seen[text] = self.seen.get(text, 0) + 1
        else:
            self.overflow = True

    def report(self) -> dict[str, Any]:
        numeric = 0 < self.count == self.figures.count
        common = sorted(self.seen.items(), key=lambda item: (-item[1], item[0]))[:5]
        return {
            "name": self.name,
            "kind": "number" if numeric else "text" if self.count else "empty",
            "count": self.count,
            "missing": self.missing,
            "min": self.figures.low if numeric else self.least,
            "max": self.figures.high if numeric else self.greatest,
            "mean": _finite(self.figures.mean) if numeric else None,
            "std": _finite(self.figures.std()) if numeric else None,
            "distinct": len(self.seen),
            "distinct_is_more": self.overflow,
            "most_common": [] if self.overflow else [list(item) for item in common],
        }


def as_number(text: str) -> float | None:
    """Read a finite number as tables write it; None when the text is none."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and "_" not in text else None


@task(kind="ANALYSIS", timeout=600, max_attempts=2)
def csv_statistics(
    path: str, *, max_rows: int = 10_000_000, encoding: str = "utf-8-sig", grant: str = ""
) -> dict[str, Any]:
    """Describe every column of a CSV file: filled and missing cells, extremes, mean, spread, distinct values."""
    source = readable_file(path, grant)
    with _table(source, encoding) as (names, rows, delimiter):
        columns = [Column(name) for name in names]
        count = uneven = 0
        complete = True
        for row in rows:
            if count >= max_rows:
                complete = False
                break
            count += 1
            uneven += len(row) != len(columns)
            for column, cell in zip(columns, row, strict=False):
                column.add(cell)
    return {
        "path": shown(source),
        "delimiter": delimiter,
        "rows": count,
        "uneven_rows": uneven,
        "complete": complete,
        "columns": [column.report() for column in columns],
    }


@task(kind="DATA_PROCESSING", timeout=600, max_attempts=2)
def aggregate_csv(path: str, by: str, value: str, *, encoding: str = "utf-8-sig", grant: str = "") -> dict[str, Any]:
    """Group the rows of a CSV file by one column and add up another: count, sum, mean, extremes of each group."""
    source = readable_file(path, grant)
    groups: dict[str, Figures] = {}
    others = Figures()
    with _table(source, encoding) as (names, rows, _):
        absent = [name for name in (by, value) if name not in names]
        if absent:
            raise LibraryError(f"{shown(path)} has no column {absent[0]!r}; it has {', '.join(names)[:300]}.")
        group_at, value_at = names.index(by), names.index(value)
        for row in rows:
            number = as_number(row[value_at]) if max(group_at, value_at) < len(row) else None
            if number is not None:
                key = row[group_at][:MAX_TEXT]
                figures = groups.setdefault(key, Figures()) if key in groups or len(groups) < MAX_GROUPS else others
                figures.add(number)
    ranked = sorted(groups.items(), key=lambda item: (-item[1].total, item[0]))
    return {
        "path": shown(source),
        "by": by,
        "value": value,
        "groups": [{"group": key} | _summed(figures) for key, figures in ranked],
        "others": _summed(others) if others.count else None,
    }


def _summed(figures: Figures) -> dict[str, Any]:
    return {
        "count": figures.count,
        "sum": _finite(figures.total),
        "mean": _finite(figures.mean),
        "min": figures.low,
        "max": figures.high,
    }


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None


@contextmanager
def _table(source: Path, encoding: str) -> Iterator[tuple[list[str], Iterator[list[str]], str]]:
    """Open a CSV file as the names of its columns, its rows and its delimiter."""
    try:
        with source.open(encoding=encoding, newline="") as reading:
            dialect = _dialect(reading)
            rows: Iterator[list[str]] = (row for row in csv.reader(reading, dialect) if row)
            first = next(rows, None)
            if first is None:
                raise LibraryError(f"{shown(source)} is empty.")
            if len(first) > MAX_COLUMNS:
                raise LibraryError(f"{shown(source)} has {len(first)} columns; at most {MAX_COLUMNS} are read.")
            names, rows = _named(first, rows)
            yield names, rows, dialect.delimiter
    except (UnicodeError, LookupError) as error:
        raise LibraryError(f"{shown(source)} cannot be read as {encoding}: pass its encoding.") from error
    except csv.Error as error:
        raise LibraryError(f"{shown(source)} is not a readable CSV file: {error}.") from error


def _dialect(reading: TextIO) -> type[csv.Dialect]:
    sample = reading.read(SAMPLE)
    reading.seek(0)
    if "\0" in sample:
        raise csv.Error("it holds NUL bytes")
    try:
        return csv.Sniffer().sniff(sample, DELIMITERS)
    except csv.Error:
        return csv.excel


def _named(first: list[str], rows: Iterator[list[str]]) -> tuple[list[str], Iterator[list[str]]]:
    """Take the first row for the names when it is all distinct words; number the columns when it is not."""
    words = [cell.strip() for cell in first]
    if all(words) and len(set(words)) == len(words) and not any(as_number(word) is not None for word in words):
        return [word[:MAX_TEXT] for word in words], rows
    return [f"column {number}" for number in range(1, len(first) + 1)], _again(first, rows)


def _again(first: list[str], rows: Iterator[list[str]]) -> Iterator[list[str]]:
    yield first
    yield from rows
