"""Makes the number of workers follow the load: measures once a period, asks the rule, and changes the node's size.

The rule is `pool.domain.scaling`. The size stands in the node's row, where operators write it too: a size set by hand
stays for `scale_hold_s`, and a change of ours is written only while none is. Workers that leave are idle ones; which,
is a matter of staffing. Several nodes scale each for itself, by its share of what waits.
"""

from collections import deque
from collections.abc import Callable, Collection, Sequence
from typing import Any

import psutil
from django.db import DatabaseError, InterfaceError

from pool.domain.config import WORKER_CEILING, PoolConfig
from pool.domain.demand import Required, demand
from pool.domain.kinds import kinds_of, offers_of
from pool.domain.scaling import Advice, Load, Marks, Past, advise
from pool.domain.states import WorkerState
from pool.engine.clock import Now
from pool.engine.handle import Handle
from pool.engine.ledger import Ledger
from pool.engine.meter import Meter, Work
from pool.engine.roster import Roster
from pool.engine.staffing import Staffing
from pool.logs import get_logger
from pool.store import sizing

log = get_logger(__name__)

OFF, HELD, LOAD = "off", "held", "load"
"""What the size goes by: only what people ask for, that for a while, or the load."""


def marks_of(config: PoolConfig, size: int) -> Marks:
    """The settings, for a node that began with so many workers: it may have been told to have few, or many."""
    return Marks(
        least=min(config.min_workers, size),
        most=min(max(config.max_workers, size), WORKER_CEILING),
        up_at=config.scale_up_at,
        down_at=config.scale_down_at,
        up_cooldown_s=config.scale_up_cooldown_s,
        down_cooldown_s=config.scale_down_cooldown_s,
        idle_timeout_s=config.idle_timeout_s,
        wait_target_ms=config.wait_target_ms,
    )


class Idleness:
    """Since when each worker has had nothing to do, as far as looks once a period show."""

    def __init__(self) -> None:
        self._since: dict[str, tuple[int, float]] = {}

    def look(self, roster: Roster, now: float) -> tuple[float, ...]:
        """For how long each idle worker has been so."""
        since: dict[str, tuple[int, float]] = {}
        for handle in roster.staying():
            done = handle.jobs_completed + handle.jobs_failed
            if handle.state is WorkerState.IDLE:
                known = self._since.get(handle.worker)
                since[handle.worker] = known if known is not None and known[0] == done else (done, now)
        self._since = since
        return tuple(now - began for _, began in since.values())


def kept_for_streams(staying: Sequence[Handle]) -> int:
    """Idle io workers beside others: jobs that block go to those others, however long they wait."""
    if not any(handle.streams == 1 for handle in staying):
        return 0
    return sum(handle.streams > 1 and handle.state is WorkerState.IDLE for handle in staying)


class Occupied:
    """How many workers are at work on a job where each has a process for itself: its birth and its end belong to it.

    The mean of a few looks, one a second. Such a worker is starting or leaving for most of its life, and the time that
    jobs run says little.
    """

    def __init__(self) -> None:
        self._looks: deque[float] = deque(maxlen=5)

    def look(self, roster: Roster, size: int) -> None:
        idle = sum(handle.state is WorkerState.IDLE for handle in roster.staying())
        self._looks.append(max(size - idle, 0))

    def mean(self) -> float:
        return sum(self._looks) / len(self._looks) if self._looks else 0.0


