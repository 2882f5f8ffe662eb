"""Between claim and worker: jobs claimed but not handed out, and the decision who gets which.

A job that finds no seat soon goes back to the database unburnt, where another node may take it.
"""

import time
from collections.abc import Callable
from contextlib import suppress

from pool.domain.complaints import Complaints
from pool.domain.config import PoolConfig
from pool.domain.errors import JobExpired, UnknownTask
from pool.domain.jobs import ClaimedJob, Ended, Verdict, failure
from pool.domain.routing import Estimates, Seat, route, wanted
from pool.domain.states import JobStatus, Outcome
from pool.domain.verdict import UNKNOWN_TASK_DELAY_S, expired
from pool.engine.clock import Now
from pool.engine.ledger import Ledger
from pool.engine.messages import Recall
from pool.engine.pipe import Closed
from pool.engine.roster import Roster
from pool.logs import get_logger

log = get_logger(__name__)

KEPT_S = 1.0
"""How long a claimed job may wait for a seat before it is given back."""

SEAT_BYTES = 4 * 2**20
"""Arguments that a worker may hold ahead, however short its jobs are."""

MEAN_WEIGHT = 0.1

TURNS_AHEAD = 2.0
LONGEST_AHEAD_US = 50_000.0
"""Work that a worker may hold beyond `prefetch_ms`, however slow the database is."""


class Dispatch:
    def __init__(self, roster: Roster, ledger: Ledger, config: PoolConfig, knows: Callable[[str], bool]) -> None:
        self.roster, self.ledger, self.config, self.knows = roster, ledger, config, knows
        self.estimates = Estimates()
        self.mean_us: float | None = None
        self.mean_bytes = 0.0
        self.ready: list[ClaimedJob] = []
        self.doomed: set[tuple[str, int]] = set()
        """Ids and epochs of jobs that somebody cancelled: they may come back from a worker, and then go nowhere."""
        self.ahead_us = self._least_us = config.prefetch_ms * 1000
        self.held_back = False
        """Nothing is handed out: too much waits for the database."""
        self._complaints = Complaints()
        self._since = 0.0
        self._unknown: set[str] = set()

    def wants(self) -> int:
        """How many jobs to claim now."""
        most = wanted(self._seats(), self.mean_us, self.ahead_us)
        if most * self.mean_bytes > SEAT_BYTES:
            room = sum(max(SEAT_BYTES - handle.load_bytes, 0) for handle in self.roster.able())
            most = min(most, int(room / self.mean_bytes) + 1)
        return max(min(most, self.config.claim_batch) - len(self.ready), 0)

    def take(self, claimed: list[ClaimedJob], now: Now) -> None:
        """Claimed jobs come in. Those that cannot run here leave again at once, with no attempt burnt."""
        if claimed and not self.ready:
            self._since = now.mono
        if claimed:
            mean = sum(job.payload_size for job in claimed) / len(claimed)
            self.mean_bytes = max(mean, self.mean_bytes + (mean - self.mean_bytes) * MEAN_WEIGHT)
        for job in claimed:
            if job.expires_at is not None and expired(job, now.wall):
                self.ledger.ended(
                    Ended(job, Outcome.ERROR, "", None, now.wall, failure=failure(JobExpired), retryable=False)
                )
            elif not self.knows(job.task):
                self._postpone(job, now.wall)
            else:
                self.ready.append(job)

    def take_back(self, jobs: list[ClaimedJob]) -> None:
        """Jobs handed out but not begun return, to the front."""
        self.ready[:0] = jobs

    def learn(self, task: str, run_us: float) -> None:
        cost = self.estimates.learn(task, run_us)
        mean = self.mean_us
        self.mean_us = cost if mean is None or cost > mean * 8 else mean + (cost - mean) * MEAN_WEIGHT

    def took(self, turn_us: float) -> None:
        """A transaction took this long. Workers hold work for a few of them, or they would wait for a slow database."""
        known = max(self.ahead_us - self._least_us, 0.0) / TURNS_AHEAD
        mean_us = known + (turn_us - known) * MEAN_WEIGHT
        self.ahead_us = self._least_us + min(TURNS_AHEAD * mean_us, LONGEST_AHEAD_US)

    def hand_out(self, now: Now) -> None:
        """Give ready jobs to workers."""
        if self.doomed:
            self._cancel_doomed(now)
        self._hold_back(self.ledger.is_full, now)
        if not self.ready or self.ledger.is_full:
            return
        seats = self._seats()
        of = self.estimates.of
        costs = [of(job.task) for job in self.ready]
        left = route(costs, seats, self.ahead_us)
        now_ns = time.monotonic_ns()
        handles = {handle.index: handle for handle in self.roster.able()}
        for seat in seats:
            if not seat.taken:
                continue
            handle = handles[seat.key]
            fits = self._fitting(seat, handle.load_bytes)
            if not fits:
                left += seat.taken
                continue
            if fits < len(seat.taken):
                left += seat.taken[fits:]
                # They wait for room, not for a seat, and it comes soon.
                self._since = now.mono
            orders = [(self.ready[index], costs[index] or self.ahead_us) for index in seat.taken[:fits]]
            try:
                handle.give(orders, now_ns)
            except Closed:
                # Its death is on the way; the jobs are in its hands and come back with it.
                continue
        self.ready = [self.ready[index] for index in sorted(left)]

    def give_back_late(self, now: Now) -> None:
        """Claimed jobs that found no seat for a while."""
        if self.ready and now.mono - self._since > KEPT_S:
            self.give_back_all(now)

    def give_back_all(self, now: Now) -> None:
        for job in self.ready:
            self.ledger.ended(Ended(job, Outcome.INTERRUPTED, "", None, now.wall))
        self.ready = []

    def _hold_back(self, held_back: bool, now: Now) -> None:
        """When too much waits for the database, what the workers have not begun comes back."""
        if held_back and not self.held_back:
            if self._complaints.failed(now.mono):
                log.warning("jobs.held_back", waiting_bytes=self.ledger.pending.bytes, limit=self.ledger.most_bytes)
            for handle in self.roster:
                with suppress(Closed):
                    handle.side.send(Recall())
        self.held_back = held_back

    def _cancel_doomed(self, now: Now) -> None:
        for job in [job for job in self.ready if (job.id, job.epoch) in self.doomed]:
            self.ready.remove(job)
            self.ledger.ended(Ended(job, Outcome.CANCELLED, "", None, now.wall))

    def _fitting(self, seat: Seat, held_bytes: int) -> int:
        """How many of the seat's jobs its worker can be given now. A worker with empty hands takes any one job."""
        room = SEAT_BYTES - held_bytes
        for count, index in enumerate(seat.taken):
            size = self.ready[index].payload_size
            if size > room and (count or held_bytes):
                return count
            room -= size
        return len(seat.taken)

    def _seats(self) -> list[Seat]:
        most = self.config.prefetch_max
        return [
            Seat(handle.index, handle.load_us, len(handle.held), handle.room(most)) for handle in self.roster.able()
        ]

    def _postpone(self, job: ClaimedJob, wall: float) -> None:
        if job.task not in self._unknown:
            self._unknown.add(job.task)
            log.warning("task.unknown", task=job.task, job=job.id, again_in_s=UNKNOWN_TASK_DELAY_S)
        why = failure(UnknownTask, f"No worker knows the task {job.task!r}. The job waits until one does.")
        ended = Ended(job, Outcome.INTERRUPTED, "", None, wall, failure=why)
        verdict = Verdict(JobStatus.SCHEDULED, delay_s=UNKNOWN_TASK_DELAY_S, refund=True)
        self.ledger.pending.rule(ended, verdict)
