"""A few words of shared memory per worker: what it runs, since when, how far, and when it last beat.

Written by the worker (the node writes two words), read by the node at any time, also when the worker hangs or is dead.
It costs no message. Words are eight bytes and aligned, so that none is ever seen half written. Times are nanoseconds
of the monotonic clock.
"""

import fcntl
import mmap
import os
from pathlib import Path

from pool.domain.errors import NotReady

WORDS = 32
TEXT_AT, TEXT_BYTES = WORDS * 8, 256
RING_AT, RING_JOBS = TEXT_AT + TEXT_BYTES, 512
SLOT_BYTES = RING_AT + RING_JOBS * 16

SEQ, STARTED, BEAT, INTERRUPT, FLAG, PROGRESS, JOBS, DRAINING, TEXT_LENGTH, REVISION, PID, TOLD_BY = range(12)

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
        if self.words[TOLD_BY] != self.words[SEQ]:
            self.words[PROGRESS], self.words[TOLD_BY] = 0, self.words[SEQ]
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


class Slots:
    """The file that holds all slots of one node."""

    def __init__(self, path: Path, count: int) -> None:
        self.path, self.count = path, count
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            os.ftruncate(self._descriptor, count * SLOT_BYTES)
            self._memory = mmap.mmap(self._descriptor, count * SLOT_BYTES)
        except OSError as error:
            raise NotReady(f"The slots {path} cannot be made: {error.strerror}. Set POOL_RUN_DIR.") from error

    def __getitem__(self, index: int) -> Slot:
        return Slot(self._memory, index)

    def hold(self) -> None:
        """In the node: whoever finds the file unlocked knows that its node is dead, in whatever container it was."""
        fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def pids(self) -> set[int]:
        """Workers that live, or lived when last looked at; each leads a process group of that number."""
        return {pid for index in range(self.count) if (pid := self[index].words[PID])}


def begun_jobs(path: Path) -> set[str] | None:
    """Ids of the jobs that may have begun on the node this file belonged to; None when the file is gone."""
    try:
        memory = path.read_bytes()
    except OSError:
        return None
    slots = [memory[at : at + SLOT_BYTES] for at in range(0, len(memory), SLOT_BYTES)]
    rings = [slot[at : at + 16] for slot in slots for at in range(RING_AT, len(slot), 16)]
    return {job.hex() for job in rings if any(job)}
