"""Keeps the number of workers as wanted: hires from the nursery, retires idle ones first, replaces and recycles.

Part of the node's loop. The nursery is a helper process that may die; the workers it made do not notice.
"""

import secrets
from collections.abc import Sequence

from pool.domain.config import PoolConfig
from pool.domain.kinds import IO, kinds_of, lacking, offers_of
from pool.domain.recycling import Growth, RecycleLimits, why_recycle
from pool.domain.restarting import RestartBudget
from pool.domain.routing import Call
from pool.domain.states import WorkerState
from pool.engine import linux
from pool.engine.children import Helper
from pool.engine.handle import Handle
from pool.engine.kin import output_path
from pool.engine.loss import Exit
from pool.engine.messages import (
    NurseryFact,
    NurseryFailed,
    NurseryReady,
    SpawnFailed,
    SpawnWorker,
    TaskFacts,
    WorkerSpawned,
)
from pool.engine.meter import Meter
from pool.engine.pipe import Closed
from pool.engine.remains import MARK
from pool.engine.roster import Roster
from pool.engine.slot import Slots
from pool.logs import get_logger
from pool.store.nodes import NodeIdentity

log = get_logger(__name__)

FILES_PER_WORKER = 3
"""Two sockets and a process descriptor. Their other ends are open only until they are sent."""

LEAVE_GRACE_S = 5.0
"""A worker told to leave with empty hands gets this long before it is killed."""


