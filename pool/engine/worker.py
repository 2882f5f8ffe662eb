"""The life of a worker: born of the nursery, it executes jobs one after the other until the node says leave.

The main thread reads orders and executes; a side thread answers the node while a job runs (beats, recalls, stacks,
live output). Nobody but this process writes its slot, the node's two words excepted.
"""

import faulthandler
import gc
import os
import signal
import sys
import threading
import traceback
from collections import deque
from collections.abc import Iterable
from typing import Any

from setproctitle import setproctitle

from pool import failpoints, logs
from pool.domain.ids import spelled
from pool.domain.kinds import GENERAL
from pool.domain.payload import clean_text
from pool.engine import capture as output
from pool.engine import linux, stack
from pool.engine import slot as words
from pool.engine.birth import Birth
from pool.engine.equipment import Equipment
from pool.engine.execute import Ending, Executor
from pool.engine.job_lines import JobLines
from pool.engine.messages import (
    DumpStack,
    FreeMemory,
    JobFailed,
    JobSaid,
    JobTold,
    Leave,
    Order,
    Poke,
    Recall,
    Recalled,
    RunJobs,
    SideOrder,
    StackDumped,
    Task,
    WorkerReady,
    WorkerTainted,
)
from pool.engine.pipe import Closed, Pipe
from pool.engine.remains import WORKER_TITLE
from pool.engine.restore import Baseline

RAW_OUTPUT_BYTES = 16 * 2**20
"""What a running job may leave below Python's streams before it is thrown away."""

STACK_BYTES = 65_536


