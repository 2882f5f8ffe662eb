"""The node: one thread, one loop, the only writer of the jobs it has claimed. Runs no user code.

A turn hears the workers, looks at what runs, tells the database how jobs ended and claims new ones in the same
transaction, and hands them out. Batches grow by themselves under load and shrink to one when idle. It waits in one
place, `hear`, until the next thing is due.
"""

import time
from contextlib import suppress

from django.db import DatabaseError, InterfaceError

from pool import failpoints
from pool.domain.config import PoolConfig
from pool.domain.states import NodeState
from pool.engine import bell as bells
from pool.engine import linux
from pool.engine.clock import Now
from pool.engine.control import Asked
from pool.engine.entry import enter
from pool.engine.folder_lock import NodeLock
from pool.engine.kin import clear_files
from pool.engine.parts import Parts
from pool.engine.signals import Signals
from pool.engine.turns import Answer, Wanted
from pool.logs import bind, get_logger
from pool.store import nodes
from pool.store.doorbell import CHECK, RESTART_OF, STACK_OF
from pool.store.nodes import KeptSize, NodeIdentity

log = get_logger(__name__)

LOOK_S = 0.05
"""Between two looks at the workers while one of them is busy."""

HASTE_S = 0.01
"""Between two looks while jobs wait for what their dead worker left to be gone."""

DISOWNED_EXIT = 3

FENCE_MARGIN_S = 5.0
"""Before its lease ends a node that cannot renew it stops its workers, so that they are dead when it does."""


