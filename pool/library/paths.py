"""Which files the built-in tasks may touch; called by every task that takes a path, in the worker.

A job's arguments may come from outside, so a path in them is a wish. A task reads below the folders of
POOL["library_roots"], below the output folder, and below a folder for which the job carries a grant: a signature that
only code of this project can make, with `grant(folder)`, as `pool demo` does. By default no root is named; ("/",)
opens the whole file system to whoever may submit jobs. A task writes below the output folder and nowhere else.
Links are followed before anything is compared.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from django.conf import settings
from django.core import signing

from pool.conf import get_config
from pool.library.errors import LibraryError, PathRefused

SALT = "pool.library.paths"
GRANT_S = 7 * 24 * 3600
CHUNK = 1 << 20


def output_folder() -> Path:
    """Name the folder that tasks write to."""
    return Path(getattr(settings, "BASE_DIR", None) or Path.cwd()).resolve() / "var" / "library"


def grant(folder: str | os.PathLike[str]) -> str:
    """Sign the right to read everything below a folder, for the argument `grant` of a job; it lasts a week."""
    return signing.dumps(str(Path(folder).resolve()), salt=SALT)


def readable_file(path: str, granted: str = "") -> Path:
    """Resolve the path of a regular file that a task may read."""
    found = _readable(path, granted)
    if not found.is_file():
        raise LibraryError(f"{shown(path)} is not a file." if found.exists() else f"There is no file {shown(path)}.")
    if not os.access(found, os.R_OK):
        raise LibraryError(f"The user of the worker may not read {shown(path)}: change its permissions.")
    return found


def readable_folder(path: str, granted: str = "") -> Path:
    """Resolve the path of a folder that a task may read."""
    found = _readable(path, granted)
    if not found.is_dir():
        raise LibraryError(
            f"{shown(path)} is not a folder." if found.exists() else f"There is no folder {shown(path)}."
        )
    return found


def writable(name: str) -> Path:
    """Resolve a name below the output folder and make its folder."""
    wanted = PurePosixPath(name) if isinstance(name, str) else PurePosixPath()
    if wanted.is_absolute() or ".." in wanted.parts or not wanted.name or "\0" in str(wanted):
        raise PathRefused(f"{shown(name)} is not a name below the output folder {output_folder()}.")
    target = output_folder() / wanted
    if not target.resolve().is_relative_to(output_folder()):
        raise PathRefused(f"{shown(name)} leads out of the output folder {output_folder()}.")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LibraryError(f"The folder {target.parent} cannot be made: {error.strerror}.") from error
    return target


def output_for(source: Path, folder: str, suffix: str) -> Path:
    """Choose where the result made from a file goes: its own path again, below a folder of the output folder."""
    inside = source.is_relative_to(output_folder())
    relative = source.relative_to(output_folder() if inside else source.anchor)
    return writable(f"{folder}/{relative}{suffix}")


@contextmanager
def replacing(target: Path) -> Iterator[BinaryIO]:
    """Write a file that appears under its name only when it is whole; a job that runs twice replaces its own result."""
    part = target.with_name(f".{target.name[:200]}.{os.getpid()}.part")
    try:
        with part.open("wb") as writing:
            yield writing
        part.replace(target)
    except OSError as error:
        raise LibraryError(f"{target} cannot be written: {error.strerror or error}.") from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def chunks(reading: BinaryIO) -> Iterator[bytes]:
    """Read a file piece by piece, so that its size does not matter."""
    while chunk := reading.read(CHUNK):
        yield chunk


def shown(path: object) -> str:
    """Write a path as text that JSON and every database can hold, and not longer than a line."""
    text = os.fsencode(path).decode(errors="replace") if isinstance(path, str | os.PathLike) else repr(path)
    text = text.replace("\0", "\N{REPLACEMENT CHARACTER}")
    return text if len(text) <= 300 else f"{text[:299]}…"


def _readable(path: str, granted: str) -> Path:
    if not isinstance(path, str) or not path.startswith("/"):
        raise PathRefused(f"Give the whole path, beginning with /, instead of {shown(path)}.")
    try:
        found = Path(path).resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise PathRefused(f"{shown(path)} is not a path that can be followed.") from error
    if not any(found.is_relative_to(root) for root in _roots(granted)):
        raise PathRefused(
            f"Built-in tasks may not read {shown(path)}: name its folder in POOL['library_roots'], "
            "or pass grant=pool.library.paths.grant(folder)."
        )
    return found


def _roots(granted: str) -> Iterator[Path]:
    yield output_folder()
    for root in getattr(get_config(), "library_roots", ()):
        yield Path(root).resolve()
    if granted:
        yield _granted(granted)


def _granted(granted: str) -> Path:
    try:
        return Path(signing.loads(granted, salt=SALT, max_age=GRANT_S))
    except (signing.BadSignature, TypeError) as error:
        raise PathRefused("The job's grant is not valid or is older than a week: enqueue it again.") from error
