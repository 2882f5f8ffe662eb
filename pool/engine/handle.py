"""One worker as the node sees it: its sockets, its slot, the jobs it holds, and what is being done to it.

No policy here: who decides is `pool.domain`, who acts is the node.
"""

import os
import signal
import socket
from contextlib import suppress
from dataclasses import KW_ONLY, InitVar, dataclass, field

import msgspec

from pool import failpoints
from pool.domain.jobs import ClaimedJob
from pool.domain.kinds import GENERAL
from pool.domain.stages import Stage
from pool.domain.states import Outcome, WorkerState
from pool.engine import linux
from pool.engine import slot as words
from pool.engine.messages import Fact, Leave, RunJobs, SideFact, Task
from pool.engine.pipe import Pipe
from pool.engine.slot import Running, Slot

MESSAGE_BYTES = 2**20
"""Arguments in one message of jobs: far below the limit of a frame."""


class Held(msgspec.Struct, gc=False):
    """A job in a worker's hands, begun or not."""

    job: ClaimedJob
    handed_ns: int
    cost_us: float
    size: int = 0
    """Length of its arguments."""
    begun: bool = False
    """RUNNING stands in the database."""
    seq: int = 0
    is_stream: bool = False
    """It runs beside others on an event loop."""
    usage: str | None = None
    """What it said it used, as JSON."""
    told: int = -1
    """Revision of its progress that was carried last."""


@dataclass(slots=True)
class End:
    """A running job that is being ended, stage by stage."""

    seq: int
    outcome: Outcome
    asked_at: float
    stage: Stage = Stage.NONE


