"""What a node is made of, and how the parts know each other.

`pool.engine.node` is one of these with a loop. Nothing here happens yet: no process, no row, no word with the database.
"""

from pathlib import Path

from pool.domain.config import WORKER_CEILING, PoolConfig
from pool.domain.fairness import Shares
from pool.domain.kinds import IO
from pool.domain.retry import Backoff
from pool.engine import bell as bells
from pool.engine.agenda import Agenda
from pool.engine.autoscaler import Autoscaler
from pool.engine.clock import Clock
from pool.engine.control import Control
from pool.engine.dispatch import Dispatch
from pool.engine.ears import Ears
from pool.engine.hearing import Hearing
from pool.engine.kin import Kin, slots_path
from pool.engine.leaving import Leaving
from pool.engine.ledger import Ledger
from pool.engine.links import Links
from pool.engine.meter import Meter
from pool.engine.reporting import Reporting
from pool.engine.roster import Roster
from pool.engine.slot import Slots, SlotsFile
from pool.engine.staffing import Staffing
from pool.engine.undertaker import Undertaker
from pool.engine.watch import Watch
from pool.engine.wellbeing import Wellbeing
from pool.engine.whereabouts import Whereabouts
from pool.store.database import TURN_STATEMENT_MS, Database
from pool.store.nodes import NodeIdentity

SPARE_SLOTS = 64
"""Slots beyond the ceiling, for workers that leave while their successors start."""


def slots_file(me: NodeIdentity, config: PoolConfig) -> SlotsFile:
    """Where this node's slots are, or will be."""
    lanes = config.max_streams if IO in config.worker_kinds else 1
    return SlotsFile(slots_path(me), WORKER_CEILING + SPARE_SLOTS, lanes)


class Parts:
    def __init__(self, config: PoolConfig, me: NodeIdentity, workers: int) -> None:
        self.config, self.me = config, me
        self.db = Database(config.database, statement_ms=TURN_STATEMENT_MS)
        self.clock = Clock()
        self.ears = Ears(self.clock)
        file = slots_file(me, config)
        self.slots = Slots(file.path, file.count, file.lanes)
        self.slots.hold()
        self.bell = bells.Bell(Path(me.run_dir), me.id)
        self.roster = Roster(self.slots.count)
        self._make_books()
        self.staffing = Staffing(self.roster, self.me, self.slots, config, self.meter)
        self.staffing.wanted = workers
        self._make_hands()
        self._make_judges()

    def _make_books(self) -> None:
        """What is known, and what is told to the database."""
        config, now = self.config, self.clock.now()
        backoff = Backoff(config.backoff_base_s, config.backoff_factor, config.backoff_cap_s, config.backoff_jitter)
        shares = Shares(config.starvation_after_s, config.starvation_share)
        self.meter = Meter(now.mono)
        self.ledger = Ledger(self.db, self.me.id, backoff, config.queues, shares, config.buffer_bytes)
        self.ledger.beat_began = self.ledger.lease_began = now.mono
        self.kin = Kin(self.me, config.lease_s, backoff)

    def _make_hands(self) -> None:
        """Who gives the workers jobs, hears them, and buries them."""
        roster, ledger, staffing = self.roster, self.ledger, self.staffing
        self.dispatch = Dispatch(roster, ledger, self.config, lambda task: staffing.tasks.get(task))
        self.watch = Watch(roster, ledger, self.config)
        self.whereabouts = Whereabouts(roster, ledger)
        self.hearing = Hearing(ledger, self.dispatch, staffing, self.meter, self.whereabouts)
        self.undertaker = Undertaker(roster, ledger, self.dispatch, staffing, self.hearing, self.meter, self.me)
        self.reporting = Reporting(roster, staffing, ledger, self.meter, self.config)
        self.links = Links(self.ears, roster, staffing, self.hearing, self.undertaker, self.reporting)

    def _make_judges(self) -> None:
        """Who decides what the node does next."""
        roster, ledger, staffing, config = self.roster, self.ledger, self.staffing, self.config
        self.control = Control(self.db, self.me.id, roster, ledger, self.dispatch, staffing, self.watch)
        self.agenda = Agenda(roster, ledger, self.dispatch, staffing, self.reporting, config)
        self.wellbeing = Wellbeing(roster, staffing, ledger, config)
        self.leaving = Leaving(roster, ledger, self.dispatch, staffing, self.undertaker, self.watch, config)
        self.autoscaler = Autoscaler(
            roster, staffing, ledger, self.meter, config, lambda: 1 + len(self.kin.others), self.clock.now()
        )
        self.reporting.scaling = self.autoscaler.standing
