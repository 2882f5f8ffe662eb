"""The pool's settings in this process, and the folder its sockets live in.

`get_config()` reads `settings.POOL` and the environment once; every process calls it, and a changed setting (in tests)
makes it read again. `run_dir()` is the one place that makes the run folder: readable by its owner alone, because
whoever may write there may talk to the node.
"""

import os
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.signals import setting_changed

from pool.domain.config import PoolConfig, find_problems
from pool.domain.errors import InvalidConfig

AF_UNIX_MAX = 107
"""Bytes the kernel keeps for the path of a Unix socket."""

SOCKET_NAME_MAX = 40
"""Longest name of a socket of ours in the run folder."""


@cache
def get_config() -> PoolConfig:
    return PoolConfig.from_mapping(getattr(settings, "POOL", {}), os.environ, cpu_count())


def config_problems() -> list[str]:
    """One sentence for each wrong setting."""
    return find_problems(getattr(settings, "POOL", {}), os.environ)


def database_alias() -> str:
    return get_config().database


def cpu_count() -> int:
    """The CPUs this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_dir() -> Path:
    """The folder of sockets, pid and slot files. It exists when this returns."""
    path = run_dir_path()
    if problem := run_dir_problem(path):
        raise InvalidConfig(problem)
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidConfig(
            f"The run folder {path} cannot be made ({error.strerror}): set POOL_RUN_DIR to another."
        ) from error
    _require_private(path)
    return path


def run_dir_path() -> Path:
    if chosen := get_config().run_dir:
        return Path(chosen).expanduser().absolute()
    return Path(getattr(settings, "BASE_DIR", None) or Path.cwd()).absolute() / "var" / "run"


def run_dir_problem(path: Path) -> str | None:
    """Why no socket fits in there, in a sentence."""
    length, room = len(os.fsencode(path)), AF_UNIX_MAX - SOCKET_NAME_MAX - 1
    if length <= room:
        return None
    return f"The path of the run folder, {path}, has {length} bytes: set POOL_RUN_DIR to one of at most {room}."


def _require_private(path: Path) -> None:
    facts = path.stat()
    if facts.st_uid != os.geteuid():
        raise InvalidConfig(f"The run folder {path} belongs to another user: set POOL_RUN_DIR to one of your own.")
    if facts.st_mode & 0o022:
        raise InvalidConfig(f"Others may write to the run folder {path}: run `chmod 700 {path}` or set POOL_RUN_DIR.")


def _forget(*, setting: str, **_: Any) -> None:
    if setting == "POOL":
        get_config.cache_clear()


setting_changed.connect(_forget)