class Staffing:
    def __init__(self, roster: Roster, me: NodeIdentity, slots: Slots, config: PoolConfig, meter: Meter) -> None:
        self.roster, self.me, self.slots, self.config, self.meter = roster, me, slots, config, meter
        self.wanted = 0
        self.nursery: Helper | None = None
        self.first_nursery: Helper | None = None
        """Made before the node was; every later one is a fresh process."""
        self.ready = False
        self.tasks: dict[str, TaskFacts] = {}
        self.load_problem = self.start_problem = ""
        self.start_slot: int | None = None
        self.loading_since = 0.0
        self.replace_when_ready = False
        self.budget = RestartBudget(config.restart_budget, config.restart_cooldown_s)
        self.loads = RestartBudget(0, config.restart_cooldown_s)
        self.limits = RecycleLimits(
            config.max_jobs_per_worker,
            config.recycle_threshold,
            config.worker_min_age_s,
            config.worker_max_rss_mb * 2**20,
            config.worker_max_age_s,
            config.worker_growth_mb * 2**20,
        )
        self._growth: dict[str, Growth] = {}
        self._leaving_since: dict[str, float] = {}

    @property
    def problem(self) -> str:
        """Why there are no workers, or no new ones; empty when all is well."""
        return self.load_problem or self.start_problem

    def open_nursery(self, now: float) -> Helper:
        slots = self.slots.file
        self.nursery, self.first_nursery = self.first_nursery, None
        if self.nursery is None:
            mark = {MARK: str(slots.path)}
            self.nursery = Helper.start("pool.engine.nursery", NurseryFact, slots.arguments(), mark=mark)
        self.ready = False
        self.loading_since = now
        return self.nursery

    def close_nursery(self, now: float, how: Exit) -> None:
        """The nursery ended, wanted or not; the next one starts when its time has come."""
        if self.nursery is not None:
            if not (self.ready or self.load_problem or self.replace_when_ready):
                self.load_problem = f"The tasks cannot be loaded: the process that loads them ended, {how}."
            if not self.replace_when_ready:
                log.warning("nursery.ended", how=str(how))
            self.nursery.close()
            self.nursery = None
            self.ready = False
            self.loads.died_young(now)

    def nursery_failed_to_start(self, now: float, error: OSError) -> None:
        self.load_problem = f"The tasks cannot be loaded: {error.strerror}."
        log.error("nursery.start_failed", problem=str(error))
        self.loads.died_young(now)

    def look_at_loading(self, now: float) -> None:
        """Code of the project may hang while it is imported. It is left alone, but not in silence."""
        limit_s = self.config.start_timeout_s
        if self.ready and any(not handle.pid and now - handle.born_at > limit_s for handle in self.roster):
            log.error("nursery.silent", limit_s=limit_s)
            self.give_up_starting()
        self._look_at_problem(now)
        if self.nursery is not None and not self.ready and not self.load_problem and now - self.loading_since > limit_s:
            self.load_problem = f"Loading the tasks takes longer than {limit_s:g} s."
            log.warning("nursery.slow", limit_s=limit_s)

    def hear_nursery(self) -> None:
        for fact in self.nursery.read() if self.nursery is not None else ():
            match fact:
                case NurseryReady(tasks):
                    self._nursery_ready(tasks)
                case NurseryFailed(problem):
                    self.load_problem = f"The tasks cannot be loaded: {problem.strip().splitlines()[-1][:300]}"
                    log.error("nursery.failed", problem=problem)
                case WorkerSpawned(worker, pid):
                    if (handle := self.roster.get(worker)) is not None:
                        handle.born(pid)
                case SpawnFailed(worker, problem):
                    self._spawn_failed(worker, problem)

    def _nursery_ready(self, tasks: list[TaskFacts]) -> None:
        self.ready, self.tasks, self.load_problem = True, {facts.name: facts for facts in tasks}, ""
        self.loads.worked()
        log.info("nursery.ready", tasks=len(tasks))
        if self.replace_when_ready:
            self.replace_when_ready = False
            self.replace_all("the code is loaded again")

    def _spawn_failed(self, worker: str, problem: str) -> None:
        """Its sockets closed, and so it may have been buried before this was heard."""
        log.error("worker.start_failed", worker=worker, problem=problem)
        self.start_problem = f"Workers fail to start: {problem}."
        if (handle := self.roster.get(worker)) is not None:
            handle.death_reason = problem
            self.start_slot = handle.index

    def give_up_starting(self) -> None:
        """Workers that were asked for and not made will not come: the nursery's end shows as theirs."""
        if self.nursery is not None and any(not handle.pid for handle in self.roster):
            self.nursery.end()

    def worker_ready(self) -> None:
        if not self.budget.exhausted:
            self.start_problem = ""

    def worker_worked(self, handle: Handle) -> None:
        """It was born after the last one that died young, and has done its first job: workers can start again."""
        is_first = handle.jobs_completed + handle.jobs_failed == 1
        if is_first and handle.born_at > self.budget.last_death:
            self.budget.worked()

    def hire(self, now: float) -> list[Handle]:
        """Start workers until the wanted number stays; the new ones."""
        if not self.ready or self.nursery is None or now < self.budget.next_start():
            return []
        hired: list[Handle] = []
        for kind in self.missing_kinds():
            handle = self._hire_one(now, kind)
            if handle is None:
                break
            hired.append(handle)
            if self.budget.exhausted:
                break
        return hired

    def dismiss(self) -> None:
        """Retire what is too much: starting and idle workers first, then busy ones after their job."""
        staying = self.roster.staying()
        excess = len(staying) - self.wanted
        if excess <= 0:
            return
        order = {WorkerState.STARTING: 0, WorkerState.IDLE: 1, WorkerState.BUSY: 2}
        staying.sort(key=lambda handle: (order.get(handle.state, 0), -handle.born_at))
        spare = lacking((handle.kind for handle in staying), kinds_of(self.wanted, self.config.worker_kinds))
        for handle in staying:
            if handle.kind in spare:
                spare.remove(handle.kind)
                handle.retiring = "scaled down"

    def missing_kinds(self) -> list[str]:
        """Kinds of the workers that are to be hired."""
        staying = self.roster.staying()
        missing = self.wanted - len(staying)
        if missing <= 0:
            return []
        wanted = kinds_of(self.wanted, self.config.worker_kinds)
        return lacking(wanted, (handle.kind for handle in staying))[:missing]

    def make_room(self, calls: Sequence[Call]) -> None:
        """Jobs wait for a worker in which no other has been: used ones go, idle ones first, and are replaced."""
        staying = self.roster.staying()
        coming = [offers_of(kind, self.config.capabilities) for kind in self.missing_kinds()]
        coming += [handle.offers for handle in staying if handle.is_fresh and not handle.sealed]
        used = [handle for handle in staying if not (handle.is_fresh or handle.sealed)]
        used.sort(key=lambda handle: handle.state is not WorkerState.IDLE)
        for call in calls:
            fitting = next((offers for offers in coming if call.requires <= offers), None)
            if fitting is not None:
                coming.remove(fitting)
                continue
            going = next((handle for handle in used if call.requires <= handle.offers), None)
            if going is not None:
                used.remove(going)
                going.retiring = "makes room for a job that runs alone"

    def recycle(self, now: float) -> None:
        """Retire workers that have done enough or have grown too large."""
        for handle in self.roster.staying():
            idle = handle.state is WorkerState.IDLE
            jobs, age_s = handle.jobs_completed + handle.jobs_failed, now - handle.born_at
            handle.most_jobs = self.limits.most_jobs(age_s)
            rss, growth = handle.own_rss, 0
            if rss is not None and self.limits.max_growth:
                seen = self._growth.setdefault(handle.worker, Growth())
                seen.note(jobs, rss, handle.measured_at)
                growth = seen.trend
            why = why_recycle(self.limits, jobs=jobs, age_s=age_s, rss=rss, idle=idle, growth=growth)
            if why:
                handle.retiring = why
                log.info("worker.recycling", worker=handle.worker, reason=why)

    def replace_all(self, reason: str) -> None:
        for handle in self.roster.staying():
            handle.retiring = reason

    def see_off(self, now: float) -> None:
        """Let retiring workers with empty hands go, and end those that do not."""
        for handle in self.roster:
            if handle.retiring and not handle.held and not handle.left and handle.state is not WorkerState.STARTING:
                self._leaving_since[handle.worker] = now
                try:
                    handle.leave()
                except Closed:
                    continue
            elif handle.left and now - self._leaving_since.get(handle.worker, now) > LEAVE_GRACE_S:
                handle.kill("did not leave")

    def gone(self, handle: Handle, now: float) -> None:
        """A worker's end is confirmed."""
        self._leaving_since.pop(handle.worker, None)
        self._growth.pop(handle.worker, None)
        if not handle.left and not (handle.jobs_completed or handle.jobs_failed) and handle.begun_seq() == 0:
            self.budget.died_young(now)
            if handle.death_reason or not self.start_problem:
                when = "it was ready" if handle.state is WorkerState.STARTING else "its first job"
                self.start_problem = f"Workers fail to start: {handle.death_reason or f'one died before {when}'}."
                self.start_slot = handle.index

    def _look_at_problem(self, now: float) -> None:
        """Workers that fail again and again may be ready in between: the problem is over when all have stayed."""
        staying = self.roster.staying()
        since = now - self.config.restart_cooldown_s
        if len(staying) >= self.wanted and all(
            handle.state is not WorkerState.STARTING and handle.born_at < since for handle in staying
        ):
            self.start_problem = ""

    def _cannot_start(self, slot: int, error: OSError, now: float) -> None:
        problem = f"A worker cannot be started: {error.strerror}."
        if problem != self.start_problem:
            log.error("worker.start_failed", slot=slot, problem=problem)
        self.start_problem, self.start_slot = problem, slot
        self.budget.died_young(now)

    def _hire_one(self, now: float, kind: str) -> Handle | None:
        index = self.roster.free_slot()
        if index is None or self.nursery is None:
            return None
        slot = self.slots[index]
        slot.clear()
        try:
            linux.leave_files(self.nursery.sock.fileno() + FILES_PER_WORKER * (len(self.roster) + 1))
            offers = offers_of(kind, self.config.capabilities)
            streams = self.config.max_streams if kind == IO else 1
            handle = Handle(f"w{index}-{secrets.token_hex(4)}", index, slot, now, kind, offers, streams)
        except OSError as error:
            self.roster.give_back(index)
            self._cannot_start(index, error, now)
            return None
        handle.most_jobs = self.limits.most_jobs(age_s=0)
        ranks = {other.rank for other in self.roster if other.kind == kind}
        handle.rank = next(rank for rank in range(len(ranks) + 1) if rank not in ranks)
        self.roster.add(handle)
        descriptors = (handle.theirs[0].fileno(), handle.theirs[1].fileno())
        sent = self.nursery.send(
            SpawnWorker(
                handle.worker, index, str(output_path(self.me, handle.worker)), kind, handle.rank, tuple(sorted(offers))
            ),
            descriptors,
        )
        handle.hand_over_sockets()
        if not sent:
            handle.close()
            self.roster.remove(handle)
            return None
        self.meter.counters.spawned += 1
        return handle
