"""How a node leaves: nothing new is taken, what has not begun goes back, the rest may end within the drain time."""

from contextlib import suppress

from pool import failpoints
from pool.domain.config import PoolConfig
from pool.domain.states import WorkerState
from pool.engine.clock import Now
from pool.engine.dispatch import Dispatch
from pool.engine.ledger import Ledger
from pool.engine.messages import Recall
from pool.engine.pipe import Closed
from pool.engine.roster import Roster
from pool.engine.slot import DRAINING
from pool.engine.staffing import Staffing
from pool.engine.undertaker import Undertaker
from pool.engine.watch import Watch
from pool.logs import get_logger

log = get_logger(__name__)

GIVE_UP_S = 10.0
"""A node that cannot write its last outcomes waits this long after the drain time; its successor rescues the rest."""


class Leaving:
    def __init__(
        self,
        roster: Roster,
        ledger: Ledger,
        dispatch: Dispatch,
        staffing: Staffing,
        undertaker: Undertaker,
        watch: Watch,
        config: PoolConfig,
    ) -> None:
        self.roster, self.ledger, self.dispatch = roster, ledger, dispatch
        self.staffing, self.undertaker, self.watch, self.config = staffing, undertaker, watch, config
        self._until = 0.0

    def begin(self, now: Now) -> None:
        """Take nothing new; tell every worker, and the job it runs, that the node leaves."""
        failpoints.hit("on_drain")
        self._until = now.mono + self.config.drain_s
        log.info("node.draining", running=len(self.roster.holding()), limit_s=self.config.drain_s)
        self.dispatch.give_back_all(now)
        for handle in self.roster:
            handle.slot.words[DRAINING] = 1
            with suppress(Closed):
                handle.side.send(Recall())

    def hurry(self, now: Now) -> None:
        """Wait no longer for what runs."""
        self._until = min(self._until, now.mono)

    def go_on(self, now: Now) -> bool:
        """One step further; whether the node may go."""
        self.dispatch.give_back_all(now)
        late = now.mono > self._until + GIVE_UP_S
        if (self.roster.holding() or self.undertaker.graves) and not late:
            if now.mono >= self._until:
                self.watch.interrupt_all()
            return False
        self.staffing.replace_all("node stops")
        self.staffing.give_up_starting()
        for handle in self.roster:
            if handle.state is WorkerState.STARTING:
                handle.kill("node stops")
        return late or (not self.roster.holding() and not len(self.roster) and not self.ledger.pending)
