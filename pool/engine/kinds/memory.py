"""A worker for jobs that keep much in memory: pools of buffers, a cache, and an eye on what is left of memory.

Its jobs find their cache again when they are led to the same worker by a key of the option `affinity`.
"""

import gc
import threading
import time

import psutil

from pool.domain.kinds import MEMORY
from pool.engine import linux
from pool.engine.equipment.buffers import KB, MB
from pool.engine.worker import Worker

BUFFERS = {KB: 1000, 100 * KB: 100, MB: 10}

LOOK_EVERY_S = 10.0


class MemoryWorker(Worker):
    kind = MEMORY

    def prepare(self) -> None:
        self.equipment.pools = BUFFERS
        self._looked = time.monotonic()
        self._at_start = linux.rss(self.pid) or 0
        self._looking = threading.Lock()

    def poked(self) -> None:
        """Free what can be freed when memory is short, also while a job runs."""
        now = time.monotonic()
        if now - self._looked >= LOOK_EVERY_S:
            self._looked = now
            if self.pressure() > self.config.gc_pressure:
                self.equipment.trim()
                gc.collect()

    def pressure(self) -> float:
        """How much of the memory is in use, of the machine's or of what this worker may have: whichever is worse."""
        used: float = psutil.virtual_memory().percent / 100
        limit = self.config.worker_max_rss_mb * MB
        own = max((linux.rss(self.pid) or 0) - self._at_start, 0)
        return max(used, own / limit if limit else 0.0)
