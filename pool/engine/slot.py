"""A few words of shared memory per worker: what it runs, since when, how far, and when it last beat.

Written by the worker (the node writes two words), read by the node at any time, also when the worker hangs or is dead.
It costs no message. Words are eight bytes and aligned, so that none is ever seen half written. Times are nanoseconds
of the monotonic clock.
"""

import fcntl
import mmap
import os
import struct
from pathlib import Path

from pool.domain.errors import NotReady

WORDS = 32
TEXT_AT, TEXT_BYTES = WORDS * 8, 256
CLAIM = struct.Struct("=16si")
"""A job's id, and the epoch under which it began: an earlier attempt says nothing of a later one."""
RING_AT, RING_JOBS = TEXT_AT + TEXT_BYTES, 512
SLOT_BYTES = RING_AT + RING_JOBS * CLAIM.size

SEQ, STARTED, BEAT, INTERRUPT, FLAG, PROGRESS, JOBS, DRAINING, TEXT_LENGTH, REVISION, PID, TOLD_BY, BEGUN = range(13)

PROGRESS_SCALE = 1_000_000


class Slot:
    """One worker's part of the file."""

    def __init__(self, memory: mmap.mmap, index: int) -> None:
        view = memoryview(memory)[index * SLOT_BYTES : (index + 1) * SLOT_BYTES]
        self.words = view[: WORDS * 8].cast("q")
        self._text = view[TEXT_AT : TEXT_AT + TEXT_BYTES]
        self._ring = view[RING_AT:]

    def clear(self) -> None:
        """For the next worker. The jobs that began here stay: how they ended may not be written yet."""
        for word in range(WORDS):
            if word != BEGUN:
                self.words[word] = 0

    def begin(self, seq: int, job: bytes, epoch: int, now: int) -> None:
        """In the worker, before the function is called."""
        words = self.words
        at = (words[BEGUN] % RING_JOBS) * CLAIM.size
        # First the count, or a death between the two would let the next worker write over this job.
        words[BEGUN] += 1
        CLAIM.pack_into(self._ring, at, job, epoch)
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


def begun_jobs(path: Path) -> set[tuple[str, int]] | None:
    """Ids and epochs of jobs that may have begun on this file's node; None when it is gone, or not of our make."""
    try:
        memory = path.read_bytes()
    except OSError:
        return None
    if len(memory) % SLOT_BYTES:
        return None
    rings = [memory[at + RING_AT : at + SLOT_BYTES] for at in range(0, len(memory), SLOT_BYTES)]
    return {(job.hex(), epoch) for ring in rings for job, epoch in CLAIM.iter_unpack(ring) if epoch}
