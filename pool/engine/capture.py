"""What a job prints and logs, kept with the job and bounded. Runs in the worker.

Three ways in: `sys.stdout` and `sys.stderr`, the logging module, and whatever is written to the descriptors 1 and 2
below Python (by C code, or by a child). The last goes to a file that the node can still read when the worker is dead.
"""

import io
import logging
import os
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TextIO

from pool.domain.notes import NOTE, is_step_note
from pool.domain.payload import clean_text

CUT = "… the rest was cut: the job's output is longer than {} bytes.\n"

Piece = tuple[float, str, str]

PARCEL_BYTES = 2**20
PIECE_BYTES = 32
"""What a piece takes in a message beside its text."""


def parcels(pieces: Iterable[Piece]) -> Iterator[list[Piece]]:
    """Pieces as they travel: as many as fit into a message, which is far shorter than a frame, or a single long one."""
    parcel: list[Piece] = []
    room = PARCEL_BYTES
    for piece in pieces:
        size = PIECE_BYTES + len(piece[2].encode())
        if parcel and size > room:
            yield parcel
            parcel, room = [], PARCEL_BYTES
        parcel.append(piece)
        room -= size
    if parcel:
        yield parcel


class Capture:
    """Collects pieces of the current job. Appending is safe from any thread."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.pieces: list[Piece] = []
        self.room = limit
        self.open = False
        self._lock = threading.Lock()

    def start(self) -> None:
        self.pieces = []
        self.room = self.limit
        self.open = True

    def add(self, stream: str, text: str) -> None:
        if not self.open or self.room < 0 or not text:
            return
        with self._lock:
            piece, size = self._fitting(text)
            self.room -= size
            if len(piece) < len(text) or self.room <= 0:
                self.room = -1
                piece += CUT.format(self.limit)
            last = self.pieces[-1] if self.pieces else None
            # A step has a time of its own.
            goes_on = stream != "log" and not (stream == NOTE and is_step_note(text))
            if last and last[1] == stream and goes_on and len(last[2]) < 4096:
                self.pieces[-1] = (last[0], stream, last[2] + piece)
            else:
                self.pieces.append((time.time(), stream, piece))

    def _fitting(self, text: str) -> tuple[str, int]:
        """What of the text there is room for, and its length in bytes."""
        start = text[: self.room]
        raw = start.encode("utf-8", "replace")
        if len(raw) <= self.room:
            return start, len(raw)
        raw = raw[: self.room]
        return raw.decode("utf-8", "ignore"), len(raw)

    def take(self) -> list[Piece]:
        """What has come in since the last take."""
        with self._lock:
            pieces, self.pieces = self.pieces, []
        # Half a surrogate pair would not even get through the socket.
        return [(at, stream, clean_text(text, 4 * len(text))) for at, stream, text in pieces]

    def close(self) -> list[Piece]:
        """What has come in since the last take; nothing comes in after it."""
        self.open = False
        return self.take() if self.pieces else []


class Stream(io.TextIOBase):
    """Stands for sys.stdout or sys.stderr in a worker."""

    encoding = "utf-8"

    def __init__(self, name: str, capture: Capture, descriptor: int) -> None:
        super().__init__()
        self._stream, self._capture, self._descriptor = name, capture, descriptor
        self.buffer = BytesStream(self)

    def write(self, text: str) -> int:
        self._capture.add(self._stream, text)
        return len(text)

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return False


class BytesStream(io.BufferedIOBase):
    """Its `buffer`, for what writes bytes."""

    def __init__(self, text: Stream) -> None:
        super().__init__()
        self._text = text

    def write(self, data: Any) -> int:
        self._text.write(bytes(data).decode("utf-8", "replace"))
        return len(data)

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._text.fileno()


class JobLogHandler(logging.Handler):
    """Log lines of the job, at INFO and above."""

    def __init__(self, capture: Capture) -> None:
        super().__init__(logging.INFO)
        self.capture = capture

    def emit(self, record: logging.LogRecord) -> None:
        if not self.capture.open:
            return
        try:
            self.capture.add("log", f"{record.levelname} {record.name}: {_plain(record)}\n")
        except Exception:  # noqa: BLE001  a broken log call must not break the job
            self.handleError(record)


class RawOutput:
    """The file behind descriptors 1 and 2."""

    def __init__(self, path: Path) -> None:
        self.descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600)
        os.dup2(self.descriptor, 1)
        os.dup2(self.descriptor, 2)

    def collect(self, capture: Capture) -> None:
        size = os.fstat(self.descriptor).st_size
        if size:
            text = os.pread(self.descriptor, min(size, capture.limit + 1), 0).decode("utf-8", "replace")
            os.ftruncate(self.descriptor, 0)
            capture.add("stdout", text)

    def bound(self, limit: int) -> None:
        """Keep a job that writes without end from filling the disk."""
        if os.fstat(self.descriptor).st_size > limit:
            os.ftruncate(self.descriptor, 0)


def real_stderr() -> TextIO:
    """The worker's own standard error, kept apart before the descriptors are taken over."""
    return os.fdopen(os.dup(2), "w", buffering=1, encoding="utf-8", errors="replace")


def install(capture: Capture) -> None:
    sys.stdout = Stream("stdout", capture, 1)
    sys.stderr = Stream("stderr", capture, 2)
    logging.getLogger().addHandler(JobLogHandler(capture))


def _plain(record: logging.LogRecord) -> str:
    text = record.getMessage()
    if record.exc_info:
        text += "\n" + logging.Formatter().formatException(record.exc_info)
    return text