class Autoscaler:
    def __init__(
        self,
        roster: Roster,
        staffing: Staffing,
        ledger: Ledger,
        meter: Meter,
        config: PoolConfig,
        nodes: Callable[[], int],
        now: Now,
    ) -> None:
        self.roster, self.staffing, self.ledger, self.meter, self.config = roster, staffing, ledger, meter, config
        self.nodes = nodes
        """How many nodes share what waits, this one included."""
        self.marks = marks_of(config, staffing.wanted)
        self.held_until = float("-inf")
        """Monotonic time until which a size set by hand stays."""
        self.due = now.mono + config.scale_every_s
        self.advice = Advice(staffing.wanted, "")
        self._was_held = False
        """It was given while a size set by hand stayed."""
        self._up_at = float("-inf")
        self._step_at = now.mono
        self._before = meter.work()
        self._service_s = 0.0
        """Mean run time of the jobs that ended in the last period in which any did."""
        self._waited = 0
        self._peaks: deque[tuple[float, float]] = deque()
        self._idleness = Idleness()
        self._occupied = Occupied()
        kinds = kinds_of(self.marks.most, config.worker_kinds)
        self._offers = [offers_of(kind, config.capabilities) for kind in kinds]
        psutil.cpu_percent(None)

    def standing(self, now: float) -> dict[str, Any]:
        """For the figures: what the size goes by, for how long yet where it was set by hand, and the last reason."""
        held_s = max(self.held_until - now, 0.0)
        if not self.config.autoscaling:
            return {"mode": OFF, "held_s": None, "why": None}
        mode = HELD if held_s else LOAD
        # What was said of a hold is not the reason for anything once it is over.
        why = "" if self._was_held and not held_s else self.advice.why
        return {"mode": mode, "held_s": round(held_s, 1) if held_s else None, "why": why or None}

    def look(self, now: Now) -> None:
        """Judge the size when a period is over. Does nothing where it is switched off, or the database fails."""
        if not self.config.autoscaling:
            return
        self._occupied.look(self.roster, self.staffing.wanted)
        if now.mono < self.due:
            return
        self.due = now.mono + self.config.scale_every_s
        try:
            with self.ledger.db.errors:
                waiting = sizing.waiting(self.ledger.db, self.config.queues) // max(self.nodes(), 1)
                shelved = sizing.shelved(self.ledger.db, self.config.queues)
        except (DatabaseError, InterfaceError):
            # The ledger notices, says so and waits.
            return
        load = self._load(waiting, shelved, now.mono)
        advice = advise(self.marks, load, Past(self._up_at, self._step_at, self.held_until), now.mono)
        if advice.size != load.size:
            self._change(load.size, advice, now)
        elif advice.why != self.advice.why:
            log.debug("pool.size_judged", size=load.size, why=advice.why)
        self.advice, self._was_held = advice, self.held_until > now.mono

    def _load(self, waiting: int, shelved: Required, now: float) -> Load:
        """What was measured since the last look."""
        before, after = self._before, self.meter.work()
        self._before = after
        span_s = max(after.at - before.at, 1e-6)
        used = self._used(before, after, span_s)
        idle_s = self._idleness.look(self.roster, now)
        aside = kept_for_streams(self.roster.staying())
        if self._idle(len(idle_s)) > aside:
            # What waits although somebody is idle waits for something else: a limit, a kind of worker.
            waiting = 0
        wants = demand(shelved, self._offers, self.staffing.wanted, self.nodes())
        aside = max(aside if waiting else 0, self._unable(wants.required))
        waiting += wants.jobs
        offered = max(used + (waiting - self._waited) * self._service_s / span_s, 0.0)
        self._waited = waiting
        return Load(
            size=self.staffing.wanted,
            used=used,
            offered=offered,
            peak=self._peak(now, used),
            waiting=waiting,
            service_s=self._service_s,
            wait_p95_ms=self.meter.wait_p95_ms(before.at) if self.marks.wait_target_ms else None,
            cpu=psutil.cpu_percent(None) / 100,
            worker_cpu=self._worker_cpu(),
            latest=after.latest,
            idle_s=idle_s,
            aside=aside,
            reach=wants.reach,
            is_missing=wants.is_missing,
            stays=wants.stays,
        )

    def _used(self, before: Work, after: Work, span_s: float) -> float:
        """Workers' worth of time that jobs took; what one takes is learnt from those that ended."""
        used = max(after.busy_s - before.busy_s, 0.0) / span_s
        jobs, ended_s = after.jobs - before.jobs, max(after.ended_s - before.ended_s, 0.0)
        # Workers that only fail to start are at work on nothing.
        if used and self.config.isolation == "process":
            used = max(used, self._occupied.mean())
            ended_s = max(ended_s, used * span_s)
        if jobs:
            self._service_s = ended_s / jobs
        return used

    def _idle(self, idle: int) -> int:
        """How many of these idle workers were not only so at this moment."""
        if self.config.isolation != "process":
            return idle
        return min(idle, int(self.staffing.wanted - self._occupied.mean()))

    def _unable(self, required: Collection[frozenset[str]]) -> int:
        """Idle workers that can do nothing of what requires this."""
        if not required:
            return 0
        idle = [handle for handle in self.roster.staying() if handle.state is WorkerState.IDLE]
        return sum(not any(requires <= handle.offers for requires in required) for handle in idle)

    def _peak(self, now: float, used: float) -> float:
        self._peaks.append((now, used))
        while self._peaks[0][0] < now - self.marks.down_cooldown_s:
            self._peaks.popleft()
        return max(most for _, most in self._peaks)

    def _worker_cpu(self) -> float | None:
        shares = [handle.cpu for handle in self.roster if handle.state is WorkerState.BUSY and handle.cpu is not None]
        return sum(shares) / len(shares) if shares else None

    def _change(self, before: int, advice: Advice, now: Now) -> None:
        try:
            with self.ledger.db.transaction():
                changed = sizing.resize(self.ledger.db, self.ledger.node, before, advice.size, now.wall)
        except (DatabaseError, InterfaceError):
            return
        if not changed:
            return
        if advice.size > before:
            self._up_at = now.mono
        self._step_at = now.mono
        self.staffing.wanted = advice.size
        data = {"from": before, "to": advice.size, "why": advice.why}
        self.ledger.tidings.tell("pool.scaled", now.wall, data=data)
