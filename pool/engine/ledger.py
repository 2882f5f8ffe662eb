"""The node's book: what it must tell the database, and the one transaction per turn in which it does.

Nothing is forgotten before it is committed. When the database refuses, everything waits for the next turn; when a
single row spoils the batch, the batch is redone row by row. After a transaction whose outcome is unknown the node gives
back what the database thinks it holds and it does not. Of a database that fails the log tells ever more seldom.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Any

from django.db import DatabaseError, InterfaceError

from pool import failpoints
from pool.domain.complaints import Complaints
from pool.domain.fairness import Shares
from pool.domain.jobs import Ended, Verdict
from pool.domain.retry import Backoff
from pool.domain.setting import BUFFER_BYTES
from pool.domain.verdict import judge
from pool.engine.job_news import JobNews
from pool.engine.pending import Pending
from pool.engine.tidings import Tidings
from pool.engine.turns import Answer, Report, Wanted
from pool.logs import get_logger
from pool.store import nodes, running, shelf, tally
from pool.store.claim import meet_queues, passed_by, take
from pool.store.database import Database
from pool.store.deltas import Deltas
from pool.store.dependencies import BEGINNING, follow
from pool.store.events import write_event
from pool.store.failures import Kind, in_words, kind_of
from pool.store.keys import KeyWatch, sweep
from pool.store.locks import is_lock_timeout, locked_by_others
from pool.store.promote import BATCH as PROMOTED
from pool.store.promote import bring_forward, next_due, promote
from pool.store.record import Redo, Ruling, record
from pool.store.rescue import release_unheld
from pool.store.snapshots import write_snapshot

log = get_logger(__name__)

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.02, 1.0
LOCKED_PAUSE_S = 0.05
"""Between two turns while a user's transaction holds rows that are to be written."""
CONFLICT_TRIES = 5
"""So often in a row a turn that met a deadlock is tried again at once."""
WORTH_TELLING_S = 5.0
"""A failure that lasted so long is an event: what the log said may be gone when somebody asks."""
RELEASE_BATCH = 2000
"""Outcomes written in one transaction at the most, so that none holds the lock for long."""