class Worker:
    """A general worker, and what the other kinds are made from. A project's own class overrides the same methods."""

    kind = GENERAL

    def __init__(self, birth: Birth) -> None:
        self.name, self.slot, self.config, self.rank = birth.worker, birth.slot, birth.config, birth.rank
        self.pipe: Pipe[Order] = Pipe(birth.main, Order, blocking=True)
        self.side: Pipe[SideOrder] = Pipe(birth.side, SideOrder, blocking=True)
        self.capture = self.make_capture()
        self.raw = output.RawOutput(birth.output)
        self.equipment = Equipment(birth.block_name, self.kind, birth.offers)
        self.executor = self.make_executor(birth.tasks)
        self.lines = JobLines(birth.config)
        self.pid = self.slot.words[words.PID] = os.getpid()
        self.todo: deque[Task] = deque()
        self.current: Task | None = None
        self.leaving = False
        self.tainted = False
        self.reading = threading.Lock()
        self.telling = threading.Lock()

    def make_capture(self) -> output.Capture:
        return output.Capture(self.config.max_log_bytes)

    def make_executor(self, tasks: dict[str, Any]) -> Executor:
        return Executor(self.name, self.slot, self.capture, tasks, self.config, self.equipment)

    def prepare(self) -> None:
        """For kinds: called once, in the main thread, before the first job."""

    def rest(self) -> None:
        """For kinds: called in the main thread when there is nothing to do."""

    def poked(self) -> None:
        """For kinds: called in the side thread at every sign of life, each second or so."""

    def run(self) -> None:
        """Until told to leave, or until the node is gone."""
        self.prepare()
        signal.signal(signal.SIGUSR1, self.executor.interrupt)
        output.install(self.capture)
        threading.Thread(target=self.serve_side, name="pool-side", daemon=True).start()
        baseline = Baseline()
        self.pipe.send(WorkerReady(os.getpid()))
        while True:
            if self.tainted:
                self.refuse()
            try:
                task = self.todo.popleft()
            except IndexError:
                if self.leaving:
                    self.equipment.close()
                    return
                self.rest()
                self.hear()
                continue
            self.work(task, baseline)

    def hear(self) -> None:
        """Wait for orders. Only an idle main thread does; while it works the side thread may read in its stead."""
        with self.reading:
            # The side thread may have taken the last order there was while this one waited for its turn.
            if not self.todo and not self.leaving:
                self.take(self.pipe.read())

    def take(self, orders: list[Order]) -> None:
        for order in orders:
            match order:
                case RunJobs(jobs):
                    self.todo.extend(jobs)
                case Leave():
                    self.leaving = True

    def introduce(self, task: Task) -> None:
        """Log lines from here on are the job's."""
        logs.bind(job=spelled(task.id), task=task.name, attempt=task.attempt)
        self.lines.started()
        failpoints.hit("before_begin")

    def work(self, task: Task, baseline: Baseline) -> None:
        self.introduce(task)
        self.current = task
        ending = self.executor.run(task)
        if os.getpid() != self.pid:
            # The job forked, and its child came back here as well: only one of the two is the worker.
            os._exit(0)
        tainted = baseline.restore()
        self.raw.collect(self.capture)
        with self.telling:
            self.current = None
            pieces, usage = self.capture.close(), self.executor.usage
        self.tell_ending(ending, pieces, usage)
        self.slot.end()
        self.check_taint(ending, tainted)

    def tell_ending(self, ending: Ending, pieces: Iterable[output.Piece], usage: str | None) -> None:
        """Send how a job ended, after whatever belongs to it."""
        self.lines.ended(ending)
        if pieces or usage:
            for parcel in list(output.parcels(pieces)) or [[]]:
                self.pipe.send(JobTold(ending.seq, parcel, usage))
        self.pipe.send(ending, _half_sent if failpoints.ARMED else None)
        failpoints.hit("after_result")
        self.slot.words[words.JOBS] += 1

    def check_taint(self, ending: Ending, tainted: str) -> None:
        """A job that left what cannot be put back is the worker's last."""
        if tainted or (isinstance(ending, JobFailed) and ending.tainted):
            self.tainted = True
            self.pipe.send(WorkerTainted(clean_text(tainted or ending.kind, 300)))  # type: ignore[union-attr]

    def refuse(self) -> None:
        """No further job may meet what the last one left: whatever is in hand goes back."""
        if seqs := self.empty_hands():
            self.pipe.send(Recalled(seqs))

    def serve_side(self) -> None:
        """The side thread."""
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            while True:
                for order in self.side.read():
                    self.answer(order)
        except Closed:
            os._exit(0)

    def answer(self, order: SideOrder) -> None:
        match order:
            case Poke():
                self.slot.words[words.BEAT] = linux.monotonic_ns()
                self.raw.bound(RAW_OUTPUT_BYTES)
                self.tell_output()
                self.poked()
            case Recall():
                self.side.send(Recalled(self.give_back()))
            case FreeMemory():
                self.equipment.trim()
                gc.collect()
                linux.trim_heap()
            case DumpStack(seq):
                self.side.send(StackDumped(seq, clean_text(self.stack_of(seq), STACK_BYTES)))

    def stack_of(self, seq: int) -> str:
        """Where the job with this number is; empty when it is not the one that runs."""
        task, waits = self.current, self.executor.coroutine
        if task is None or task.seq != seq:
            return ""
        # A coroutine that executes something waits for nothing, and then its thread tells.
        text = stack.of_coroutine(waits.get_coro()) if waits is not None else ""
        return text or stack.of_thread(threading.main_thread().ident or 0)

    def tell_output(self) -> None:
        """Send what the running job has said so far. Before its ending, or not at all."""
        with self.telling:
            task = self.current
            if task is not None:
                for parcel in output.parcels(self.capture.take()):
                    self.side.send(JobSaid(task.id, task.epoch, parcel))

    def give_back(self) -> list[int]:
        """Every job not yet begun, those still in the socket among them."""
        if self.reading.acquire(blocking=False):
            try:
                self.take(self.pipe.read_now())
            finally:
                self.reading.release()
        return self.empty_hands()

    def empty_hands(self) -> list[int]:
        """Take from the end, while the main thread takes from the front: each job goes to one of the two."""
        seqs: list[int] = []
        while True:
            try:
                seqs.append(self.todo.pop().seq)
            except IndexError:
                return seqs


def live(birth: Birth) -> None:
    """Entry of the forked process. Never returns."""
    code = 1
    real_stderr = output.real_stderr()
    try:
        os.setpgid(0, 0)
        linux.wait_for_parent(*birth.parents)
        linux.die_with(birth.parents[1])
        linux.become_subreaper()
        failpoints.hit("on_birth")
        _settle(birth, real_stderr)
        birth.maker(birth).run()
        code = 0
    except Closed:
        code = 0
    except BaseException:  # noqa: BLE001  a forked process must never return into the nursery
        traceback.print_exc(file=real_stderr)
    finally:
        os._exit(code)


def _settle(birth: Birth, real_stderr: Any) -> None:
    """Become a process of its own after the fork."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.set_wakeup_fd(-1)
    gc.enable()
    linux.limit_address_space(birth.config.worker_address_space_mb * 2**20)
    logs.configure("worker", stream=real_stderr)
    logs.bind(worker=birth.worker)
    setproctitle(f"{WORKER_TITLE} {birth.worker}")
    faulthandler.enable(file=2, all_threads=False)
    sys.stdin = open(os.devnull)  # noqa: SIM115  for the life of the process


def _half_sent() -> None:
    failpoints.hit("half_result")
