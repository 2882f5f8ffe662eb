"""The node as a child of `serve`. A process of its own, started by `pool.engine.kept`.

It drains when `serve` says so, and stops fast when `serve` is gone: jobs are interrupted and given back, and whatever
has not ended after that is killed, so that nothing outlives a killed `serve` for long.
"""

import logging
import os
import signal
import socket
from contextlib import suppress
from types import FrameType
from typing import TYPE_CHECKING

import django
from django.db import DatabaseError, InterfaceError
from setproctitle import setproctitle

from pool import logs
from pool.conf import get_config, run_dir
from pool.domain.errors import PoolError
from pool.engine import linux
from pool.engine.folder_lock import NodeLock

if TYPE_CHECKING:
    from pool.store.nodes import KeptSize

log = logs.get_logger(__name__)

ASKED_EXIT = 4
"""It left because an operator asked for it: it is not to be started again."""

ORPHANED = signal.SIGUSR2
ORPHAN_S = 1.5
"""After the death of `serve`, what is left is killed after this time."""


def main(arguments: list[str]) -> None:
    """Arguments: pid of `serve`, number of workers, pid of the node before this one or 0."""
    parent, workers, before = (int(argument) for argument in arguments)
    signal.signal(ORPHANED, stop_fast)
    signal.signal(signal.SIGALRM, end_all)
    linux.die_with(parent, ORPHANED)
    setproctitle("pool: node")
    django.setup()
    from pool.engine.launch import new_node

    try:
        lock = NodeLock(run_dir())
        lock.take()
        node = new_node(workers, lock, size_of(before))
        code = node.run()
    except (PoolError, DatabaseError, InterfaceError) as error:
        log.error("node.not_ready", problem=" ".join(str(error).split()))
        code = 1
    else:
        code = ASKED_EXIT if code == 0 and not node.signals.stops else code
    # Nothing is left to do, and taking a whole Django apart takes longer than stopping an idle pool.
    logging.shutdown()
    os._exit(code)


def stop_fast(_number: int, _frame: FrameType | None) -> None:
    """Two stops in one, and an end to it."""
    signal.setitimer(signal.ITIMER_REAL, ORPHAN_S)
    for _ in range(2):
        os.kill(os.getpid(), signal.SIGTERM)


def end_all(_number: int, _frame: FrameType | None) -> None:
    """The next node gives back what was running."""
    linux.kill_descendants()
    os._exit(1)


def size_of(before: int) -> "KeptSize | None":
    """The size last asked of the node that died, and its hold, so that a crash does not undo `pool scale`."""
    if not before:
        return None
    # Needs the models, which are there only after the setup.
    from pool.store import nodes
    from pool.store.database import Database

    db = Database(get_config().database)
    try:
        with suppress(DatabaseError, InterfaceError), db.errors:
            return nodes.size_of(db, socket.gethostname(), before)
        return None
    finally:
        # The node is forked before it has a connection.
        db.close()
