"""Enqueues the demo's jobs, waits for them, and prints what came out. Runs in the process of `manage.py pool demo`.

The jobs are like any other: they stay in the pool and go on when the command is interrupted.
"""

import csv
import io
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from django.utils import timezone
from rich.console import Console

import pool
from pool import registry
from pool.domain.ids import new_id
from pool.library.demo.plan import TO_CANCEL, DemoCall, DemoPlan, default_folder, plan
from pool.library.demo.report import DemoReport, report
from pool.library.demo.screen import draw, progress
from pool.library.demo.watch import DemoRefused, Watch, require_open_pool
from pool.library.errors import LibraryError
from pool.library.extra import INSTALL
from pool.library.paths import grant, replacing, writable

LIMIT = 10_000
MOST = 100_000


def run_demo(
    folder: str | Path | None = None, *, limit: int = LIMIT, console: Console | None = None, as_json: bool = False
) -> int:
    """Run the demo over a folder and return the exit code; with `as_json`, print one JSON object and nothing else."""
    out, errors = console or Console(), Console(stderr=True)
    say = errors if as_json else out
    try:
        done = _demo(_checked(folder, limit), limit, say, quiet=as_json)
    except KeyboardInterrupt:
        say.print("Stopped watching. The jobs go on: see them with manage.py pool jobs.")
        return 1
    except DemoRefused as refused:
        errors.print(f"Error: {refused}", markup=False, highlight=False, soft_wrap=True)
        return refused.code
    if as_json:
        out.file.write(json.dumps(done.as_dict()) + "\n")
    else:
        draw(done, out)
    return 0


def _demo(folder: Path, limit: int, say: Console, *, quiet: bool) -> DemoReport:
    require_open_pool()
    table = _table_path()
    made = plan(folder, limit, grant=grant(folder), table=str(table))
    if not made.files and len(made.calls) < limit:
        raise DemoRefused(f"There is no file in {folder} that could be read: name another folder.")
    _write_table(made, table)
    began, start = time.monotonic(), timezone.now()
    if not quiet:
        say.print(f"{len(made.calls):,} jobs over {len(made.files):,} files of {folder}", markup=False, highlight=False)
    ids = enqueue(made.calls)
    watch = Watch(ids, start, to_cancel=ids[made.calls.index(TO_CANCEL)] if TO_CANCEL in made.calls else None)
    with progress(say, len(ids), quiet=quiet) as show:
        for rows in watch.until_done():
            show(rows)
    return report(watch.rows, time.monotonic() - began, _notes(made, watch))


def enqueue(calls: Sequence[DemoCall]) -> list[UUID]:
    """Enqueue the calls, those of one task together, and return their ids in the order of the calls."""
    places: dict[tuple[bool, str], list[int]] = {}
    for place, call in enumerate(calls):
        places.setdefault((call.is_last, call.task), []).append(place)
    ids: dict[int, UUID] = {}
    marks: dict[str, Any] = {"tags": ["demo"], "metadata": {"demo": str(new_id())}}
    for (_, name), at in sorted(places.items(), key=lambda item: item[0][0]):
        task = registry.find(name).using(**marks)
        made = pool.enqueue_many(task, [(calls[place].args, calls[place].kwargs) for place in at])
        ids.update(zip(at, (UUID(str(one)) for one in made), strict=True))
    return [ids[place] for place in range(len(calls))]


def _checked(folder: str | Path | None, limit: int) -> Path:
    chosen = Path(folder) if folder else default_folder()
    if not chosen.is_dir():
        raise DemoRefused(f"There is no folder {chosen}.", code=2)
    if not os.access(chosen, os.R_OK | os.X_OK):
        raise DemoRefused(f"The folder {chosen} may not be read by you: name another.", code=2)
    if not 1 <= limit <= MOST:
        raise DemoRefused(f"The number of jobs must be from 1 to {MOST}, not {limit}.", code=2)
    return chosen.resolve()


def _table_path() -> Path:
    try:
        return writable("demo/files.csv")
    except LibraryError as error:
        raise DemoRefused(str(error)) from error


def _write_table(made: DemoPlan, table: Path) -> None:
    """Write one row for each file: the input of the table tasks."""
    text = io.StringIO()
    writing = csv.writer(text)
    writing.writerow(("path", "suffix", "depth", "bytes"))
    writing.writerows((found.path, found.suffix or "none", found.depth, found.size) for found in made.files)
    try:
        with replacing(table) as file:
            file.write(text.getvalue().encode())
    except LibraryError as error:
        raise DemoRefused(str(error)) from error


def _notes(made: DemoPlan, watch: Watch) -> list[str]:
    notes = [f"Left out: {count} {reason}." for reason, count in sorted(made.left_out.items())]
    if made.missing:
        notes.append(f"Left out: work that needs {', '.join(made.missing)}. Install the extra: {INSTALL}")
    if watch.lost:
        notes.append(f"{watch.lost} jobs were deleted while the demo ran.")
    return notes
