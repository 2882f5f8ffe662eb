"""Looks at the node's workers once a second, with its report: who is short of memory, and whether workers start at all.

It asks a worker to free memory and tells of what it finds. Who is replaced is a matter of staffing, and what becomes of
alerts one of the clerk.
"""

from contextlib import suppress

from pool.domain.config import PoolConfig
from pool.domain.pressure import Need, Pressure, share_of
from pool.domain.states import WorkerState
from pool.domain.wording import percent
from pool.engine.clock import Now
from pool.engine.handle import Handle
from pool.engine.ledger import Ledger
from pool.engine.messages import FreeMemory
from pool.engine.meter import Data
from pool.engine.pipe import Closed
from pool.engine.roster import Roster
from pool.engine.staffing import Staffing

TICKED = ("workers", "rates", "latency", "totals")


class Wellbeing:
    def __init__(self, roster: Roster, staffing: Staffing, ledger: Ledger, config: PoolConfig) -> None:
        self.roster, self.staffing, self.tidings, self.config = roster, staffing, ledger.tidings, config
        self._limit = config.worker_max_rss_mb * 2**20
        self._pressures: dict[str, Pressure] = {}
        self._start_problem = ""
        self._is_started = False

    def look(self, now: Now, data: Data) -> None:
        """After the workers were measured; `data` is what is reported of this second."""
        if self._limit and self.config.health_checks:
            self._look_at_memory(now)
            data["pressed"] = {worker: one.share for worker, one in self._pressures.items() if one.is_pressed}
        data["exhausted"] = self.staffing.budget.exhausted
        self._look_at_starts(now)
        if "metrics.tick" in self.tidings.wanted:
            self.tidings.hint("metrics.tick", now.wall, "", None, {name: data[name] for name in TICKED})

    def _look_at_memory(self, now: Now) -> None:
        pressures = {handle.worker: self._pressures.get(handle.worker) or Pressure() for handle in self.roster}
        self._pressures = pressures
        for handle in self.roster:
            need = pressures[handle.worker].look(handle.own_rss, self._limit, now.mono)
            if need is Need.TELL_AND_FREE:
                share = percent(share_of(handle.own_rss, self._limit))
                facts = {"rss": handle.own_rss, "limit": self._limit, "share": share}
                self.tidings.tell("worker.memory_pressure", now.wall, handle.worker, facts)
            if need is not Need.NOTHING:
                _ask_to_free(handle)

    def _look_at_starts(self, now: Now) -> None:
        problem = self.staffing.start_problem
        if problem and not self._start_problem:
            facts = {"problem": problem.rstrip("."), "slot": self.staffing.start_slot}
            self.tidings.tell("worker.start_failed", now.wall, data=facts)
        self._start_problem = problem
        if not self._is_started and self._all_are_ready():
            self._is_started = True
            facts = {"size": self.staffing.wanted, "preset": self.config.preset}
            self.tidings.tell("pool.started", now.wall, data=facts)

    def _all_are_ready(self) -> bool:
        ready = sum(handle.state is not WorkerState.STARTING for handle in self.roster)
        return 0 < self.staffing.wanted <= ready


def _ask_to_free(handle: Handle) -> None:
    if handle.state is not WorkerState.STARTING:
        with suppress(Closed):
            handle.side.send(FreeMemory())
