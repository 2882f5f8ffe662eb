"""A node in the background: started by `pool start`, it outlives the command and writes to a log file of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import django
from django.db import DatabaseError, InterfaceError
from setproctitle import setproctitle

from pool.conf import run_dir
from pool.domain.errors import PoolError
from pool.engine.children import BOOT
from pool.engine.folder_lock import NodeLock

LOG_NAME = "node.log"


def start_detached(workers: int | None, folder: Path, lock: NodeLock) -> subprocess.Popen[bytes]:
    """Start it, with the lock that was taken for it. What it says goes to the end of `node.log` in the run folder."""
    boot = [sys.executable, "-c", BOOT.format(module=__name__, setup=""), json.dumps(sys.path)]
    with open(os.open(folder / LOG_NAME, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as log:
        return subprocess.Popen(
            [*boot, str(workers or 0), str(lock.fileno())],
            pass_fds=[lock.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def main(arguments: list[str]) -> None:
    """Arguments: number of workers, or 0 for that of the settings; descriptor of the node's lock."""
    workers, descriptor = (int(argument) for argument in arguments)
    os.set_inheritable(descriptor, False)
    setproctitle("pool: node")
    django.setup()
    from pool.engine.launch import run_node

    try:
        lock = NodeLock(run_dir(), descriptor)
        lock.sign()
        code = run_node(workers or None, lock)
    except (PoolError, DatabaseError, InterfaceError) as error:
        sys.exit(f"Error: {' '.join(str(error).split())}")
    sys.exit(code)
