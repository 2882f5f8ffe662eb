"""The service manager of a peer: keeps its one command running, as systemd keeps a unit.

When the main process is gone, what it leaves behind gets two seconds to notice; the rest are orphans. They are told to
end, then killed, and only then is the command started again: nobody's old processes meet its new ones.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any, cast

from bench.peers.peer import Peer
from pool.engine import linux
from tests.acceptance.processes import Process, members
from tests.chaos.monkey import Monkey
from tests.chaos.plan import TERM, Deed
from tests.chaos.tree import RESTART_S, Member, wait_while

ORPHAN_S = 2.0
TERM_S = 5.0
STOP_LIMIT_S = 20.0
"""A main process that was told to end and has not is killed."""


class Service:
    def __init__(self, peer: Peer, random: Random) -> None:
        self.peer, self.random = peer, random
        self.process: Process | None = None
        self.starts = self.orphans = self.hung = 0
        self.wanted = True
        self._due = 0.0
        self._told: float | None = None
        """Since when the main process has been on its way out."""
        self._down: float | None = None
        """Since when there is none, and something of it may be left."""
        self._counted = False

    def keep(self, now: float) -> None:
        """One turn: start what should run, and clear away what is left."""
        if self.process is not None and self.process.exit_code() is not None:
            self.process, self._told = None, None
            self._down, self._counted = now, False
        if self.process is not None:
            self._end_what_hangs(now)
        elif self._down is not None:
            self._clear(now)
        elif self.wanted and now >= self._due:
            self._start()

    def wait_while(self, fact: Callable[[], bool], limit_s: float) -> bool:
        """Wait until the fact is no more, with everything kept running; False when it still is at the end."""

        def look() -> bool:
            self.keep(time.monotonic())
            return fact()

        return wait_while(look, limit_s)

    def members(self, who: str) -> list[Member]:
        """Those of this kind who live now, in the order of their pids; asked by the monkey."""
        if self.process is None:
            return []
        found = sorted(pid for kind, pid in self.peer.members(self.process.pid) if kind == who)
        return [Member(who, pid, linux.start_time(pid)) for pid in found]

    def tell(self, now: float) -> None:
        """Ask the main process to end, in its own time."""
        if self.process is not None:
            self.process.send(signal.SIGTERM)
            self.told(self.process.pid, now)

    def told(self, pid: int, now: float) -> None:
        """Somebody sent SIGTERM to this process."""
        if self.process is not None and pid == self.process.pid and self._told is None:
            self._told = now

    def is_clear(self) -> bool:
        return self.process is None and self._down is None

    def end(self) -> None:
        """At once, whatever it is at."""
        for pid in self._left():
            _send(pid, signal.SIGKILL)
        if self.process is not None:
            self.process.wait(10)

    def said(self) -> str:
        """The last words of every process that was started, newest last."""
        logs = sorted(self.peer.folder.glob("log-*"), key=lambda path: path.stat().st_mtime)
        return "\n".join(f"--- {path.name}\n{path.read_text(errors='replace')[-2000:]}" for path in logs[-5:])

    def _start(self) -> None:
        log = self.peer.folder / f"log-{self.starts}"
        self.process = Process(self.peer.command(), self.peer.environment(), self.peer.main_folder, log)
        self.starts += 1

    def _end_what_hangs(self, now: float) -> None:
        assert self.process is not None
        if self._told is not None and now >= self._told + STOP_LIMIT_S:
            self.hung += 1
            self._told = None
            self.process.send(signal.SIGKILL)

    def _clear(self, now: float) -> None:
        assert self._down is not None
        left = self._left()
        if not left:
            self._down, self._due = None, now + self.random.uniform(*RESTART_S)
        elif now >= self._down + ORPHAN_S + TERM_S:
            for pid in left:
                _send(pid, signal.SIGKILL)
        elif now >= self._down + ORPHAN_S and not self._counted:
            self._counted = True
            self.orphans += len(left)
            for pid in left:
                _send(pid, signal.SIGTERM)
                _send(pid, signal.SIGCONT)

    def _left(self) -> list[int]:
        """Whoever works in the folder of the main process: nobody else does, and a pid or session may come again."""
        return members(self.peer.main_folder, {})


class ServiceMonkey(Monkey):
    """Tells the service manager what it asked to end."""

    def __init__(self, service: Service, plan: Iterator[Deed], schedule: Path) -> None:
        super().__init__(cast(Any, service), NoTrouble(), plan, schedule, {})
        self.service = service

    def _note(self, deed: Deed, member: Member | None) -> None:
        super()._note(deed, member)
        if deed.what == TERM and member is not None:
            self.service.told(member.pid, time.monotonic())


class NoTrouble:
    """Databases and brokers are left in peace."""

    def begin(self, deed: Deed) -> bool:
        return False

    def end(self) -> None:
        return


def _send(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def make_folders(folder: Path) -> None:
    for name in ("main", "side", "tries"):
        (folder / name).mkdir()
