"""Draws the demo in the terminal with rich: the progress bar while it runs, the tables at its end."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.filesize import decimal
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from pool.domain.states import JobStatus
from pool.library.demo.plan import SHOWCASE
from pool.library.demo.report import DemoReport, DemoRow

Show = Callable[[list[DemoRow]], None]


@contextmanager
def progress(console: Console, total: int, *, quiet: bool) -> Iterator[Show]:
    """Show jobs done, jobs per second and failures while rows come in."""
    columns = (
        TextColumn("jobs"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TextColumn("{task.fields[failed]} failed"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, disable=quiet) as bar:
        line = bar.add_task("jobs", total=total, rate="", failed=0)

        def show(rows: list[DemoRow]) -> None:
            elapsed = bar.tasks[line].elapsed or 0.0
            rate = f"{len(rows) / elapsed:,.0f}/s" if elapsed > 0 else ""
            bar.update(line, completed=len(rows), rate=rate, failed=sum(map(_is_failure, rows)))

        yield show


def draw(report: DemoReport, console: Console) -> None:
    """Print the report."""
    for title, rows, keys in (
        ("By task", report.by_task, ("task", "jobs", "completed", "not_completed", "mean_ms", "max_ms")),
        ("Slowest jobs", report.slowest, ("run_ms", "task", "about")),
        ("Failures", report.failures, ("jobs", "task", "error", "message", "id")),
        (
            "On purpose: a retry, a cancel, a timeout, a dead letter (pool.library.showcase)",
            report.showcase,
            ("task", "status", "attempts", "message"),
        ),
    ):
        if rows:
            console.print(_table(title, rows, keys))
    for line in _sentences(report):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _is_failure(row: DemoRow) -> bool:
    return row.status != JobStatus.COMPLETED and not row.task.startswith(SHOWCASE)


def _table(title: str, rows: list[dict[str, Any]], keys: tuple[str, ...]) -> Table:
    table = Table(title=title, title_justify="left", header_style="bold")
    for key in keys:
        is_number = any(isinstance(row[key], int | float) for row in rows)
        table.add_column(key.replace("_", " "), justify="right" if is_number else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_cell(row[key]) for key in keys))
    return table


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:,.1f}"
    return f"{value:,}" if isinstance(value, int) else escape(str(value))


def _sentences(report: DemoReport) -> Iterator[str]:
    hashed, packed, text = report.hashed, report.packed, report.text
    if hashed["files"]:
        repeated = f"{decimal(hashed['repeated_bytes'])} of it are copies"
        yield f"Hashed {decimal(hashed['bytes'])} in {hashed['files']:,} files; {repeated}."
    if packed["files"]:
        sizes = f"{decimal(packed['bytes'])} to {decimal(packed['packed_bytes'])}"
        yield f"Packed {packed['files']:,} files from {sizes}, {packed['ratio']} to 1; each was unpacked and compared."
    if text["files"]:
        common = ", ".join(word for word, _ in text["most_common"])
        yield f"Read {text['lines']:,} lines with {text['words']:,} words; the most common: {common}."
    if report.images:
        yield f"Images: {report.images:,} jobs."
    states = ", ".join(f"{count:,} {status}" for status, count in report.by_status.items())
    work, rate = report.jobs - len(report.showcase), report.jobs_per_second
    yield f"{report.jobs:,} jobs: {states}."
    yield f"{work:,} of them over files and numbers, in {report.work_seconds:,.1f} s, {rate:,.0f} a second."
    for letter in [story for story in report.showcase if story["status"] == JobStatus.FAILED][:1]:
        yield f"Look at the dead letter with manage.py pool job {letter['id']}, or run it again with pool retry."
    yield from report.notes
