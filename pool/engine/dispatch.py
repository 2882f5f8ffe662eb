"""Between claim and worker: jobs claimed but not handed out, and the decision who gets which.

A job that finds no seat soon goes back to the database unburnt, where another node may take it.
"""

import math
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress

from pool.domain.complaints import Complaints
from pool.domain.config import PoolConfig
from pool.domain.errors import JobExpired, UnknownTask
from pool.domain.jobs import ClaimedJob, Ended, Verdict, failure
from pool.domain.routing import Call, Estimates, Place, Seat, route, wanted
from pool.domain.states import JobStatus, Outcome
from pool.domain.verdict import UNKNOWN_TASK_DELAY_S, expired
from pool.engine.clock import Now
from pool.engine.handle import Handle
from pool.engine.ledger import Ledger
from pool.engine.messages import Recall
from pool.engine.pipe import Closed
from pool.engine.placing import Facts, Placing, lacks_key, read_requires
from pool.engine.roster import Roster
from pool.logs import get_logger

log = get_logger(__name__)

KEPT_S = 1.0
"""How long a claimed job may wait for a seat before it is given back."""
KEPT_UNEVEN_S = 0.1
"""The same where workers differ, and jobs were claimed with others for which there was room."""

SEAT_BYTES = 4 * 2**20
"""Arguments that a worker may hold ahead, however short its jobs are."""

MEAN_WEIGHT = 0.1

TURNS_AHEAD = 2.0
LONGEST_AHEAD_US = 50_000.0
"""Work that a worker may hold beyond `prefetch_ms`, however slow the database is."""


