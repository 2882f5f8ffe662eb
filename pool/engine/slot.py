"""A few words of shared memory per worker: what it runs, since when, how far, and when it last beat.

Written by the worker (the node writes two words), read by the node at any time, also when the worker hangs or is dead.
It costs no message. Words are eight bytes and aligned, so that none is ever seen half written. Times are nanoseconds
of the monotonic clock.
"""

import mmap
import os
from collections.abc import Iterator
from pathlib import Path

WORDS = 32
TEXT_AT, TEXT_BYTES = WORDS * 8, 256
RING_AT, RING_JOBS = TEXT_AT + TEXT_BYTES, 512
SLOT_BYTES = RING_AT + RING_JOBS * 16

SEQ, STARTED, BEAT, INTERRUPT, FLAG, PROGRESS, JOBS, DRAINING, TEXT_LENGTH, REVISION, CPU = range(11)

PROGRESS_SCALE = 1_000_000


class Slot:
    """One worker's part of the file."""

    def __init__(self, memory: mmap.mmap, index: int) -> None:
        view = memoryview(memory)[index * SLOT_BYTES : (index + 1) * SLOT_BYTES]
        self.words = view[: WORDS * 8].cast("q")
        self._text = view[TEXT_AT : TEXT_AT + TEXT_BYTES]
        self._ring = view[RING_AT:]

    def clear(self) -> None:
        for word in range(WORDS):
            self.words[word] = 0
        self._ring[:] = bytes(len(self._ring))

    def begin(self, seq: int, job: bytes, now: int) -> None:
        """In the worker, before the function is called."""
        at = (seq % RING_JOBS) * 16
        self._ring[at : at + 16] = job
        words = self.words
        words[SEQ] = seq
        words[STARTED] = now

    def end(self) -> None:
        """In the worker, after the ending was sent."""
        self.words[STARTED] = 0

    def report(self, fraction: float | None, message: str) -> None:
        """In the worker: how far the job is, 0 to 1, and a few words about it."""
        if fraction is not None:
            self.words[PROGRESS] = int(min(max(fraction, 0.0), 1.0) * PROGRESS_SCALE) + 1
        text = f"{message}".replace("\0", " ").encode("utf-8", "replace")[:TEXT_BYTES]
        self._text[: len(text)] = text
        self.words[TEXT_LENGTH] = len(text)
        self.words[REVISION] += 1

    def progress(self) -> tuple[float | None, str]:
        word = self.words[PROGRESS]
        text = bytes(self._text[: self.words[TEXT_LENGTH]]).decode("utf-8", "ignore")
        return ((word - 1) / PROGRESS_SCALE if word else None), text

    def begun_jobs(self) -> Iterator[str]:
        """Ids (32 hexadecimal digits) of the last jobs this worker began."""
        for at in range(0, len(self._ring), 16):
            job = bytes(self._ring[at : at + 16])
            if any(job):
                yield job.hex()


class Slots:
    """The file that holds all slots of one node."""

    def __init__(self, path: Path, count: int) -> None:
        self.path, self.count = path, count
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.ftruncate(descriptor, count * SLOT_BYTES)
            self._memory = mmap.mmap(descriptor, count * SLOT_BYTES)
        finally:
            os.close(descriptor)

    def __getitem__(self, index: int) -> Slot:
        return Slot(self._memory, index)


def begun_jobs(path: Path) -> set[str] | None:
    """Ids of the jobs that may have begun on the node this file belonged to; None when the file is gone."""
    try:
        size = path.stat().st_size
        slots = Slots(path, size // SLOT_BYTES)
    except (OSError, ValueError):
        return None
    return {job for index in range(slots.count) for job in slots[index].begun_jobs()}
