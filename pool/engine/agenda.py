"""What the node asks of the database, and when: jobs for idle hands, jobs whose time has come, its report.

Rings, polls and full batches decide whether a turn claims. The agenda is asked before each wait and before each turn,
and told what the turn brought.
"""

from pool.domain.config import PoolConfig
from pool.domain.giving_way import rest_after
from pool.domain.states import JobStatus, NodeState
from pool.engine.clock import Now
from pool.engine.dispatch import Dispatch
from pool.engine.ledger import Ledger
from pool.engine.reporting import Reporting
from pool.engine.roster import Roster
from pool.engine.staffing import Staffing
from pool.engine.turns import Answer, Wanted
from pool.store.dependencies import Followed

LOOK_AHEAD_S = 0.02
"""Under load, between two looks for queues never met and for the next scheduled job."""

JOBS_FIRST_S = 0.002
"""How long a look ahead may wait, for the end of a job that was taken before it."""

LOOK_AGAIN_S = 0.01
"""After a claim that passed by jobs which somebody held locked. It doubles, up to the poll's, while that goes on."""

GIVEN_BACK = (JobStatus.PENDING, JobStatus.SCHEDULED)


class Agenda:
    def __init__(
        self,
        roster: Roster,
        ledger: Ledger,
        dispatch: Dispatch,
        staffing: Staffing,
        reporting: Reporting,
        config: PoolConfig,
    ) -> None:
        self.roster, self.ledger, self.dispatch = roster, ledger, dispatch
        self.staffing, self.reporting, self.config = staffing, reporting, config
        self._rung = self._hungry = self._look_ahead = True
        self._poll_due = self._look_ahead_due = self._jobs_until = 0.0
        self._jobs_first = True
        """Whoever rings has jobs, mostly for a known queue: they are handed out before anything is looked for."""
        self._next_due: float | None = None
        self._again_due: float | None = None
        self._again_s, self._follow_s = LOOK_AGAIN_S, LOOK_AHEAD_S
        self._fold_again = self._held_back = False
        self._rest_s = 0.0
        self.rests_until = 0.0
        """Before that there is no turn: others shall have the database."""
        self._is_full = False
        """The last turn claimed nothing, because too much waited for the database."""

    def ring(self) -> None:
        """There may be jobs."""
        self._rung = self._look_ahead = True

    def due(self, now: Now, state: NodeState) -> float:
        """Monotonic time at which the database is needed next."""
        return max(self._soonest(now, state), self.rests_until)

    def wanted(self, now: Now, state: NodeState) -> Wanted:
        """What this turn asks, the report aside."""
        wanted = Wanted(fold=self._fold_again)
        if not self._claims(state):
            return wanted
        poll = now.mono >= self._poll_due
        due = self._next_due is not None and now.wall >= self._next_due
        wanted.promote = poll or due
        wanted.discover = self._looks_ahead(now)
        again = self._again_due is not None and now.mono >= self._again_due
        if again:
            self._again_due = None
        self._is_full = self.ledger.is_full
        if self._is_full:
            return wanted
        # What limits held back may start now.
        freed = self._held_back and bool(self.ledger.pending.rulings)
        if poll or due or again or freed or self._rung or self._hungry or wanted.discover:
            wanted.jobs = self.dispatch.wants() if self._rung else self.dispatch.wants(now.mono)
        if self.dispatch.lacking:
            wanted.rooms = self.dispatch.rooms()
            if wanted.rooms and not wanted.jobs:
                wanted.jobs = self.dispatch.wants()
        if wanted.jobs and self._rung and self._jobs_first:
            wanted.discover = False
        return wanted

    def learn(self, answer: Answer, wanted: Wanted, now: Now) -> None:
        """What the turn brought decides when to ask again."""
        if wanted.promote:
            self._poll_due = now.mono + self.config.poll_s
        if wanted.jobs:
            self._hungry = len(answer.claimed) >= wanted.jobs
            self._rung = False
            self._held_back = answer.held_back
            self._look_again(answer, now)
            if self._look_ahead and self._jobs_first:
                self._jobs_first = False
                self._jobs_until = now.mono + (JOBS_FIRST_S if answer.claimed else 0.0)
        elif self._is_full:
            self._rung = True
        elif self._rung:
            self._hungry, self._rung = True, False
        if wanted.fold:
            self._fold_again = answer.folded.more
        self._look_further(answer, now)
        self._rest_s = rest_after(self._rest_s, met_others=answer.met_others)
        # Jobs that wait already need not wait for more.
        self.rests_until = 0.0 if self._hungry else now.mono + self._rest_s

    def _soonest(self, now: Now, state: NodeState) -> float:
        if self.ledger.pending or self._fold_again:
            return now.mono
        until = [self.reporting.due_at()]
        if self._claims(state):
            if self._rung and self.roster.has_room():
                return now.mono
            until.append(self._poll_due)
            if self._again_due is not None and self.roster.has_room():
                until.append(self._again_due)
            if self._look_ahead:
                until.append(max(self._look_ahead_due, self._jobs_until))
            if self._next_due is not None:
                until.append(now.mono + self._next_due - now.wall)
        return min(until)

    def _looks_ahead(self, now: Now) -> bool:
        """Whether it is time for what no ring tells: queues never met, scheduled jobs, ends told by other nodes."""
        if not self._look_ahead or now.mono < self._look_ahead_due:
            return False
        return now.mono >= self._jobs_until or bool(self.ledger.pending)

    def _look_further(self, answer: Answer, now: Now) -> None:
        if answer.looked_ahead:
            self._next_due, self._look_ahead = answer.next_due, False
            self._look_ahead_due = now.mono + LOOK_AHEAD_S
            self._jobs_first = True
        if answer.woken or any(status in GIVEN_BACK for status in answer.recorded.statuses()):
            self.ring()
        if answer.delayed:
            self._look_ahead = True
        self._follow_again(answer.followed, now)

    def _follow_again(self, followed: Followed, now: Now) -> None:
        """There was too much for one turn, or somebody held some of it."""
        if followed.more or followed.left:
            self._look_ahead, self._jobs_first = True, False
            self._look_ahead_due = now.mono + (0.0 if followed.more else self._follow_s)
        self._follow_s = min(self._follow_s * 2, self.config.poll_s) if followed.left else LOOK_AHEAD_S

    def _look_again(self, answer: Answer, now: Now) -> None:
        """What somebody held locked may soon be free, and a rate lets the next job start at a known time."""
        waits = [self._again_s] if answer.passed_by else []
        if answer.again_s is not None:
            waits.append(answer.again_s)
        self._again_due = now.mono + min(waits) if waits else None
        self._again_s = min(self._again_s * 2, self.config.poll_s) if answer.passed_by else LOOK_AGAIN_S

    def _claims(self, state: NodeState) -> bool:
        return state is NodeState.RUNNING and bool(self.staffing.tasks)
