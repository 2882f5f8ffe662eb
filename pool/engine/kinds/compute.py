"""A worker for jobs that compute: it steps back for other processes and does not stop to collect garbage.

With `cpu_affinity` each keeps to a CPU of its own, and libraries that start threads are told to start one.
"""

import gc
import os
import time
from contextlib import suppress

import psutil

from pool.domain.kinds import COMPUTE
from pool.engine.equipment.buffers import MB
from pool.engine.messages import Task
from pool.engine.restore import Baseline
from pool.engine.worker import Worker

BUFFERS = {MB: 3}

COLLECT_EVERY_S = 1.0
"""After a job, when it is so long ago. A worker with nothing to do collects at once."""

LEAST_URGENT_IO = 7

ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


class ComputeWorker(Worker):
    kind = COMPUTE

    def prepare(self) -> None:
        self.equipment.pools = BUFFERS
        self._worked = False
        self._collected = time.monotonic()
        gc.disable()
        os.nice(self.config.compute_nice)
        with suppress(psutil.Error, OSError):
            psutil.Process().ionice(psutil.IOPRIO_CLASS_BE, LEAST_URGENT_IO)
        if self.config.cpu_affinity:
            self._keep_to_one_cpu()

    def work(self, task: Task, baseline: Baseline) -> None:
        super().work(task, baseline)
        self._worked = True
        if time.monotonic() - self._collected > COLLECT_EVERY_S:
            self._collect()

    def rest(self) -> None:
        if self._worked:
            self._collect()

    def _collect(self) -> None:
        gc.collect()
        self._worked, self._collected = False, time.monotonic()

    def _keep_to_one_cpu(self) -> None:
        cpus = sorted(os.sched_getaffinity(0))
        cpu = cpus[self.rank % len(cpus)]
        os.sched_setaffinity(0, {cpu})
        os.environ["CPU_AFFINITY"] = str(cpu)
        for name in ONE_THREAD:
            os.environ.setdefault(name, "1")
