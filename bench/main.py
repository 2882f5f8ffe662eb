"""The bench: takes measures on databases, compares the figures with the goals, and prints a table or JSON.

`run` is called by `manage.py pool bench` and by `python -m bench`. It works in the calling process without Django;
everything that is measured runs in processes of its own, on temporary sites, and is gone when it returns.
"""

import argparse
import pstats
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from rich.console import Console

from bench import chaos, databases, machine
from bench.databases import KINDS, SQLITE_NORMAL, TITLES
from bench.figures import BY_KEY, Taken
from bench.measures.listed import BY_NAME, MEASURES, Measure
from bench.measures.plan import MANY, Plan
from bench.measures.scheduling import BY_NAME as OF_SCHEDULER
from bench.measures.scheduling import SCHEDULING
from bench.report import Broken, Report, number
from bench.site import Ground, ground

PROFILE_LINES = 30
ALL = BY_NAME | OF_SCHEDULER


def run(arguments: Sequence[str]) -> int:
    """Take the measures; 0, 1 when one of them failed, 2 for wrong arguments. A goal that is missed is no failure."""
    try:
        options = parser().parse_args(list(arguments))
    except SystemExit as leave:
        return int(leave.code or 0)
    try:
        if options.chaos:
            with terminable():
                return chaos.run(options)
        with terminable(), temporary_folder(options.folder) as folder:
            report = Bench(options, folder).run()
    except KeyboardInterrupt:
        say("Stopped.")
        return 130
    if options.json:
        print(report.as_json())
    else:
        show(report)
    return 1 if report.broken else 0


def parser() -> argparse.ArgumentParser:
    names = ", ".join(ALL)
    made = argparse.ArgumentParser(prog="bench", description="Measure the pool against its goals, on sites of its own.")
    made.add_argument("--only", type=_measures, default=list(MEASURES), metavar="NAMES", help=f"some of: {names}")
    made.add_argument(
        "--scheduling",
        action="store_const",
        dest="only",
        const=list(SCHEDULING),
        help="what the scheduler promises, instead of the rest",
    )
    made.add_argument(
        "--database",
        type=_kinds,
        default=list(KINDS),
        metavar="KINDS",
        help=f"some of: {', '.join(KINDS)}; or all, where {SQLITE_NORMAL} takes only what depends on syncs (default)",
    )
    made.add_argument("--database-url", type=_server, help="a PostgreSQL server; the bench makes its own databases")
    made.add_argument("--reps", type=_count, default=3, help="repetitions of which the median counts (3)")
    made.add_argument("--jobs", type=_jobs, default=MANY, help="jobs in the lists of `pages` (1,000,000)")
    made.add_argument("--quick", action="store_true", help="little of everything, once: shows that it works")
    made.add_argument("--folder", type=_folder, help="where to put the databases, to measure that disk")
    made.add_argument("--json", action="store_true", help="print JSON alone on standard output")
    made.add_argument(
        "--profile", type=_measure, metavar="NAME", help="take this measure once, with the node under cProfile"
    )
    made.add_argument(
        "--chaos", type=_minutes, metavar="MINUTES", help="kill random processes under load instead, and count effects"
    )
    made.add_argument("--seed", type=int, help="of the chaos: have a former run again")
    return made


