"""Decides which jobs `pool demo` enqueues for the files of a folder. Reads names and sizes, opens no file.

The same folder gives the same jobs in the same order. Links are not followed, so that no folder is walked twice; huge
files, files that cannot be read and names that are not text are counted and left out.
"""

import os
import sysconfig
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pool.library.extra import is_installed

LIBRARY = "pool.library."
SHOWCASE = "pool.library.showcase."
HUGE = 256 << 20
WORTH_PACKING = 16 << 10
ENCRYPTED_FILES = 25
SCANNED_FOLDERS = 50
PASSED_OVER = frozenset({"__pycache__", "site-packages", "dist-packages", "node_modules", ".git", ".hg", ".venv"})
TEXTS = frozenset({".py", ".pyi", ".txt", ".md", ".rst", ".toml", ".cfg", ".html", ".css", ".js", ".c", ".h", ".sql"})
IMAGES = frozenset({".png", ".gif", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".ico", ".ppm"})
NEEDS = {"compression": "zstandard", "computation": "numpy", "encryption": "cryptography", "images": "PIL"}


@dataclass(frozen=True, slots=True)
class DemoCall:
    """One job to be: the dotted name of a task, its arguments, and whether it comes after all others."""

    task: str
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    is_last: bool = False


TO_CANCEL = DemoCall(f"{SHOWCASE}counts_slowly", kwargs={"seconds": 20.0}, is_last=True)
"""The caller cancels this one while it runs."""

# Of the showcase, only one job that keeps its worker busy comes first: the others would hold up the work at its start.
FIRST = (
    DemoCall(f"{SHOWCASE}always_fails"),
    DemoCall(f"{SHOWCASE}succeeds_at_last"),
    DemoCall(f"{SHOWCASE}counts_slowly"),
)
LAST = (TO_CANCEL, DemoCall(f"{SHOWCASE}overruns", is_last=True))


@dataclass(frozen=True, slots=True)
class Found:
    """A file below the folder. Depth 1 is the folder itself."""

    path: str
    size: int
    depth: int

    @property
    def suffix(self) -> str:
        return os.path.splitext(self.path)[1].lower()


@dataclass(slots=True)
class DemoPlan:
    """The jobs, the files they are about, and what was left out and why."""

    folder: str
    calls: list[DemoCall] = field(default_factory=list)
    files: list[Found] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    missing: list[str] = field(default_factory=list)


def default_folder() -> Path:
    """Name the folder of Python's own standard library."""
    return Path(sysconfig.get_path("stdlib"))


def plan(
    folder: Path, limit: int, *, grant: str = "", table: str = "", installed: Callable[[str], bool] = is_installed
) -> DemoPlan:
    """Plan up to `limit` jobs: some of the showcase, some computing, all that suits each file, more of the showcase.

    `table` is the CSV file that the caller will write with one row for each file of the plan.
    """
    made = DemoPlan(str(folder.resolve()))
    made.missing = sorted({module for module in NEEDS.values() if not installed(module)})
    offers, room = Offers(grant, frozenset(made.missing)), max(limit - len(LAST), 0)
    made.calls = [*FIRST, *offers.of_computing(), *offers.of_folders(Path(made.folder), limit)]
    made.calls += offers.of_table(table) if table else []
    for found in walk(Path(made.folder), made.left_out):
        if len(made.calls) >= room:
            break
        made.files.append(found)
        made.calls += offers.of_file(found)
    made.calls = [*made.calls[:room], *LAST][:limit]
    return made


@dataclass(slots=True)
class Offers:
    """Which tasks suit which input, as far as their libraries are installed."""

    grant: str
    missing: frozenset[str]
    encrypted: int = 0

    def of_computing(self) -> list[DemoCall]:
        calls = [self._call("computation.matrix_multiply", size) for size in (256, 512, 1024)]
        calls += [self._call("computation.estimate_pi", 2_000_000, seed=seed) for seed in range(3)]
        return self._possible(calls)

    def of_folders(self, folder: Path, limit: int) -> list[DemoCall]:
        """Scan the folder and folders directly in it; of a small plan this is a small part."""
        with os.scandir(folder) as entries:
            found = [e for e in entries if e.is_dir(follow_symlinks=False) and e.name not in PASSED_OVER]
        inner = sorted(entry.path for entry in found if _is_text(entry.path))
        scanned = [str(folder), *inner[: min(SCANNED_FOLDERS, limit // 20)]]
        return [self._call("files.scan_directory", path, grant=self.grant) for path in scanned]

    def of_table(self, table: str) -> list[DemoCall]:
        return [
            self._call("tables.csv_statistics", table),
            self._call("tables.aggregate_csv", table, "suffix", "bytes"),
            self._call("tables.aggregate_csv", table, "depth", "bytes"),
        ]

    def of_file(self, found: Found) -> list[DemoCall]:
        """Hash every file; then what its suffix and size suggest."""
        names: list[tuple[str, tuple[Any, ...]]] = [("files.hash_file", ())]
        if found.suffix in TEXTS:
            names.append(("text.text_statistics", ()))
        if found.suffix == ".csv":
            names.append(("tables.csv_statistics", ()))
        if found.suffix in IMAGES:
            names += [("images.resize_image", (320, 240)), ("images.filter_image", ("grayscale",))]
            names.append(("images.make_thumbnails", ()))
        elif found.size >= WORTH_PACKING:
            names.append(("compression.compress_file", ()))
            if self.encrypted < ENCRYPTED_FILES:
                self.encrypted += 1
                names.append(("encryption.encrypt_file", ()))
        folder = {"folder": "demo"}
        return self._possible(
            self._call(name, found.path, *rest, grant=self.grant, **(folder if name.partition(".")[0] in NEEDS else {}))
            for name, rest in names
        )

    def _call(self, name: str, *args: Any, **kwargs: Any) -> DemoCall:
        return DemoCall(LIBRARY + name, args, kwargs)

    def _possible(self, calls: Iterable[DemoCall]) -> list[DemoCall]:
        return [call for call in calls if NEEDS.get(call.task.split(".")[2]) not in self.missing]


def walk(folder: Path, left_out: Counter[str]) -> Iterator[Found]:
    """Yield the files below a folder in the order of their names, a folder's own files before those of its folders."""
    waiting = [(str(folder), 1)]
    while waiting:
        path, depth = waiting.pop()
        try:
            with os.scandir(path) as entries:
                ordered = sorted(entries, key=lambda entry: entry.name)
        except OSError:
            left_out["folders that cannot be read"] += 1
            continue
        below = []
        for entry in ordered:
            if entry.is_dir(follow_symlinks=False):
                below += [] if entry.name in PASSED_OVER else [(entry.path, depth + 1)]
            elif reason := _unfit(entry):
                left_out[reason] += 1
            else:
                yield Found(entry.path, entry.stat(follow_symlinks=False).st_size, depth)
        waiting += reversed(below)


def _unfit(entry: os.DirEntry[str]) -> str:
    """Say why a file is left out; empty when it is fit."""
    try:
        if entry.is_symlink():
            return "links"
        if not entry.is_file(follow_symlinks=False):
            return "devices, sockets and pipes"
        if not _is_text(entry.path):
            return "names that are not text"
        if entry.stat(follow_symlinks=False).st_size > HUGE:
            return "files larger than 256 MB"
        return "" if os.access(entry.path, os.R_OK) else "files that cannot be read"
    except OSError:
        return "files that went away"


def _is_text(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in path
