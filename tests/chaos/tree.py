"""The processes of a chaos run: what should run and is started again when it does not, and who is there to be hit."""

import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import NamedTuple

from pool.engine import linux
from tests.acceptance.processes import Process
from tests.chaos.site import ChaosSite
from tests.engine.engine_site import title

RESTART_S = (0.0, 0.4)
"""Until somebody notices that a process is gone and starts it again."""

EXPECTED_ENDS = {0, 3, -signal.SIGKILL, -signal.SIGTERM}
"""Of a node: told to, disowned or fenced, killed, told something before it could listen."""

REFUSED = 1
"""Of a node that the database does not let in, and that says so."""


class Member(NamedTuple):
    who: str
    pid: int
    started: int
    """With the pid it names one process."""


@dataclass(slots=True)
class Seat:
    """Something that should run."""

    who: str
    start: Callable[[], Process]
    process: Process | None = None
    due: float = 0.0
    filled: bool = True
    """Whether it should run at the moment."""


@dataclass(slots=True)
class Tree:
    site: ChaosSite
    random: Random
    seats: list[Seat] = field(default_factory=list)
    started: Counter[str] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)
    """Nodes that ended in a way nobody asked for."""

    def add(self, who: str, start: Callable[[], Process]) -> None:
        self.seats.append(Seat(who, start))

    def add_program(self, who: str, *arguments: object, descriptor: int | None = None, **variables: str) -> None:
        """A program of `tests.chaos.program`, whose first number is its place among all that were started."""

        def start() -> Process:
            given = (
                [str(one) for one in arguments] if who in ("node", "web") else [self._serial(), *map(str, arguments)]
            )
            command = [sys.executable, "-m", "tests.chaos.program", str(os.getpid()), who, *given]
            return self.site.start_program(command, () if descriptor is None else (descriptor,), **variables)

        self.add(who, start)

    def keep(self, now: float) -> None:
        """Start what should run and does not."""
        for seat in self.seats:
            if seat.process is not None and (code := seat.process.exit_code()) is not None:
                self._ended(seat, code, now)
            if seat.process is None and seat.filled and now >= seat.due:
                seat.process = seat.start()
                self.started[seat.who] += 1

    def dismiss(self, *who: str, how: int = signal.SIGTERM, limit_s: float = 30.0) -> list[int]:
        """End these for good; their exit codes."""
        seats = [seat for seat in self.seats if seat.who in who]
        for seat in seats:
            seat.filled = False
            if seat.process is not None:
                seat.process.send(how)
        codes = [seat.process.wait(limit_s) for seat in seats if seat.process is not None]
        for seat in seats:
            seat.process = None
        return codes

    def process_of(self, who: str) -> list[Process]:
        return [seat.process for seat in self.seats if seat.who == who and seat.process is not None]

    def members(self, who: str) -> list[Member]:
        """Those of this kind who live now, in the order of their pids."""
        found = [member for member in self._everybody() if member[0] == who]
        return [Member(who, pid, linux.start_time(pid)) for _, pid in sorted(found, key=lambda member: member[1])]

    def _everybody(self) -> list[tuple[str, int]]:
        found: list[tuple[str, int]] = []
        for seat in self.seats:
            if seat.process is not None and seat.process.exit_code() is None:
                found.append((seat.who, seat.process.pid))
        for who, pid in list(found):
            if who == "serve":
                found += [(_name(child), child) for child in linux.children_of(pid)]
        for who, pid in list(found):
            if who == "node":
                found += [(_name(child), child) for child in linux.children_of(pid)]
        return found

    def _ended(self, seat: Seat, code: int, now: float) -> None:
        assert seat.process is not None
        if seat.who in ("node", "serve") and code not in EXPECTED_ENDS:
            said = seat.process.said()
            if code != REFUSED or "refused: " not in said:
                self.failed.append(f"A {seat.who} ended with exit code {code}:\n{said[-3000:]}")
        seat.process = None
        seat.due = now + self.random.uniform(*RESTART_S)

    def _serial(self) -> str:
        return str(sum(self.started.values()))


NAMES = {"pool: worker": "worker", "pool: nursery": "nursery", "pool: clerk": "clerk"}
NAMES |= {"pool: node": "node", "pool: web": "web"}


def _name(pid: int) -> str:
    """What a child of a node or of `serve` is; a newborn has not called itself anything yet."""
    whole = title(pid)
    return next((name for start, name in NAMES.items() if whole.startswith(start)), "newborn" if whole else "")


def send(member: Member, number: int) -> bool:
    """Send a signal to this very process; False when it is gone."""
    try:
        descriptor = os.pidfd_open(member.pid)
    except OSError:
        return False
    try:
        # Looked at after it was opened: from here on the descriptor means this very process.
        if not member.started or linux.start_time(member.pid) != member.started:
            return False
        signal.pidfd_send_signal(descriptor, number)
        return True
    except ProcessLookupError:
        return False
    finally:
        os.close(descriptor)


def handles(pid: int, number: int) -> bool:
    """Whether a process has a handler for this signal by now."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    (mask,) = [line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:")]
    return bool(int(mask, 16) >> (number - 1) & 1)


def wait_while(fact: Callable[[], bool], limit_s: float, tree: Tree | None = None, every_s: float = 0.02) -> bool:
    """Wait until the fact is no more, starting what should run meanwhile; False when it still is at the end."""
    until = time.monotonic() + limit_s
    while fact():
        if time.monotonic() > until:
            return False
        if tree is not None:
            tree.keep(time.monotonic())
        with suppress(InterruptedError):
            time.sleep(every_s)
    return True
