"""Files that a worker keeps open between the reads of its jobs, with their beginning fetched ahead by the kernel.

A file that was replaced or changed under its name is opened again. A descriptor is closed only when nobody reads it.
"""

import os
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

HANDLES = 64
READ_AHEAD_BYTES = 10 * 2**20
ADVICE_BYTES = 128 * 2**10
"""Of one piece of advice the kernel follows no more than the device reads ahead by itself; this much is usual."""

_Mark = tuple[int, int, int, int]


class _Handle:
    def __init__(self, path: Path) -> None:
        self.descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self.mark = _mark(os.fstat(self.descriptor))
        self.readers = 0
        self.unwanted = False
        self._fetch_ahead()

    def _fetch_ahead(self) -> None:
        size = self.mark[-1]
        with suppress(OSError):
            for offset in range(0, min(size, READ_AHEAD_BYTES), ADVICE_BYTES):
                os.posix_fadvise(self.descriptor, offset, ADVICE_BYTES, os.POSIX_FADV_WILLNEED)

    def close(self) -> None:
        """Now, or when its last reader has gone."""
        self.unwanted = True
        if not self.readers:
            os.close(self.descriptor)


class Files:
    def __init__(self, handles: int = HANDLES) -> None:
        self._most = handles
        self._open: OrderedDict[Path, _Handle] = OrderedDict()
        self._lock = threading.Lock()
        self.opened = 0

    def __len__(self) -> int:
        return len(self._open)

    def read(self, path: str | os.PathLike[str], size: int, offset: int = 0) -> bytes:
        """Read a piece of a file; shorter at its end."""
        with self.reading(path) as descriptor:
            return os.pread(descriptor, size, offset)

    @contextmanager
    def reading(self, path: str | os.PathLike[str]) -> Iterator[int]:
        """A descriptor to read from by `os.pread`: others may use it at the same time."""
        handle = self._take(Path(path))
        try:
            yield handle.descriptor
        finally:
            self._leave(handle)

    def trim(self) -> None:
        """Close everything that nobody reads."""
        with self._lock:
            while self._open:
                self._open.popitem()[1].close()

    close = trim

    def _take(self, path: Path) -> _Handle:
        with self._lock:
            handle = self._open.get(path)
            if handle is None or handle.mark != _mark(os.stat(path)):
                if handle is not None:
                    self._open.pop(path).close()
                handle = self._open[path] = _Handle(path)
                self.opened += 1
            self._open.move_to_end(path)
            handle.readers += 1
            while len(self._open) > self._most:
                self._open.popitem(last=False)[1].close()
            return handle

    def _leave(self, handle: _Handle) -> None:
        with self._lock:
            handle.readers -= 1
            if handle.unwanted:
                handle.close()


def _mark(facts: os.stat_result) -> _Mark:
    return facts.st_dev, facts.st_ino, facts.st_mtime_ns, facts.st_size