class Bench:
    """One run."""

    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        self.options, self.folder = options, folder
        self.plan = Plan(options.quick, options.jobs)
        self.taken: list[Taken] = []
        self.broken: list[Broken] = []

    def run(self) -> Report:
        start = time.monotonic()
        facts = machine.facts(self.folder) | {"before": machine.probe(self.folder)}
        for kind in self.options.database:
            self.on_database(kind)
        facts["after"] = machine.probe(self.folder)
        return Report(facts, self.taken, self.broken, time.monotonic() - start)

    def on_database(self, kind: str) -> None:
        measures = [measure for measure in self.measures if measure.syncs or kind != SQLITE_NORMAL or not self.all]
        database = databases.database(kind, self.folder, self.options.database_url or "")
        profile = self.folder / "node.profile" if self.options.profile else None
        try:
            with ground(database, self.folder, profile) as here:
                for measure in measures:
                    self.take(here, measure)
        except Exception as error:  # noqa: BLE001  a database that cannot be had leaves the others to be measured
            self.fail(kind, "database", error)

    @property
    def all(self) -> bool:
        return list(self.options.database) == list(KINDS)

    @property
    def measures(self) -> list[Measure]:
        return [self.options.profile] if self.options.profile else self.options.only

    def take(self, here: Ground, measure: Measure) -> None:
        kind = here.database.kind
        samples: dict[str, list[float]] = {}
        for turn in range(self.repetitions(measure)):
            say(f"{TITLES[kind]}: {measure.name}{f' ({turn + 1})' if turn else ''} …")
            try:
                values = measure.take(here, self.plan)
            except Exception as error:  # noqa: BLE001  one measure that fails leaves the others to be taken
                self.fail(kind, measure.name, error)
                break
            for key, value in values.items():
                samples.setdefault(key, []).append(float(value))
            say("  " + ", ".join(f"{key} {number(value)} {BY_KEY[key].unit}" for key, value in values.items()))
        self.taken += [Taken(kind, measure.name, BY_KEY[key], found) for key, found in samples.items()]
        if here.profile is not None:
            show_profile(here.profile, f"bench-{measure.name}-{kind}.pstats")

    def repetitions(self, measure: Measure) -> int:
        once = self.options.quick or self.options.profile or measure.long
        return 1 if once else int(self.options.reps)

    def fail(self, kind: str, measure: str, error: Exception) -> None:
        sentence = f"{type(error).__name__}: {error}"[:500]
        say(f"  failed: {sentence}")
        self.broken.append(Broken(kind, measure, sentence))


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def show(report: Report) -> None:
    console = Console(width=None if sys.stdout.isatty() else 150)
    for table in report.tables():
        console.print(table)
    facts = report.machine
    console.print(
        f"{facts['cores']} cores, Python {facts['python']}, {facts['filesystem']}; before {_probe(facts['before'])}; "
        f"after {_probe(facts['after'])}",
        highlight=False,
    )
    console.print(report.summary(), highlight=False)


def show_profile(profile: Path, keep_as: str) -> None:
    """Print the costliest functions of the node and keep the profile in the current folder."""
    if not profile.exists():
        return
    shutil.move(profile, keep_as)
    stats = pstats.Stats(keep_as, stream=sys.stderr)
    stats.sort_stats("tottime").print_stats(PROFILE_LINES)
    say(f"The whole profile is in {keep_as}: look at it with python -m pstats {keep_as}")


@contextmanager
def terminable() -> Iterator[None]:
    """SIGTERM ends the bench like Ctrl-C does: with everything taken down."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def temporary_folder(parent: Path | None) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _probe(facts: dict[str, Any]) -> str:
    return f"{facts['mloops_s']:g} M loops/s, {facts['fsyncs_s']:,g} syncs/s, load {facts['load']:.1f}"


def _measure(name: str) -> Measure:
    if name not in ALL:
        raise argparse.ArgumentTypeError(f"there is no measure {name!r}, only {', '.join(ALL)}")
    return ALL[name]


def _measures(names: str) -> list[Measure]:
    return [_measure(name) for name in names.split(",")]


def _kinds(names: str) -> list[str]:
    if names == "all":
        return list(KINDS)
    for name in names.split(","):
        if name not in KINDS:
            raise argparse.ArgumentTypeError(f"there is no database {name!r}, only {', '.join(KINDS)} and all")
    return names.split(",")


def _folder(text: str) -> Path:
    if not Path(text).is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {text!r}")
    return Path(text).resolve()


def _minutes(text: str) -> float:
    try:
        minutes = float(text)
    except ValueError:
        minutes = 0.0
    if not 0 < minutes <= 1440:
        raise argparse.ArgumentTypeError(f"it must be a number of minutes up to 1440, not {text!r}")
    return minutes


def _server(url: str) -> str:
    if url and not url.startswith(("postgres://", "postgresql://")):
        raise argparse.ArgumentTypeError("it must begin with postgresql://; SQLite is measured in --folder")
    return url


def _jobs(text: str) -> int:
    if not text.isdigit() or not 5000 <= int(text) <= 100_000_000:
        raise argparse.ArgumentTypeError(f"it must be a whole number from 5000 to 100000000, not {text!r}")
    return int(text)


def _count(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 100:
        raise argparse.ArgumentTypeError(f"it must be a whole number from 1 to 100, not {text!r}")
    return int(text)
