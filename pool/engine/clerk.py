"""What may be slow: firing schedules, alerts, rolling up and pruning rows, looking after SQLite's log, memory figures.

Threads of it tell people of alerts and the project's receivers of events, so that neither holds up its chores.
A helper process of the node. If it hangs or dies no job waits: the node starts another one. Several nodes have several
clerks; whatever they do, doing it twice changes nothing.
"""

import math
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import msgspec
from django.db import connections
from setproctitle import setproctitle

from pool import failpoints, logs, signals
from pool.conf import get_config
from pool.domain.complaints import Complaints
from pool.engine import linux
from pool.engine.alarm_round import AlarmRound
from pool.engine.channels import channels
from pool.engine.courier import Courier
from pool.engine.crier import Crier
from pool.engine.event_lines import log_all_events
from pool.engine.messages import ClerkFact, ClerkListens, ClerkSaw
from pool.firing import LOOK_S, Firing
from pool.store.database import Database
from pool.store.failures import kind_of
from pool.store.opening import leave_pools
from pool.store.prune import prune
from pool.store.snapshots import prune_snapshots, roll_up
from pool.store.wal import checkpoint

log = logs.get_logger(__name__)

LOCK_WAIT_MS = 2000
ALERTS_EVERY_S = 5.0
SETTLE_S = 8.0
"""A node that starts has no workers yet, and that is no alert."""


@dataclass(slots=True)
class Chore:
    """Something done every so often."""

    name: str
    every_s: float
    do: Callable[[], float | None]
    """Does it; in how many seconds it shall be done again, when that is not as always."""
    due: float = 0.0
    complaints: Complaints = field(default_factory=Complaints)


class Clerk:
    def __init__(self, control: socket.socket, node_pid: int, node: str) -> None:
        self.control, self.node_pid, self.node = control, node_pid, node
        self.over = threading.Event()
        self.heard: frozenset[str] | None = None
        """The events that receivers in this process listen to."""
        self.config = get_config()
        self.db = Database(self.config.database, LOCK_WAIT_MS)
        self.log_problem = ""
        self.chores = [
            Chore("memory", 5.0, self.weigh),
            Chore("roll up", 10.0, self.roll_up),
        ]
        self.firing = Firing(self.config.database)
        if self.firing.has_schedules:
            self.chores.append(Chore("schedules", LOOK_S, lambda: self.firing.look(self.db.wall())))
            self.chores.append(Chore("forget schedules", 3600.0, self.firing.forget_deleted))
        courier = Courier(self.config.database, channels(self.config), socket.gethostname())
        log_all_events(self.config)
        self.alarms = AlarmRound(self.config, node, courier)
        self.threads = (courier, Crier(control, node, self.over.set))
        self.chores.append(Chore("alerts", ALERTS_EVERY_S, self.look_for_alerts, due=time.monotonic() + SETTLE_S))
        if self.config.pruning:
            self.chores.append(Chore("prune", 60.0, self.prune))
        if self.db.is_sqlite:
            self.chores.append(Chore("checkpoint", 1.0, self.checkpoint))

    def run(self) -> None:
        """Until the node is gone."""
        for thread in self.threads:
            thread.start()
        while True:
            for chore in self.chores:
                if time.monotonic() >= chore.due:
                    self.try_chore(chore)
            rest = min(chore.due for chore in self.chores) - time.monotonic()
            if self.over.wait(max(rest, 0.01)):
                return

    def try_chore(self, chore: Chore) -> None:
        # A long chore lets the others have their turn, but not itself.
        chore.due = math.inf
        failpoints.hit("on_chore")
        again_s: float | None = None
        try:
            again_s = chore.do()
        except Exception as error:  # noqa: BLE001  a failed chore is tried again at its next time
            if chore.complaints.failed(time.monotonic(), f"{kind_of(error)} {type(error).__name__}"):
                log.warning("clerk.chore_failed", chore=chore.name, error=f"{type(error).__name__}: {error}"[:300])
            self.db.close()
        else:
            if chore.complaints.over():
                log.info("clerk.chore_works_again", chore=chore.name)
        chore.due = time.monotonic() + (chore.every_s if again_s is None else again_s)

    def weigh(self) -> None:
        """Proportional memory of the node's processes."""
        pids = [self.node_pid, *linux.children_of(self.node_pid)]
        found = {pid: size for pid in pids if (size := linux.pss(pid)) is not None}
        if (heard := signals.wanted()) != self.heard:
            self._say(ClerkListens(sorted(heard)))
            self.heard = heard
        self._say(ClerkSaw(found, self.log_problem))

    def look_for_alerts(self) -> None:
        self.alarms.go()
        # The models' connection is a second one of this process: a server that counts them is not made to keep it.
        if not (self.db.is_sqlite or self.firing.has_schedules):
            connections[self.config.database].close()

    def _say(self, fact: ClerkFact) -> None:
        with suppress(BrokenPipeError, ConnectionResetError):
            self.control.sendall(msgspec.msgpack.encode(fact))

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
    """Arguments: control descriptor, node's pid, node's id."""
    descriptor, node_pid, node = int(arguments[0]), int(arguments[1]), arguments[2]
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    linux.die_with(node_pid)
    setproctitle("pool: clerk")
    logs.configure("clerk")
    leave_pools()
    control = socket.socket(fileno=descriptor)
    # The first word is that the node is known; none comes when the database does not let it in.
    if control.recv(1, socket.MSG_PEEK):
        Clerk(control, node_pid, node).run()


if __name__ == "__main__":
    main(sys.argv[1:])
