"""Memory that a worker has allocated before it is needed, lent to its jobs piece by piece.

A piece comes back empty: what one job wrote into it is never the next one's.
"""

import mmap
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

KB, MB = 1024, 1024 * 1024


class _Pool:
    """Pieces of one size, cut from one block."""

    def __init__(self, size: int, count: int) -> None:
        self.size = size
        self.block = mmap.mmap(-1, size * count)
        whole = memoryview(self.block)
        self.free = [whole[at : at + size] for at in range(0, size * count, size)]
        self.count = count


class Buffers:
    """Pieces of some sizes. When none is free a job gets memory of its own, so that none ever waits."""

    def __init__(self, pools: Mapping[int, int] | None = None) -> None:
        self._pools = [_Pool(size, count) for size, count in sorted((pools or {}).items())]
        self._lock = threading.Lock()
        self.lent = self.missed = 0

    @contextmanager
    def borrow(self, size: int) -> Iterator[memoryview]:
        """Lend a piece of exactly this many bytes, all of them zero."""
        pool, piece = self._take(size)
        view = piece[:size]
        try:
            yield view
        finally:
            if pool is not None:
                view[:] = bytes(size)
                with self._lock:
                    pool.free.append(piece)

    def free(self) -> dict[int, int]:
        """How many pieces of each size nobody has."""
        return {pool.size: len(pool.free) for pool in self._pools}

    def trim(self) -> None:
        """Let the system have the pages of blocks from which nothing is lent; they come back when they are touched."""
        with self._lock:
            for pool in self._pools:
                if len(pool.free) == pool.count:
                    pool.block.madvise(mmap.MADV_DONTNEED)

    def _take(self, size: int) -> tuple[_Pool | None, memoryview]:
        with self._lock:
            for pool in self._pools:
                if size <= pool.size and pool.free:
                    self.lent += 1
                    return pool, pool.free.pop()
            self.missed += 1
        return None, memoryview(bytearray(size))
