"""A worker for jobs that wait: up to `max_streams` async jobs at a time on one event loop in its main thread.

Blocking jobs run one at a time, as in any other worker, and not while async ones do: in a thread none could be
interrupted, and what it changes in the process would be everybody's. The node never gives it both at once.
"""

import os
from contextlib import suppress
from typing import Any

import psutil

from pool.domain.kinds import IO
from pool.engine.capture import Capture, parcels
from pool.engine.execute import Ending
from pool.engine.messages import JobSaid, Task
from pool.engine.pipe import Closed
from pool.engine.restore import Baseline
from pool.engine.stream import SharedCapture, Stream
from pool.engine.streams import Streams
from pool.engine.worker import Worker

MOST_URGENT_IO = 0


class IoWorker(Worker):
    kind = IO
    executor: Streams
    baseline: Baseline

    def make_capture(self) -> Capture:
        return SharedCapture(self.config.max_log_bytes)

    def make_executor(self, tasks: dict[str, Any]) -> Streams:
        parts = (self.name, self.slot, self.capture, tasks, self.config, self.equipment)
        return Streams(*parts, most=self.config.max_streams, on_end=self.stream_ended)

    def prepare(self) -> None:
        self.equipment.connections = self.config.max_streams
        self.equipment.http.home = self.executor.loop
        with suppress(psutil.Error, OSError):
            psutil.Process().ionice(psutil.IOPRIO_CLASS_BE, MOST_URGENT_IO)

    def work(self, task: Task, baseline: Baseline) -> None:
        if task.name not in self.executor.coroutines:
            super().work(task, baseline)
            return
        self.todo.appendleft(task)
        self.baseline = baseline
        self.executor.tally.tidy = baseline.close_own
        baseline.spared = self.executor.own_threads
        self.run_streams()

    def run_streams(self) -> None:
        """Run async jobs until none is left, or one that blocks is next and the others have ended."""
        loop = self.executor.loop
        self.begin_more()
        loop.add_reader(self.pipe.fileno(), self.hear_now)
        while self.executor.running:
            # A task of a job may raise these: they end the loop's turn, and are for whoever awaits that task.
            with suppress(SystemExit, KeyboardInterrupt):
                loop.run_forever()
        loop.remove_reader(self.pipe.fileno())

    def hear_now(self) -> None:
        """Orders have come while jobs run."""
        if not self.reading.acquire(blocking=False):
            # The side thread reads them, and gives back what it finds.
            return
        try:
            self.take(self.pipe.read_now())
        except Closed:
            os._exit(0)
        finally:
            self.reading.release()
        self.begin_more()

    def begin_more(self) -> None:
        while self.executor.has_room and not self.tainted:
            try:
                task = self.todo.popleft()
            except IndexError:
                return
            if task.name not in self.executor.coroutines:
                self.todo.appendleft(task)
                return
            self.executor.start(task, self.introduce)

    def stream_ended(self, job: Stream, ending: Ending) -> None:
        """An async job is over, and nothing of it runs any more."""
        if os.getpid() != self.pid:
            # It forked, and its child came here as well.
            os._exit(0)
        is_last = not self.executor.running
        # What is the whole process's can be put back only when nobody else works with it.
        tainted = self.baseline.restore() if is_last else ""
        if is_last:
            self.raw.collect(job.capture if job.alone else self.capture)
        with self.telling:
            pieces = job.capture.close()
        usage = job.context.usage_json(self.config) if job.context is not None else None
        try:
            self.tell_ending(ending, pieces, usage)
            self.executor.forget(job)
            self.check_taint(ending, tainted)
        except Closed:
            os._exit(0)
        self.begin_more()
        if not self.executor.running:
            self.executor.loop.stop()

    def tell_output(self) -> None:
        super().tell_output()
        with self.telling:
            for job in list(self.executor.running.values()):
                for parcel in parcels(job.capture.take()):
                    self.side.send(JobSaid(job.order.id, job.order.epoch, parcel))

    def stack_of(self, seq: int) -> str:
        return self.executor.stack_of(seq) or super().stack_of(seq)
