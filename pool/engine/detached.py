"""A node in the background: started by `pool start`, it outlives the command and writes to a log file of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import django
from django.db import DatabaseError, InterfaceError
from setproctitle import setproctitle

from pool.domain.errors import PoolError
from pool.engine.children import BOOT

LOG_NAME = "node.log"


def start_detached(workers: int | None, folder: Path) -> subprocess.Popen[bytes]:
    """Start it. What it says goes to the end of `node.log` in the run folder."""
    boot = [sys.executable, "-c", BOOT.format(module=__name__, setup=""), json.dumps(sys.path)]
    with open(os.open(folder / LOG_NAME, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as log:
        return subprocess.Popen(
            [*boot, str(workers or 0)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def main(arguments: list[str]) -> None:
    """Argument: number of workers, or 0 for that of the settings."""
    setproctitle("pool: node")
    django.setup()
    from pool.engine.launch import run_node

    try:
        code = run_node(int(arguments[0]) or None)
    except (PoolError, DatabaseError, InterfaceError) as error:
        sys.exit(f"Error: {' '.join(str(error).split())}")
    sys.exit(code)