class Dispatch:
    def __init__(self, roster: Roster, ledger: Ledger, config: PoolConfig, facts: Facts) -> None:
        self.roster, self.ledger, self.config, self.facts = roster, ledger, config, facts
        self.estimates = Estimates()
        self.placing = Placing(roster, config, facts)
        self.lacking: dict[str, frozenset[str]] = {}
        """What jobs that were put off require, by the key under which they wait in the database."""
        self.waits_alone: list[Call] = []
        """Jobs that wait for a worker of their own."""
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
        self._special = False
        """One of the ready jobs asks for more than any worker."""

    def wants(self, now: float = math.inf) -> int:
        """How many jobs to claim now."""
        if self.placing.is_uneven:
            most = self.placing.wanted(self.ready, self.mean_us, self.ahead_us, now) + len(self.ready)
        else:
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
            elif (facts := self.facts(job.task)) is None:
                self._postpone(job, now.wall)
            else:
                self.ready.append(job)
                self._special = self._special or self.placing.is_special(job, facts)
        if self.placing.is_uneven:
            self.placing.met(claimed, now.mono)

    def take_back(self, jobs: list[ClaimedJob]) -> None:
        """Jobs handed out but not begun return, to the front."""
        self.ready[:0] = jobs
        for job in jobs:
            facts = self.facts(job.task)
            self._special = self._special or (facts is not None and self.placing.is_special(job, facts))

    def learn(
        self, task: str, run_us: float, handle: Handle | None = None, *, succeeded: bool = True, is_stream: bool = False
    ) -> None:
        """A job ended in this worker after so long."""
        if handle is not None and self.placing.learns:
            self.placing.learn(task, handle, run_us, succeeded=succeeded)
        if is_stream:
            # What runs beside others holds nobody up, however long it takes.
            self.estimates.learn(task, run_us)
            return
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
        self.waits_alone = []
        self._hold_back(self.ledger.is_full, now)
        if not self.ready or self.ledger.is_full:
            return
        of = self.estimates.of
        costs = [of(job.task) for job in self.ready]
        seats: Sequence[Seat]
        if self.placing.is_uneven or self._special:
            calls = [self.placing.call(job, cost) for job, cost in zip(self.ready, costs, strict=True)]
            seats = self.placing.places()
            left = self._put_off(self.placing.route(calls, seats, self.ahead_us), calls, now)
        else:
            seats = self._seats()
            left = route(costs, seats, self.ahead_us)
        left += self._give(seats, costs, now)
        self.ready = [self.ready[index] for index in sorted(left)]
        self._special = self._special and bool(self.ready)

    def _give(self, seats: Sequence[Seat], costs: Sequence[float | None], now: Now) -> list[int]:
        """Hand over what the seats took; the indexes of jobs for which there was no room."""
        over: list[int] = []
        now_ns = time.monotonic_ns()
        handles = {handle.index: handle for handle in self.roster.able()}
        for seat in seats:
            if not seat.taken:
                continue
            handle = handles[seat.key]
            fits = self._fitting(seat, handle.load_bytes)
            if not fits:
                over += seat.taken
                continue
            if fits < len(seat.taken):
                over += seat.taken[fits:]
                # They wait for room, not for a seat, and it comes soon.
                self._since = now.mono
            orders = [(self.ready[index], costs[index] or self.ahead_us) for index in seat.taken[:fits]]
            try:
                if isinstance(seat, Place):
                    handle.sealed = seat.sealed
                    handle.give(orders, now_ns, streams=seat.side_by_side)
                else:
                    handle.give(orders, now_ns)
            except Closed:
                # Its death is on the way; the jobs are in its hands and come back with it.
                continue
        return over

    def _put_off(self, left: Sequence[int], calls: Sequence[Call], now: Now) -> list[int]:
        """Jobs whose kind of worker has no room leave, so that those behind them are claimed; who may stay."""
        stay: list[int] = []
        for index in left:
            call = calls[index]
            if call.requires and not (call.alone and self.placing.is_offered(call.requires)):
                self._shelve(self.ready[index], call.requires, now.wall)
                continue
            stay.append(index)
            if call.alone:
                self.waits_alone.append(call)
        return stay

    def give_back_late(self, now: Now) -> None:
        """Claimed jobs that found no seat for a while."""
        kept_s = KEPT_UNEVEN_S if self.placing.is_uneven else KEPT_S
        if self.ready and now.mono - self._since > kept_s:
            self.give_back_all(now)

    def give_back_all(self, now: Now) -> None:
        for job in self.ready:
            self.ledger.ended(Ended(job, Outcome.INTERRUPTED, "", None, now.wall))
        self.ready, self.waits_alone = [], []

    def rooms(self) -> list[tuple[str, int]]:
        """For jobs that were put off: under which key, and how many find a worker now."""
        return self.placing.rooms(self.lacking, self.mean_us, self.ahead_us)

    def learn_waiting(self, found: Mapping[str, str], emptied: Sequence[str]) -> None:
        """Jobs wait in the database under these keys, with what they require as JSON; under those none are left."""
        self.lacking |= {key: read_requires(text) for key, text in found.items()}
        for key in emptied:
            self.lacking.pop(key, None)

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

    def _shelve(self, job: ClaimedJob, requires: frozenset[str], wall: float) -> None:
        """It waits in the database until a worker that offers what it requires has room, on this node or another."""
        key = lacks_key(requires)
        self.lacking[key] = requires
        ended = Ended(job, Outcome.INTERRUPTED, "", None, wall)
        self.ledger.pending.rule(ended, Verdict(JobStatus.BLOCKED, refund=True, lacks=key))

    def _postpone(self, job: ClaimedJob, wall: float) -> None:
        if job.task not in self._unknown:
            self._unknown.add(job.task)
            log.warning("task.unknown", task=job.task, job=job.id, again_in_s=UNKNOWN_TASK_DELAY_S)
        why = failure(UnknownTask, f"No worker knows the task {job.task!r}. The job waits until one does.")
        ended = Ended(job, Outcome.INTERRUPTED, "", None, wall, failure=why)
        verdict = Verdict(JobStatus.SCHEDULED, delay_s=UNKNOWN_TASK_DELAY_S, refund=True)
        self.ledger.pending.rule(ended, verdict)
