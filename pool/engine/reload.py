"""Notices changed code while one develops: compares the times of the project's Python files, once a second.

Only the project's own files: its base folder and its apps, not what is installed. Used by `serve` with DEBUG.
"""

import os
import site
import sysconfig
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from django.apps import apps
from django.conf import settings

PASSED_OVER = frozenset({"__pycache__", "node_modules", "site-packages", "dist-packages", "var"})
MOST_FILES = 20_000
"""A base folder that holds more is not a project; what lies beyond is not watched."""

Times = dict[str, int]


class SourceWatch:
    """Remembers when each file was changed."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self.folders = outermost(folders)
        self.times = self.look()

    def changed(self) -> list[str]:
        """Files that were changed, added or removed since the last time."""
        before, self.times = self.times, self.look()
        if before == self.times:
            return []
        return sorted(path for path in before.keys() | self.times.keys() if before.get(path) != self.times.get(path))

    def look(self) -> Times:
        found: Times = {}
        for folder in self.folders:
            for path, time_ns in python_files(str(folder)):
                found[path] = time_ns
                if len(found) >= MOST_FILES:
                    return found
        return found


def project_folders() -> list[Path]:
    """The base folder and the folders of the project's own apps."""
    folders = [Path(config.path) for config in apps.get_app_configs()]
    if base := getattr(settings, "BASE_DIR", None):
        folders.append(Path(base))
    return [folder for folder in folders if not is_installed(folder)]


def is_installed(folder: Path) -> bool:
    """Whether it belongs to Python or to an installed package."""
    paths = sysconfig.get_paths()
    places = {paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")} | {*site.getsitepackages()}
    real = folder.resolve()
    return any(real.is_relative_to(Path(place).resolve()) for place in (*places, site.getusersitepackages()))


def outermost(folders: Iterable[Path]) -> list[Path]:
    """The folders without those that lie in another one."""
    kept: list[Path] = []
    for folder in sorted({folder.resolve() for folder in folders}, key=lambda path: len(path.parts)):
        if not any(folder.is_relative_to(outer) for outer in kept):
            kept.append(folder)
    return kept


def python_files(folder: str) -> Iterator[tuple[str, int]]:
    """Python files below a folder, with their time of change. Virtual environments and hidden folders are left out."""
    waiting = [folder]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                found = list(entries)
        except OSError:
            continue
        if any(entry.name == "pyvenv.cfg" for entry in found):
            continue
        ours = [entry for entry in found if not entry.name.startswith(".") and entry.name not in PASSED_OVER]
        waiting += [entry.path for entry in ours if entry.is_dir(follow_symlinks=False)]
        for entry in ours:
            if entry.name.endswith(".py"):
                with suppress(OSError):
                    yield entry.path, entry.stat().st_mtime_ns
