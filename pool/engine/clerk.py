"""What may be slow: rolling up and pruning rows, looking after SQLite's log, memory figures.

A helper process of the node. If it hangs or dies no job waits: the node starts another one. Several nodes have several
clerks; whatever they do, doing it twice changes nothing.
"""

import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec
from setproctitle import setproctitle

from pool import failpoints, logs
from pool.conf import get_config
from pool.domain.complaints import Complaints
from pool.engine import linux
from pool.engine.messages import ClerkSaw
from pool.store.database import Database
from pool.store.failures import kind_of
from pool.store.prune import prune
from pool.store.snapshots import prune_snapshots, roll_up
from pool.store.wal import checkpoint

log = logs.get_logger(__name__)

LOCK_WAIT_MS = 2000


@dataclass(slots=True)
class Chore:
    """Something done every so often."""

    name: str
    every_s: float
    do: Callable[[], None]
    due: float = 0.0
    complaints: Complaints = field(default_factory=Complaints)


class Clerk:
    def __init__(self, control: socket.socket, node_pid: int) -> None:
        self.control, self.node_pid = control, node_pid
        self.config = get_config()
        self.db = Database(self.config.database, LOCK_WAIT_MS)
        self.log_problem = ""
        self.chores = [
            Chore("memory", 5.0, self.weigh),
            Chore("roll up", 10.0, self.roll_up),
        ]
        if self.config.pruning:
            self.chores.append(Chore("prune", 60.0, self.prune))
        if self.db.is_sqlite:
            self.chores.append(Chore("checkpoint", 1.0, self.checkpoint))

    def run(self) -> None:
        """Until the node is gone."""
        while True:
            for chore in self.chores:
                if time.monotonic() >= chore.due:
                    self.try_chore(chore)
            rest = min(chore.due for chore in self.chores) - time.monotonic()
            if select.select([self.control], [], [], max(rest, 0.01))[0]:
                return

    def try_chore(self, chore: Chore) -> None:
        # A long chore lets the others have their turn, but not itself.
        chore.due = time.monotonic() + chore.every_s
        failpoints.hit("on_chore")
        try:
            chore.do()
        except Exception as error:  # noqa: BLE001  a failed chore is tried again at its next time
            if chore.complaints.failed(time.monotonic(), f"{kind_of(error)} {type(error).__name__}"):
                log.warning("clerk.chore_failed", chore=chore.name, error=f"{type(error).__name__}: {error}"[:300])
            self.db.close()
        else:
            if chore.complaints.over():
                log.info("clerk.chore_works_again", chore=chore.name)
        chore.due = time.monotonic() + chore.every_s

    def weigh(self) -> None:
        """Proportional memory of the node's processes."""
        pids = [self.node_pid, *linux.children_of(self.node_pid)]
        found = {pid: size for pid in pids if (size := linux.pss(pid)) is not None}
        self.control.sendall(msgspec.msgpack.encode(ClerkSaw(found, self.log_problem)))

    def roll_up(self) -> None:
        roll_up(self.db, self.db.wall())

    def prune(self) -> None:
        """Finished jobs and old snapshots, in small batches."""
        prune(self.db, self.db.wall(), self.config, rest=self.rest)
        prune_snapshots(self.db, self.db.wall(), self.config)

    def rest(self, seconds: float) -> None:
        """Pause in a long chore, doing what is due meanwhile."""
        for chore in self.chores:
            if time.monotonic() >= chore.due:
                self.try_chore(chore)
        time.sleep(seconds)

    def checkpoint(self) -> None:
        """Copy SQLite's log into the database file, so that the node's commits need not, and tell when it grows."""
        with self.db.errors:
            found = checkpoint(self.db)
        if bool(found.problem) != bool(self.log_problem):
            log.warning("wal.grows", problem=found.problem) if found.problem else log.info("wal.cut")
            self.log_problem = found.problem
            self.weigh()


def main(arguments: list[str]) -> None:
    """Arguments: control descriptor, node's pid."""
    descriptor, node_pid = int(arguments[0]), int(arguments[1])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    linux.die_with(node_pid)
    os.nice(5)
    setproctitle("pool: clerk")
    logs.configure("clerk")
    Clerk(socket.socket(fileno=descriptor), node_pid).run()


if __name__ == "__main__":
    main(sys.argv[1:])