class Node(Parts):
    def __init__(self, config: PoolConfig, me: NodeIdentity, workers: int, kept: KeptSize | None = None) -> None:
        super().__init__(config, me, workers)
        self.held_until: float | None = None
        if kept is not None and kept.size:
            self.staffing.wanted, self.held_until = kept.size, kept.held_until
        self.notices = bells.Notices(self.db, self.ears, self._rung)
        self.lock: NodeLock | None = None
        self.state = NodeState.STARTING
        self.entered = self.done = False
        self.control_due = self.look_due = 0.0
        self.disowned = False
        self.exit_code = 0

    def run(self) -> int:
        """Until told to leave; the exit code."""
        try:
            self.start()
            while not self.done:
                self.turn()
        finally:
            self.close()
        return self.exit_code

    def turn(self) -> None:
        """One turn of the loop."""
        failpoints.hit("on_turn")
        self.hear(self.rest_s(self.clock.now()))
        now = self.clock.now()
        self.obey(now)
        if self.done:
            return
        self.look(now)
        self.settle(now)
        if self.state is NodeState.RUNNING:
            self.dispatch.hand_out(now)
        self.staff(now)

    def start(self) -> None:
        """Become known, give back what dead nodes held, and start the helpers."""
        bind(node=self.me.id[:12])
        linux.become_subreaper()
        self.signals = Signals()
        self.ears.watch(self.signals.fileno(), lambda _now: self.signals.hear())
        self.bell.open()
        self.ears.watch(self.bell.fileno(), lambda _now: self._rung(self.bell.heard()))
        size = KeptSize(self.staffing.wanted, self.held_until)
        self.clock.compare(enter(self.db, self.me, size, self.signals, self.ears))
        self.entered = True
        now = self.clock.now()
        about = {"host": self.me.host, "pid": self.me.pid, "workers": self.staffing.wanted, "database": self.db.vendor}
        self.ledger.tidings.tell("node.started", now.wall, data=about)
        self._rescue_kin(now)
        if self.lock is not None:
            with suppress(DatabaseError, InterfaceError):
                self.kin.sweep_folder(self.db)
        self.notices.listen()
        self.links.open_helpers(now)
        self.state = NodeState.RUNNING

    def hear(self, rest_s: float) -> None:
        """Wait for the next thing to happen, and take in everything that did."""
        self.links.flush()
        self.ears.listen(rest_s)

    def rest_s(self, now: Now) -> float:
        """How long the loop may wait."""
        # A database that does not answer is not asked again before its pause is over.
        until = [self.control_due, max(self.agenda.due(now, self.state), self.ledger.retry_at)]
        if self.roster.holding() or self.undertaker.is_busy or len(self.roster) != self.staffing.wanted:
            until.append(max(self.look_due, now.mono + 0.001))
        if (deadline := self.watch.next_deadline()) is not None:
            until.append(deadline)
        return min(max(min(until) - now.mono, 0.0), 1.0)

    def obey(self, now: Now) -> None:
        """Act on signals, and once a second on what operators asked for."""
        if now.mono >= self.control_due:
            self.control_due = now.mono + self.config.poll_s
            self._answer(self.control.look(now), now)
            self._fence(now)
            self._rescue_kin(now)
            if self.kin.is_waiting:
                self.control_due = now.mono + LOOK_S
            self.notices.listen()
        if self.signals.take_reload():
            self.reload()
        if self.signals.stops:
            self.drain(now)
        if self.signals.stops > 1:
            self.leaving.hurry(now)

    def look(self, now: Now) -> None:
        """Look after the workers: what runs too long, who is silent, who is dead."""
        if now.mono < self.look_due and not self.links.death_seen:
            return
        self.links.death_seen = False
        self.watch.look(now)
        self.whereabouts.look(now)
        self.staffing.recycle(now.mono)
        self.undertaker.tend(now)
        self.look_due = now.mono + (HASTE_S if self.undertaker.graves else LOOK_S)
        self.dispatch.give_back_late(now)
        if self.state is NodeState.DRAINING:
            self.done = self.leaving.go_on(now)

    def settle(self, now: Now) -> None:
        """One transaction: record, promote, claim, report."""
        if now.mono < self.agenda.rests_until:
            return
        wanted = self._wanted(now)
        if not (self.ledger.pending or wanted):
            return
        begun = time.perf_counter()
        answer = self.ledger.settle(wanted, now.wall, now.mono, self._held)
        if answer is None:
            return
        self.dispatch.took((time.perf_counter() - begun) * 1e6)
        self.reporting.last_claim_ok = now.mono
        if wanted.report is not None:
            self.undertaker.ended_workers.clear()
            if self.state is NodeState.RUNNING:
                self.autoscaler.look(now)
        self.clock.set_back_s -= wanted.set_back_s
        if answer.clock is not None:
            self.clock.compare(answer.clock)
        recorded = answer.recorded
        self.meter.counters.turned(len(answer.claimed), len(recorded.fenced), answer.folded.arrived)
        self.meter.counters.written(recorded.statuses())
        if self.ledger.tidings.jobs:
            self._tell_jobs(answer, now)
        self.agenda.learn(answer, wanted, self.clock.now())
        self.dispatch.learn_waiting(answer.waiting, answer.emptied)
        self.dispatch.take(answer.claimed, now)

    def staff(self, now: Now) -> None:
        """Hire, dismiss and see off workers; keep the helpers alive."""
        if self.state is NodeState.RUNNING:
            if self.dispatch.waits_alone:
                self.staffing.make_room(self.dispatch.waits_alone)
            self.links.open_helpers(now)
            for handle in self.staffing.hire(now.mono):
                self.links.connect(handle)
                facts = {"slot": handle.index, "kind": handle.kind}
                self.ledger.tidings.hint("worker.started", now.wall, handle.worker, None, facts)
            self.staffing.dismiss()
        self.staffing.see_off(now.mono)

    def drain(self, now: Now) -> None:
        """Take nothing new, and leave when what runs has ended."""
        if self.state is NodeState.DRAINING:
            return
        self.state = NodeState.DRAINING
        if self.lock is not None:
            self.lock.close()
        self.look_due = 0.0
        self.leaving.begin(now)

    def reload(self) -> None:
        """Load the code again: a new nursery first, then new workers, busy ones after their job."""
        log.info("node.reloading")
        self.staffing.replace_when_ready = True
        for account in (self.staffing.loads, self.staffing.budget):
            account.worked()
        if self.staffing.nursery is not None:
            self.staffing.nursery.end()

    def close(self) -> None:
        """Leave nothing behind, unless jobs are left: then whoever comes next needs to know which of them began."""
        self.ledger.tidings.hint("pool.stopped", self.clock.now().wall, "", None, {"host": self.me.host})
        self.links.close()
        is_clean = self.done and not self.roster.holding() and not self.ledger.pending
        is_over = self.disowned or not (self.entered or self.db.in_doubt)
        if is_clean and not self.disowned:
            with suppress(Exception):
                with self.db.transaction("leave"):
                    nodes.leave(self.db, self.me.id, NodeState.STOPPED, self.clock.now().wall)
                is_over = True
        self.db.close()
        self.bell.close()
        if is_over:
            # As long as the database does not know, the files prove that it has gone.
            clear_files(self.me)
        log.info("node.stopped", clean=is_clean)

    def _wanted(self, now: Now) -> Wanted:
        wanted = self.agenda.wanted(now, self.state)
        wanted.set_back_s = self.clock.set_back_s
        if self.reporting.due(now):
            wanted.report = self.reporting.make(now, self.state, self.undertaker.ended_workers)
            wanted.fold = True
            self.wellbeing.look(now, wanted.report.data)
            self.undertaker.remember_memory()
            self.staffing.look_at_loading(now.mono)
        return wanted

    def _tell_jobs(self, answer: Answer, now: Now) -> None:
        news = self.ledger.news
        news.recorded(answer.recorded.written)
        news.forget(answer.recorded.fenced)
        news.claimed(answer.claimed, now.wall)

    def _held(self) -> set[tuple[str, int]]:
        """Ids and epochs of the jobs this node knows it holds."""
        jobs = [held.job for handle in self.roster for held in handle.held.values()]
        jobs += [ended.job for grave in self.undertaker.graves for ended in grave.endings]
        jobs += [ended.job for ended, _ in self.ledger.pending.rulings]
        return {(job.id, job.epoch) for job in (*jobs, *self.dispatch.ready)}

    def _answer(self, asked: Asked, now: Now) -> None:
        if asked.disowned and self.state is not NodeState.STARTING:
            log.error("node.disowned")
            self.disowned = self.done = True
            self.exit_code = DISOWNED_EXIT
            return
        if asked.held_s is not None:
            self.autoscaler.held_until = now.mono + asked.held_s
        if asked.restart:
            self.reload()
        if asked.stop:
            self.drain(now)

    def _fence(self, now: Now) -> None:
        """Cut off from the database for nearly a lease: others will take the jobs, so nothing of ours may run on.

        Nodes on one SQLite file share the host, and take a job only when its old process is proven dead.
        """
        lease_s = self.config.lease_s
        trusted_until = self.ledger.lease_began + lease_s - min(FENCE_MARGIN_S, lease_s / 4)
        if self.db.is_sqlite or now.mono < trusted_until:
            return
        log.error("node.fenced", lease_s=lease_s)
        self.done = True
        self.exit_code = DISOWNED_EXIT

    def _rescue_kin(self, now: Now) -> None:
        try:
            if self.kin.rescue_lost(self.db, now.mono, now.wall):
                self.agenda.ring()
        except (DatabaseError, InterfaceError):
            # The ledger notices, says so and waits.
            return

    def _rung(self, reasons: set[str]) -> None:
        if "control" in reasons:
            self.control_due = 0.0
        if CHECK in reasons:
            self.watch.ask_all()
            self.reporting.tell_all(self.clock.now())
            self.look_due = 0.0
        for reason in reasons:
            if reason.startswith(STACK_OF):
                self.whereabouts.ask(reason.removeprefix(STACK_OF), self.clock.now())
            elif reason.startswith(RESTART_OF):
                self.roster.retire(reason.removeprefix(RESTART_OF), "somebody asked for another one")
        self.agenda.ring()
