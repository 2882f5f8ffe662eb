"""The node's book: what it must tell the database, and the one transaction per turn in which it does.

Nothing is forgotten before it is committed. When the database refuses, everything waits for the next turn; when a
single row spoils the batch, the batch is redone row by row. After a transaction whose outcome is unknown the node gives
back what the database thinks it holds and it does not.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

from django.db import DatabaseError, InterfaceError

from pool.domain.jobs import ClaimedJob, Ended, Verdict
from pool.domain.retry import Backoff
from pool.domain.states import NodeState
from pool.domain.verdict import judge
from pool.logs import get_logger
from pool.store import nodes, running, tally
from pool.store.claim import claim, meet_queues, passed_by
from pool.store.database import Database
from pool.store.deltas import Deltas
from pool.store.events import write_event
from pool.store.locks import is_lock_timeout, locked_by_others
from pool.store.promote import next_due, promote
from pool.store.record import Recorded, Redo, record
from pool.store.rescue import release_unheld
from pool.store.snapshots import write_snapshot

log = get_logger(__name__)

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.02, 1.0
LOCKED_PAUSE_S = 0.05
"""Between two turns while a user's transaction holds rows that are to be written."""
RELEASE_BATCH = 2000
"""Outcomes written in one transaction at the most, so that none holds the lock for long."""


@dataclass(slots=True)
class Report:
    """What the node writes once a second beside its jobs."""

    at: float
    data: dict[str, Any]
    histograms: dict[str, Any]
    workers: list[nodes.WorkerRow]
    state: NodeState
    size: int
    problem: str


@dataclass(slots=True)
class Wanted:
    """What this turn asks of the database."""

    jobs: int = 0
    promote: bool = False
    discover: bool = False
    fold: bool = False
    report: Report | None = None

    def __bool__(self) -> bool:
        return bool(self.jobs or self.promote or self.discover or self.fold or self.report)


@dataclass(slots=True)
class Answer:
    """What this turn brought."""

    claimed: list[ClaimedJob] = field(default_factory=list)
    passed_by: bool = False
    """There are further jobs, which somebody holds locked just now."""
    recorded: Recorded = field(default_factory=Recorded)
    folded: tally.Folded = field(default_factory=tally.Folded)
    next_due: float | None = None
    looked_ahead: bool = False


@dataclass(slots=True)
class Pending:
    """What must be told and has not been committed yet."""

    rulings: list[tuple[Ended, Verdict]] = field(default_factory=list)
    begun: list[running.Begun] = field(default_factory=list)
    progressed: list[running.Progressed] = field(default_factory=list)
    said: list[running.Said] = field(default_factory=list)
    events: list[tuple[float, str, dict[str, Any]]] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.rulings or self.begun or self.progressed or self.said or self.events)


