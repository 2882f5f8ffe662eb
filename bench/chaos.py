"""`bench --chaos MINUTES`: random members of the real process tree are killed under load, and every effect is counted.

The harness is that of tests/chaos, which the tests use for seconds. This runs it for minutes, times recoveries,
restarts PostgreSQL ten times, and prints the counts side by side. Exit code 1 when a promise was broken.
"""

import argparse
import importlib
import json
import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.databases import POSTGRES, SQLITE, TITLES

NAMES = {SQLITE: "sqlite", POSTGRES: "postgresql"}

RATE = 400.0
"""Jobs submitted in a second."""

KILLS, FEW_KILLS = 100, 5
"""Of workers, one after the other, to time what follows."""

RESTARTS, FEW_RESTARTS = 10, 2


def run(options: argparse.Namespace) -> int:
    """Run it on each database; 0, 1 when a promise was broken, 2 when it cannot be run so."""
    wanted = [kind for kind in options.database if kind in NAMES]
    if not wanted or options.database_url:
        print(f"Chaos needs {SQLITE} or {POSTGRES}, and a server of its own to restart.", file=sys.stderr)
        return 2
    try:
        harness: Any = importlib.import_module("tests.chaos.run")
        restarts: Any = importlib.import_module("tests.chaos.restarts")
    except ImportError as error:
        print(f"Chaos needs the tests of the repository and the extra [test]: {error}.", file=sys.stderr)
        return 2
    reports = []
    kills, times = (FEW_KILLS, FEW_RESTARTS) if options.quick else (KILLS, RESTARTS)
    for kind in wanted:
        seconds = options.chaos * 60
        report = harness.run_chaos(NAMES[kind], seconds, options.seed, RATE, measure=kills, say=say)
        reports.append((TITLES[kind], report))
        if kind == POSTGRES:
            report = restarts.restart_postgres(times, seed=options.seed, rate=RATE, say=say)
            reports.append((f"{TITLES[kind]}, restarted {times} times", report))
    tell(reports, as_json=options.json)
    return int(any(report.violations for _, report in reports))


def tell(reports: Sequence[tuple[str, Any]], *, as_json: bool) -> None:
    for title, report in reports:
        say(f"{title}\n{report}")
        if report.violations:
            say(report.examples())
    if as_json:
        print(json.dumps({"chaos": [{"title": title, **report.as_dict()} for title, report in reports]}, indent=1))
    else:
        Console(width=None if sys.stdout.isatty() else 150).print(table(reports))


def table(reports: Sequence[tuple[str, Any]]) -> Table:
    """A column for each run."""
    made = Table(title="Chaos", title_justify="left", title_style="bold")
    made.add_column("")
    for title, _ in reports:
        made.add_column(title, justify="right")
    rows: dict[str, list[str]] = {}
    for at, (_, report) in enumerate(reports):
        for name, value in lines(report).items():
            rows.setdefault(name, [""] * len(reports))[at] = value
    broken = {what for _, report in reports for what in report.violations}
    for name, values in rows.items():
        made.add_row(name, *values, style="bold red" if name in broken else None)
    return made


def lines(report: Any) -> dict[str, str]:
    told = {"seed": str(report.seed), "seconds": f"{report.seconds:g}"}
    told |= {name: f"{value:,}" for name, value in report.figures().items()}
    killed = {f"kill -9 of: {who}": f"{count:,}" for (who, what), count in report.deeds.items() if what == "kill"}
    return told | dict(sorted(killed.items())) | {name: f"{value:.2f}" for name, value in report.timings.items()}


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
