"""Blocks of shared memory that a worker makes for its jobs, by a name with which any process of the host can attach.

They are POSIX shared memory: `multiprocessing.shared_memory.SharedMemory(name)` opens them as well. Python's own class
is not used to make them, because up to 3.12 it starts a process that watches them, and jobs leave no processes behind.
A block lives until it is dropped or its worker has ended; what a killed worker leaves is removed by its node.
"""

import mmap
import os
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

from pool.domain.errors import NotEquipped

FOLDER = Path("/dev/shm")
PREFIX = "pool-"
MOST_BLOCKS, MOST_BYTES = 100, 256 * 2**20


class SharedBlocks:
    """One worker's blocks. Beyond the limits the oldest go."""

    def __init__(self, owner: str, most_bytes: int = MOST_BYTES) -> None:
        self._owner, self._most_bytes = owner, most_bytes
        self._made: OrderedDict[str, int] = OrderedDict()
        self._numbers = count(1)
        self._lock = threading.Lock()

    def create(self, data: bytes) -> str:
        """Make a block with this content; its name."""
        if not 0 < len(data) <= self._most_bytes:
            raise ValueError(f"A shared block has from 1 to {self._most_bytes:,} bytes, not {len(data):,}.")
        name = f"{PREFIX}{self._owner}-{next(self._numbers)}"
        try:
            descriptor = os.open(FOLDER / name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise NotEquipped(f"There is no shared memory here ({FOLDER}: {error.strerror}).") from error
        try:
            os.posix_fallocate(descriptor, 0, len(data))
            with mmap.mmap(descriptor, len(data)) as memory:
                memory[:] = data
        except OSError as error:
            (FOLDER / name).unlink()
            raise NotEquipped(f"Shared memory is used up ({FOLDER}: {error.strerror}).") from error
        finally:
            os.close(descriptor)
        self._keep(name, len(data))
        return name

    @contextmanager
    def attach(self, name: str) -> Iterator[memoryview]:
        """The content of a block that some worker of this host made."""
        if not name.startswith(PREFIX) or "/" in name:
            raise ValueError(f"{name!r:.100} is not the name of a shared block.")
        descriptor = os.open(FOLDER / name, os.O_RDWR | os.O_CLOEXEC)
        try:
            memory = mmap.mmap(descriptor, 0)
        finally:
            os.close(descriptor)
        with memory, memoryview(memory) as view:
            yield view

    def drop(self, name: str) -> None:
        """Remove a block of this worker; those who are attached keep what they see."""
        with self._lock:
            if self._made.pop(name, None) is not None:
                (FOLDER / name).unlink(missing_ok=True)

    def close(self) -> None:
        for name in list(self._made):
            self.drop(name)

    def _keep(self, name: str, size: int) -> None:
        with self._lock:
            self._made[name] = size
        while len(self._made) > MOST_BLOCKS or sum(self._made.values()) > self._most_bytes:
            self.drop(next(iter(self._made)))


def remove_blocks(owner: str) -> None:
    """In the node: what dead workers whose names begin so have left."""
    with suppress(OSError):
        for path in FOLDER.glob(f"{PREFIX}{owner}*"):
            path.unlink(missing_ok=True)