@dataclass(slots=True, eq=False, repr=False)
class Handle:
    worker: str
    index: int
    slot: Slot
    now: InitVar[float]
    kind: str = GENERAL
    offers: frozenset[str] = frozenset()
    streams: int = 1
    """Most async jobs that it runs at a time."""

    _: KW_ONLY
    main: Pipe[Fact] = field(init=False)
    side: Pipe[SideFact] = field(init=False)
    theirs: tuple[socket.socket, socket.socket] = field(init=False)
    rank: int = 0
    """Its number among the workers of its kind."""
    sealed: bool = False
    """It was given a job that has its process for itself, and gets no other."""
    pid: int = 0
    pidfd: int = -1
    state: WorkerState = WorkerState.STARTING
    held: dict[int, Held] = field(default_factory=dict)
    load_us: float = 0.0
    load_bytes: int = 0
    born_at: float = field(init=False)
    beat_at: float = field(init=False)
    poked_at: float = field(init=False)
    poke_unanswered: bool = False
    retiring: str = ""
    left: bool = False
    ends: dict[int, End] = field(default_factory=dict)
    """By the job's number. Only a worker with streams ever has more than one."""
    held_up_by: int = 0
    """Number of a job that takes much longer than expected: nothing is handed out behind it."""
    recalled_for: int = 0
    jobs_completed: int = 0
    jobs_failed: int = 0
    failed_in_row: int = 0
    ran_us: int = 0
    """Run time of all its attempts, added up."""
    rss: int | None = None
    rss_at_start: int | None = None
    """Memory it had when it became ready: most of that is the nursery's, and shared."""
    cpu: float | None = None
    cpu_total_s: float = 0.0
    measured_at: float = field(init=False)
    death_reason: str = ""
    most_jobs: int | None = None
    """Jobs in its life after which it is replaced; None for any number."""
    _next_seq: int = field(default=1, init=False)

    def __post_init__(self, now: float) -> None:
        ours, theirs = socket.socketpair()
        ours_side, theirs_side = socket.socketpair()
        self.main = Pipe(ours, Fact, blocking=False)
        self.side = Pipe(ours_side, SideFact, blocking=False)
        self.theirs = (theirs, theirs_side)
        self.born_at = self.beat_at = self.poked_at = self.measured_at = now

    def born(self, pid: int) -> None:
        """The nursery, or the worker itself, told its pid."""
        if self.pidfd >= 0:
            return
        self.pid = pid
        # Without a descriptor, as when too many files are open, its end shows at its sockets.
        with suppress(OSError):
            self.pidfd = os.pidfd_open(pid)

    def give(self, orders: list[tuple[ClaimedJob, float]], now_ns: int, *, streams: bool = False) -> None:
        """Hand over jobs. Raises Closed when the worker is gone; the jobs are held then all the same."""
        tasks: list[Task] = []
        messages, room = [tasks], MESSAGE_BYTES
        for job, cost in orders:
            seq = self._next_seq
            self._next_seq = seq + 1
            size = job.payload_size
            self.held[seq] = Held(job, now_ns, cost, size, seq=seq, is_stream=streams)
            self.load_us += cost
            self.load_bytes += size
            room -= size
            if room < 0 and tasks:
                tasks, room = [], MESSAGE_BYTES - size
                messages.append(tasks)
            whole = (job.id, job.task, job.args, job.kwargs, job.queue)
            tasks.append(Task(seq, *whole, job.attempts, job.max_attempts, job.created_at, job.epoch))
        if self.state is WorkerState.IDLE:
            self.state = WorkerState.BUSY
        failpoints.hit("before_send")
        for tasks in messages:
            self.main.send(RunJobs(tasks))
        failpoints.hit("after_send")

    def take_back(self, seq: int) -> Held | None:
        """The job is no longer in the worker's hands: it ended, or came back unbegun."""
        held = self.held.pop(seq, None)
        if held is None:
            return None
        self.load_us -= held.cost_us
        self.load_bytes -= held.size
        if not self.held:
            self.load_us = 0.0
            if self.sealed:
                self.retiring = self.retiring or "its only job"
            if self.state is WorkerState.BUSY:
                self.state = WorkerState.IDLE
        if self.ends:
            self.ends.pop(seq, None)
        if self.held_up_by == seq:
            self.held_up_by = 0
        return held

    def room(self, most: int) -> int:
        """How many jobs it may hold: so many, and no more than it may still do in its life."""
        if self.most_jobs is None:
            return most
        return min(most, self.most_jobs - self.jobs_completed - self.jobs_failed)

    def leave(self) -> None:
        """Tell it to go when its hands are empty."""
        self.left = True
        self.state = WorkerState.TERMINATING
        self.main.send(Leave())

    def running(self) -> Running | None:
        """The job it executes now; one of them where there are several."""
        return next(iter(self.running_jobs()), None)

    def running_jobs(self) -> list[Running]:
        """What it executes now and the node has not heard the end of."""
        if self.streams > 1:
            return [running for running in self.slot.jobs() if running.seq in self.held]
        running = self.slot.running()
        return [running] if running is not None and running.seq in self.held else []

    def begun_seq(self) -> int:
        """Number of the last job it began."""
        return self.slot.words[words.LAST]

    @property
    def holds_streams(self) -> bool:
        """Whether it has async jobs in hand, side by side: then it has no others, and never both."""
        return self.streams > 1 and any(held.is_stream for held in list(self.held.values())[:1])

    @property
    def is_fresh(self) -> bool:
        """Whether no job ever began in it."""
        return not self.held and self.begun_seq() == 0

    @property
    def may_take_more(self) -> bool:
        """Whether a job handed out now would not stand behind one that is being ended, or end with it."""
        if self.streams > 1:
            return all(end.stage < Stage.EXCEPTION for end in self.ends.values())
        return not self.ends

    def kill(self, reason: str) -> None:
        """End the worker and all of its process group."""
        self.death_reason = self.death_reason or reason
        if self.pid:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
            self.signal(signal.SIGKILL)

    def signal(self, number: int) -> None:
        # Through the descriptor: a pid may be somebody else's by now.
        if self.pidfd >= 0:
            with suppress(ProcessLookupError, PermissionError):
                signal.pidfd_send_signal(self.pidfd, number)

    def measure(self, now: float) -> None:
        """Read memory, and the share of a core since the last look."""
        if not self.pid:
            return
        self.rss = linux.rss(self.pid)
        if self.rss_at_start is None and self.state is not WorkerState.STARTING:
            self.rss_at_start = self.rss
        used, span_s = linux.cpu_s(self.pid), now - self.measured_at
        self.cpu = round(max(used - self.cpu_total_s, 0.0) / span_s, 3) if span_s > 0 else None
        self.cpu_total_s, self.measured_at = used, now

    @property
    def own_rss(self) -> int | None:
        """Memory it took since it was ready, in bytes."""
        return None if self.rss is None else max(self.rss - (self.rss_at_start or 0), 0)

    def hand_over_sockets(self) -> None:
        """Our copies of the worker's ends must go, or its death would not show as end of file."""
        for sock in self.theirs:
            sock.close()

    def close(self) -> None:
        self.hand_over_sockets()
        self.main.close()
        self.side.close()
        if self.pidfd >= 0:
            os.close(self.pidfd)
            self.pidfd = -1