class Ledger:
    def __init__(self, db: Database, node: str, backoff: Backoff, queues: Collection[str]) -> None:
        self.db, self.node, self.backoff, self.queues = db, node, backoff, list(queues)
        self.pending = Pending()
        self.problem = ""
        self.retry_at = 0.0
        self.doubt = False
        self._pause_s = FIRST_PAUSE_S
        self._careful = False
        self._skip_locked = False
        self.beat_began = 0.0
        """Monotonic time at which the last transaction began that renewed the lease."""

    def ended(self, ended: Ended) -> Verdict:
        """Note how an attempt ended; it is written with the next turn."""
        verdict = judge(ended, self.backoff)
        self.pending.rulings.append((ended, verdict))
        return verdict

    def event(self, at: float, name: str, **facts: Any) -> None:
        self.pending.events.append((at, name, facts))

    def settle(
        self, wanted: Wanted, wall: float, now: float, held: Callable[[], Collection[tuple[str, int]]]
    ) -> Answer | None:
        """Run one transaction; None when the database did not take it. Wall is seconds since 1970, now is monotonic."""
        if now < self.retry_at:
            return None
        try:
            answer = self._transact(wanted, wall, held)
        except Redo:
            self._careful = True
            return self.settle(wanted, wall, now, held)
        except (DatabaseError, InterfaceError, OSError) as error:
            self._failed(error, now)
            return None
        self._careful = False
        if wanted.report is not None:
            self.beat_began = now
        self._recovered()
        if self._skip_locked:
            # What is locked is looked at again soon, and until then the loop may rest.
            self.retry_at = now + LOCKED_PAUSE_S
        return answer

    def _transact(self, wanted: Wanted, wall: float, held: Callable[[], Collection[tuple[str, int]]]) -> Answer:
        db, node, deltas, answer = self.db, self.node, Deltas(), Answer()
        with db.transaction():
            now, later = self._split()
            if self.doubt:
                release_unheld(db, node, held(), self.backoff, deltas, wall)
            self._tell(now)
            if now.rulings:
                answer.recorded = record(db, node, now.rulings, deltas, careful=self._careful)
            if wanted.promote:
                promote(db, wall, deltas)
            if wanted.promote or wanted.discover:
                meet_queues(db)
                answer.next_due, answer.looked_ahead = next_due(db), True
            if wanted.jobs:
                answer.claimed = claim(db, node, wanted.jobs, deltas, self.queues)
                answer.passed_by = len(answer.claimed) < wanted.jobs and passed_by(db, self.queues)
            deltas.write(db, node)
            if wanted.fold:
                answer.folded = tally.fold(db, node)
            if wanted.report is not None:
                self._report(wanted.report)
        self.pending = later
        return answer

    def _split(self) -> tuple[Pending, Pending]:
        """What is told in this turn, and what waits: more than a batch, and rows that somebody else holds locked."""
        pending = self.pending
        locked = locked_by_others(self.db, self._touched()) if self._skip_locked else frozenset()
        self._skip_locked = bool(locked)
        free = [ruling for ruling in pending.rulings if ruling[0].job.id not in locked]
        held = [ruling for ruling in pending.rulings if ruling[0].job.id in locked]
        now = Pending(
            free[:RELEASE_BATCH],
            [one for one in pending.begun if one.job not in locked],
            [one for one in pending.progressed if one.job not in locked],
            pending.said,
            pending.events,
        )
        begun = [one for one in pending.begun if one.job in locked]
        return now, Pending(free[RELEASE_BATCH:] + held, begun)

    def _touched(self) -> list[str]:
        pending = self.pending
        return [
            *(ended.job.id for ended, _ in pending.rulings),
            *(one.job for one in pending.begun),
            *(one.job for one in pending.progressed),
        ]

    def _tell(self, pending: Pending) -> None:
        running.write_begun(self.db, pending.begun)
        running.write_progress(self.db, pending.progressed)
        running.write_log(self.db, pending.said)
        for at, name, facts in pending.events:
            write_event(self.db, at, name, node=self.node, **facts)

    def _report(self, report: Report) -> None:
        nodes.beat(self.db, self.node, report.state, report.size, report.problem, report.at)
        nodes.write_workers(self.db, self.node, report.workers)
        write_snapshot(self.db, self.node, report.at, report.data, report.histograms)

    def _failed(self, error: Exception, now: float) -> None:
        """Everything stays pending; the pause doubles, and the log gets one line per step."""
        self.doubt = self.doubt or self.db.in_doubt
        if is_lock_timeout(error):
            # A user's open transaction holds one of the rows: the others are written without it.
            self._skip_locked = True
            return
        self.problem = f"The database does not answer: {type(error).__name__}: {str(error).strip()[:200]}"
        log.warning("database.failed", error=str(error).strip()[:200], pause_s=self._pause_s)
        self.retry_at = now + self._pause_s
        self._pause_s = min(self._pause_s * 2, LONGEST_PAUSE_S)
        if not self.db.is_sqlite:
            self.db.close()

    def _recovered(self) -> None:
        if self.problem:
            log.info("database.recovered")
        self.problem, self.doubt = "", False
        self.retry_at, self._pause_s = 0.0, FIRST_PAUSE_S