class Ledger:
    def __init__(
        self,
        db: Database,
        node: str,
        backoff: Backoff,
        queues: Collection[str],
        shares: Shares | None = None,
        most_bytes: int = BUFFER_BYTES,
    ) -> None:
        self.db, self.node, self.backoff, self.queues = db, node, backoff, list(queues)
        self.shares, self.keys = shares or Shares(), KeyWatch()
        self.most_bytes = most_bytes
        self.pending = Pending()
        self.tidings = Tidings(self.event)
        self.news = JobNews(self.tidings)
        self.problem = ""
        self.retry_at = 0.0
        self.doubt = False
        self._pause_s = FIRST_PAUSE_S
        self._careful = False
        self._follow_place = BEGINNING
        self._skip_locked = False
        self._conflicts = 0
        self._failing_since = 0.0
        self._complaints = Complaints()
        self._reported: Report | None = None
        self.beat_began = 0.0
        """Monotonic time at which the last transaction began that wrote a report."""
        self.lease_began = 0.0
        """And the last one that renewed the lease."""

    def ended(self, ended: Ended) -> Verdict:
        """Note how an attempt ended; it is written with the next turn."""
        verdict = judge(ended, self.backoff)
        self.pending.rule(ended, verdict)
        return verdict

    def event(self, at: float, name: str, **facts: Any) -> None:
        self.pending.note(at, name, facts)
        self.tidings.kept(at, name, facts)

    @property
    def is_full(self) -> bool:
        """So much waits for the database that nothing more should begin."""
        return self.pending.bytes >= self.most_bytes

    def settle(
        self, wanted: Wanted, wall: float, now: float, held: Callable[[], Collection[tuple[str, int]]]
    ) -> Answer | None:
        """Run one transaction; None when the database did not take it. Wall is seconds since 1970, now is monotonic."""
        if now < self.retry_at:
            return None
        keys_due = self.keys.due
        try:
            answer = self._transact(wanted, wall, held)
        except Redo:
            self.keys.due |= keys_due
            self._careful = True
            return self.settle(wanted, wall, now, held)
        except (DatabaseError, InterfaceError, OSError) as error:
            self.keys.due |= keys_due
            self._failed(error, now)
            return None
        self._careful = False
        if wanted.report is not None:
            self._reported, self.beat_began = wanted.report, now
            if answer.renewed:
                self.lease_began = now
        self._recovered(wall, now)
        if answer.unreleased:
            self.doubt = self._skip_locked = True
        if self._skip_locked:
            # What is locked is looked at again soon, and until then the loop may rest.
            self.retry_at = now + LOCKED_PAUSE_S
        return answer

    def _transact(self, wanted: Wanted, wall: float, held: Callable[[], Collection[tuple[str, int]]]) -> Answer:
        db, node, deltas, answer = self.db, self.node, Deltas(), Answer()
        with db.transaction("turn"):
            answer.met_others, pass_by = db.met_others, self._skip_locked
            now, later = self._split()
            if self.doubt:
                found = release_unheld(db, node, held(), self.backoff, deltas, wall, pass_by=pass_by)
                answer.unreleased = found.locked
            self._tell(now)
            self._record(answer, now.rulings, deltas)
            self._follow(answer, wanted, wall, deltas)
            promoted = self._come_due(wanted, wall, deltas)
            self._offer(answer, wanted, deltas)
            if wanted.promote or self.keys.due:
                answer.woken += sweep(db, self.keys, deltas, all_keys=wanted.promote)
            if wanted.promote or wanted.discover:
                meet_queues(db)
                answer.next_due, answer.looked_ahead = self._next_due(wall, promoted), True
            if wanted.jobs:
                self._claim(answer, wanted.jobs, deltas, wall)
            deltas.write(db, node)
            if wanted.fold:
                answer.folded = tally.fold(db, node)
            if wanted.report is not None:
                answer.renewed = self._report(wanted.report)
                answer.clock = db.read_clock()
            db.doing = "record" if now.rulings else "claim" if answer.claimed else "turn"
        self.pending = later
        return answer

    def _record(self, answer: Answer, rulings: Sequence[Ruling], deltas: Deltas) -> None:
        if rulings:
            answer.recorded = record(self.db, self.node, rulings, deltas, careful=self._careful)
            answer.woken = answer.recorded.woken
            self.keys.due |= answer.recorded.keys_missed

    def _follow(self, answer: Answer, wanted: Wanted, wall: float, deltas: Deltas) -> None:
        """What waited for the jobs that ended, here or elsewhere, starts or ends with them."""
        if answer.recorded.has_followers or wanted.promote or wanted.discover:
            answer.followed = follow(self.db, wall, deltas, self._follow_place)
            self._follow_place = answer.followed.place
            answer.woken += answer.followed.started

    def _offer(self, answer: Answer, wanted: Wanted, deltas: Deltas) -> None:
        """Jobs that waited for a capable worker may start when one has room."""
        if wanted.promote:
            answer.waiting = shelf.waiting(self.db)
        for key, room in wanted.rooms:
            released = shelf.release(self.db, key, room, deltas, self.queues)
            answer.woken += released
            if released < room:
                answer.emptied.append(key)

    def _claim(self, answer: Answer, most: int, deltas: Deltas, wall: float) -> None:
        taken = take(self.db, self.node, most, deltas, self.queues, self.shares, wall)
        answer.claimed, answer.held_back, answer.again_s = taken.jobs, taken.held_back, taken.again_s
        answer.delayed = taken.delayed
        answer.passed_by = taken.passed_by or bool(self.keys.due)
        if len(taken.jobs) < most and not answer.passed_by:
            answer.passed_by = passed_by(self.db, self.queues)

    def _split(self) -> tuple[Pending, Pending]:
        """What is told in this turn, and what waits: more than a batch, and rows that somebody else holds locked."""
        locked = locked_by_others(self.db, self.pending.jobs()) if self._skip_locked else frozenset()
        self._skip_locked = bool(locked)
        return self.pending.split(RELEASE_BATCH, locked)

    def _tell(self, pending: Pending) -> None:
        running.write_begun(self.db, pending.begun)
        running.write_progress(self.db, list(pending.progressed.values()))
        running.write_log(self.db, pending.said)
        for at, name, facts in pending.events:
            write_event(self.db, at, name, node=self.node, **facts)

    def _come_due(self, wanted: Wanted, wall: float, deltas: Deltas) -> int | None:
        """How many jobs were promoted; None when none was asked for."""
        if wanted.set_back_s:
            bring_forward(self.db, wanted.set_back_s)
        if wanted.promote:
            return promote(self.db, wall, deltas)
        return None

    def _next_due(self, wall: float, promoted: int | None) -> float | None:
        """When the next job is due. One that was due already, and is not promoted, is held by somebody."""
        due = next_due(self.db)
        if self.db.is_sqlite or due is None or promoted is None or promoted >= PROMOTED or due > wall:
            return due
        return wall + LOCKED_PAUSE_S

    def _report(self, report: Report) -> bool:
        """Whether the lease was renewed with it."""
        failpoints.hit("on_renew")
        renewed = nodes.beat(self.db, self.node, report.state, report.size, report.problem, report.at)
        nodes.write_workers(self.db, self.node, report.workers)
        write_snapshot(self.db, self.node, report.at, report.data, report.histograms)
        return renewed

    def _failed(self, error: Exception, now: float) -> None:
        """Everything stays pending, and the pause doubles."""
        self.doubt = self.doubt or self.db.in_doubt
        if is_lock_timeout(error):
            # A user's open transaction holds one of the rows: the others are written without it.
            self._skip_locked = True
            return
        kind = kind_of(error)
        self._conflicts += 1
        if kind is Kind.CONFLICT and self._conflicts <= CONFLICT_TRIES:
            return
        self._complain(error, kind, now)
        self.retry_at = now + self._pause_s
        self._pause_s = min(self._pause_s * 2, LONGEST_PAUSE_S)
        if kind is Kind.FULL:
            self._beat_in_need(now)
        if not self.db.is_sqlite:
            self.db.close()

    def _complain(self, error: Exception, kind: Kind, now: float) -> None:
        if not self.problem:
            self._failing_since = now
        self.problem = in_words(error)
        if self._complaints.failed(now, f"{kind} {type(error).__name__}"):
            waiting = {"outcomes": len(self.pending.rulings), "bytes": self.pending.bytes, "full": self.is_full}
            log.warning("database.failed", problem=self.problem, since_s=round(now - self._failing_since, 1), **waiting)

    def _beat_in_need(self, now: float) -> None:
        """Where there is no room for a row there may be for changed bytes: the lease, and what is wrong here."""
        report = self._reported
        if report is None:
            return
        wall = report.at + now - self.beat_began
        try:
            with self.db.transaction():
                renewed = nodes.beat(self.db, self.node, report.state, report.size, self.problem, wall)
        except (DatabaseError, InterfaceError, OSError):
            return
        if renewed:
            self.lease_began = now

    def _recovered(self, wall: float, now: float) -> None:
        if self.problem:
            took_s = round(now - self._failing_since, 1)
            if self._complaints.over():
                log.info("database.recovered", after_s=took_s)
            if took_s >= WORTH_TELLING_S:
                facts = {"problem": self.problem.rstrip("."), "seconds": took_s}
                self.event(wall, "database.recovered", level="warning", data=facts)
        self.problem, self.doubt = "", False
        self.retry_at, self._pause_s, self._conflicts = 0.0, FIRST_PAUSE_S, 0
