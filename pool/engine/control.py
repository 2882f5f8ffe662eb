"""Carries out what operators asked for: size, stop, restart, cancel. Read once a second, or when the bell rings."""

from contextlib import suppress
from dataclasses import dataclass

from django.db import DatabaseError, InterfaceError

from pool import failpoints
from pool.domain.config import WORKER_CEILING
from pool.domain.states import NodeState
from pool.engine.clock import Now
from pool.engine.dispatch import Dispatch
from pool.engine.ledger import Ledger
from pool.engine.messages import Recall
from pool.engine.pipe import Closed
from pool.engine.roster import Roster
from pool.engine.staffing import Staffing
from pool.engine.watch import Watch
from pool.store import nodes
from pool.store.cancelling import asked_to_cancel
from pool.store.database import Database

BY_HAND = "somebody asked for it"


@dataclass(slots=True)
class Asked:
    """What the node itself must do about it."""

    stop: bool = False
    restart: bool = False
    disowned: bool = False
    """Another node took this one for dead and gave its jobs away."""
    held_s: float | None = None
    """For how long yet a size that was set by hand stays; None when nobody could be asked."""


class Control:
    def __init__(
        self,
        db: Database,
        node: str,
        roster: Roster,
        ledger: Ledger,
        dispatch: Dispatch,
        staffing: Staffing,
        watch: Watch,
    ) -> None:
        self.db, self.node, self.roster, self.ledger = db, node, roster, ledger
        self.dispatch, self.staffing, self.watch = dispatch, staffing, watch

    def look(self, now: Now) -> Asked:
        """Read the wishes and act on those that concern jobs and size."""
        try:
            with self.db.errors:
                wishes = nodes.wishes(self.db, self.node)
                cancels = asked_to_cancel(self.db, self.node)
                if wishes is not None and wishes.restart:
                    nodes.grant_restart(self.db, self.node)
        except (DatabaseError, InterfaceError):
            # The ledger notices, says so and waits; wishes are read again next second.
            return Asked()
        self.dispatch.doomed = {claim for claim in cancels if not self._cancel(claim, now)}
        if wishes is None or wishes.state in (NodeState.LOST, NodeState.STOPPED):
            return Asked(disowned=True)
        self._resize(wishes.wanted, now)
        held_s = 0.0 if wishes.held_until is None else max(wishes.held_until - now.wall, 0.0)
        return Asked(wishes.stop, wishes.restart, held_s=held_s)

    def _resize(self, wanted: int, now: Now) -> None:
        wanted = min(max(wanted, 1), WORKER_CEILING)
        if wanted != self.staffing.wanted:
            data = {"from": self.staffing.wanted, "to": wanted, "why": BY_HAND}
            self.ledger.tidings.tell("pool.scaled", now.wall, data=data)
            self.staffing.wanted = wanted

    def _cancel(self, claim: tuple[str, int], now: Now) -> bool:
        """Begin to end a job that runs; False when it does not run, and must not be handed out any more."""
        found = self.roster.holder_of(*claim)
        if found is None:
            return False
        handle, seq = found
        if seq <= handle.begun_seq():
            failpoints.hit("on_cancel")
            self.watch.cancel(handle, seq, now.mono)
            return True
        with suppress(Closed):
            handle.side.send(Recall())
        return False
