"""The monkey: carries out the plan on whoever is there, lets the stopped go on, and writes down what it did."""

import json
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.chaos.plan import DATABASE, KILL, STOP, TERM, Deed
from tests.chaos.tree import Member, Tree, send
from tests.chaos.trouble import Trouble

SIGNALS = {KILL: signal.SIGKILL, STOP: signal.SIGSTOP, TERM: signal.SIGTERM}


class Monkey:
    def __init__(
        self, tree: Tree, trouble: Trouble, plan: Iterator[Deed], schedule: Path, head: dict[str, Any]
    ) -> None:
        self.tree, self.trouble, self.plan, self.schedule = tree, trouble, plan, schedule
        self.done: Counter[tuple[str, str]] = Counter()
        """Deeds by victim and kind; a victim that was not there is none."""
        self.stopped: dict[Member, float] = {}
        self.trouble_until: float | None = None
        self._began = time.monotonic()
        self._next = next(plan)
        self._due = self._began + self._next.after_s
        self._write(head)

    def step(self, now: float) -> float:
        """Do what is due; when there is something to do again."""
        for member in [member for member, until in self.stopped.items() if now >= until]:
            self._continue(member)
        if self.trouble_until is not None and now >= self.trouble_until:
            self._end_trouble()
        if now >= self._due:
            self._do(self._next, now)
            self._next = next(self.plan)
            self._due = max(self._due, now - 1.0) + self._next.after_s
        until = [self._due, *self.stopped.values()]
        return min(until if self.trouble_until is None else [*until, self.trouble_until])

    def rest(self) -> None:
        """Let everybody go on."""
        for member in list(self.stopped):
            self._continue(member)
        self._end_trouble()

    @property
    def kills(self) -> int:
        """How many processes it killed with SIGKILL."""
        return sum(count for (_, what), count in self.done.items() if what == KILL)

    def _do(self, deed: Deed, now: float) -> None:
        if deed.who == DATABASE:
            if self.trouble.begin(deed):
                self.trouble_until = now + deed.seconds
                self._note(deed, None)
            return
        members = self.tree.members(deed.who)
        if not members:
            return
        member = members[int(deed.pick * len(members))]
        if not send(member, SIGNALS[deed.what]):
            return
        if deed.what == STOP:
            self.stopped[member] = now + deed.seconds
        self._note(deed, member)

    def _continue(self, member: Member) -> None:
        del self.stopped[member]
        send(member, signal.SIGCONT)

    def _end_trouble(self) -> None:
        self.trouble.end()
        self.trouble_until = None

    def _note(self, deed: Deed, member: Member | None) -> None:
        self.done[deed.who, deed.what] += 1
        lasting = {"seconds": round(deed.seconds, 3)} if member is None or deed.what == STOP else {}
        who = {} if member is None else {"pid": member.pid}
        self._write({"who": deed.who, "what": deed.what, **who, **lasting})

    def _write(self, facts: dict[str, Any]) -> None:
        with self.schedule.open("a") as file:
            file.write(json.dumps({"at": round(time.monotonic() - self._began, 3), **facts}) + "\n")
