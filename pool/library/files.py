"""Tasks over files and folders: hash, scan, read, write. They run in a worker.

All read in pieces, so that memory does not grow with the file, and all answer with a bounded result.
"""

import base64
import hashlib
import os
from collections import Counter
from dataclasses import dataclass, field
from heapq import heappush, heappushpop
from pathlib import Path
from typing import Any

from pool import task
from pool.library.errors import LibraryError
from pool.library.paths import chunks, output_folder, readable_file, readable_folder, replacing, shown, writable

ALGORITHMS = tuple(sorted(name for name in hashlib.algorithms_guaranteed if not name.startswith("shake_")))
MAX_READ = 512 * 1024
MAX_ENTRIES = 1_000_000
SIZES = ((1024, "up to 1 kB"), (64 * 1024, "up to 64 kB"), (1024**2, "up to 1 MB"), (64 * 1024**2, "up to 64 MB"))
SHOWN = 20


@task(kind="FILE_IO", timeout=600, max_attempts=2)
def hash_file(path: str, *, algorithms: list[str] | tuple[str, ...] = ("sha256",), grant: str = "") -> dict[str, Any]:
    """Compute one or several digests of a file in one pass."""
    unknown = [name for name in algorithms if name not in ALGORITHMS]
    if unknown or not algorithms:
        raise LibraryError(f"Unknown algorithm {unknown}: choose among {', '.join(ALGORITHMS)}.")
    source = readable_file(path, grant)
    digests = {name: hashlib.new(name, usedforsecurity=False) for name in algorithms}
    size = 0
    with source.open("rb") as reading:
        for chunk in chunks(reading):
            size += len(chunk)
            for digest in digests.values():
                digest.update(chunk)
    return {"path": shown(source), "bytes": size, "digests": {name: d.hexdigest() for name, d in digests.items()}}


@dataclass(slots=True)
class Scan:
    """What was found below a folder so far."""

    files: int = 0
    folders: int = 0
    links: int = 0
    others: int = 0
    unreadable: int = 0
    size: int = 0
    by_suffix: Counter[str] = field(default_factory=Counter)
    by_depth: Counter[int] = field(default_factory=Counter)
    by_size: Counter[str] = field(default_factory=Counter)
    largest: list[tuple[int, str]] = field(default_factory=list)

    def entries(self) -> int:
        return self.files + self.folders + self.links + self.others

    def add(self, other: "Scan") -> None:
        """Count what another scan found as well."""
        for name in ("files", "folders", "links", "others", "unreadable", "size"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.by_suffix.update(other.by_suffix)
        self.by_depth.update(other.by_depth)
        self.by_size.update(other.by_size)
        for file in other.largest:
            (heappush if len(self.largest) < SHOWN else heappushpop)(self.largest, file)

    def report(self, root: Path, *, complete: bool) -> dict[str, Any]:
        return {
            "path": shown(root),
            "files": self.files,
            "folders": self.folders,
            "links": self.links,
            "others": self.others,
            "unreadable": self.unreadable,
            "bytes": self.size,
            "complete": complete,
            "by_suffix": dict(self.by_suffix.most_common(SHOWN)),
            "by_depth": {str(depth): count for depth, count in sorted(self.by_depth.items())},
            "by_size": dict(self.by_size),
            "largest": [{"path": shown(name), "bytes": size} for size, name in sorted(self.largest, reverse=True)],
        }

    def add_file(self, entry: os.DirEntry[str], depth: int) -> None:
        size = entry.stat(follow_symlinks=False).st_size
        self.files += 1
        self.size += size
        self.by_suffix[shown(os.path.splitext(entry.name)[1].lower()) or "none"] += 1
        self.by_depth[depth] += 1
        self.by_size[next((label for limit, label in SIZES if size <= limit), "larger")] += 1
        (heappush if len(self.largest) < SHOWN else heappushpop)(self.largest, (size, entry.path))


@task(kind="FILE_IO", timeout=600, max_attempts=2)
def scan_directory(path: str, *, max_depth: int = 50, grant: str = "") -> dict[str, Any]:
    """Count what lies below a folder by suffix, size and depth; links are counted and not followed."""
    root = readable_folder(path, grant)
    scan = Scan()
    complete = scan_below(scan, root, 1, max_depth)
    return scan.report(root, complete=complete)


def scan_below(scan: Scan, root: Path, depth: int, max_depth: int) -> bool:
    """Count everything below a folder that lies so deep; whether that was all."""
    waiting = [(root, depth)]
    while waiting and scan.entries() < MAX_ENTRIES:
        folder, depth = waiting.pop()
        below = scan_folder(scan, folder, depth)
        waiting += [(inner, depth + 1) for inner in below if depth < max_depth]
    return not waiting


def scan_folder(scan: Scan, folder: Path, depth: int) -> list[Path]:
    """Count one folder and return the folders in it."""
    below: list[Path] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                _count(scan, entry, depth, below)
    except OSError:
        scan.unreadable += 1
    return below


def _count(scan: Scan, entry: os.DirEntry[str], depth: int, below: list[Path]) -> None:
    if entry.is_symlink():
        scan.links += 1
    elif entry.is_dir(follow_symlinks=False):
        scan.folders += 1
        below.append(Path(entry.path))
    elif entry.is_file(follow_symlinks=False):
        scan.add_file(entry, depth)
    else:
        scan.others += 1


@task(kind="FILE_IO", timeout=60, max_attempts=2)
def read_file(path: str, *, offset: int = 0, max_bytes: int = 64 * 1024, grant: str = "") -> dict[str, Any]:
    """Read a part of a file: as text when it is UTF-8, as base64 when it is not."""
    if not 0 < max_bytes <= MAX_READ or offset < 0:
        raise LibraryError(f"max_bytes must be from 1 to {MAX_READ} and offset not negative.")
    source = readable_file(path, grant)
    with source.open("rb") as reading:
        reading.seek(offset)
        data = reading.read(max_bytes)
        size = os.fstat(reading.fileno()).st_size
    answer = {"path": shown(source), "bytes": size, "offset": offset, "complete": offset + len(data) >= size}
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = "\0"
    # No database stores a NUL in JSON.
    if "\0" in text:
        return answer | {"encoding": "base64", "data": base64.b64encode(data).decode()}
    return answer | {"encoding": "utf-8", "data": text}


@task(kind="FILE_IO", timeout=60, max_attempts=2)
def write_file(name: str, text: str, *, folder: str = "written") -> dict[str, Any]:
    """Write a text below the output folder; an older file of this name is replaced."""
    target = writable(f"{folder}/{name}")
    data = text.encode()
    with replacing(target) as writing:
        writing.write(data)
    return {"path": shown(target), "name": str(target.relative_to(output_folder())), "bytes": len(data)}
