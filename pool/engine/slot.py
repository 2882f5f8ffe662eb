"""Some words of shared memory per worker: what it runs, since when, how far, and when it last beat.

Written by the worker (the node writes a few words), read by the node at any time, also when the worker hangs or is
dead. It costs no message. Words are eight bytes and aligned, so that none is ever seen half written. Times are
nanoseconds of the monotonic clock.

A worker that runs several jobs at a time has a lane for each; every other has one, which is the slot itself. Jobs begin
in the order of their numbers, whatever lane they are on, so one word tells which of them have begun.
"""

import fcntl
import mmap
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from pool.domain.errors import NotReady

LANE_WORDS, WORDS = 8, 32
TEXT_AT, TEXT_BYTES = WORDS * 8, 256
LANE_BYTES = LANE_WORDS * 8 + TEXT_BYTES
CLAIM = struct.Struct("=16si")
"""A job's id, and the epoch under which it began: an earlier attempt says nothing of a later one."""
RING_JOBS = 512
"""Jobs whose beginning is remembered, at least: more than begin before their endings are written."""
HEADER_BYTES, HEADER_WORDS = 64, 2

SEQ, STARTED, INTERRUPT, FLAG, PROGRESS, TEXT_LENGTH, REVISION, TOLD_BY = range(LANE_WORDS)
BEAT, JOBS, DRAINING, PID, BEGUN, LAST, STEP, STEP_AT, THREADS = range(LANE_WORDS, LANE_WORDS + 9)

PROGRESS_SCALE = 1_000_000


@dataclass(frozen=True, slots=True)
class Layout:
    """Where things stand in a slot with so many lanes."""

    lanes: int = 1

    @property
    def ring_jobs(self) -> int:
        return max(RING_JOBS, 4 * self.lanes)

    @property
    def ring_at(self) -> int:
        return TEXT_AT + TEXT_BYTES

    @property
    def lanes_at(self) -> int:
        return self.ring_at + self.ring_jobs * CLAIM.size

    @property
    def slot_bytes(self) -> int:
        return self.lanes_at + (self.lanes - 1) * LANE_BYTES


ONE_LANE = Layout()
SLOT_BYTES = ONE_LANE.slot_bytes


class Running(NamedTuple):
    """A job that is being executed: its number, its start in monotonic nanoseconds, and where it tells of itself."""

    seq: int
    started: int
    lane: "Lane"


class Lane:
    """One job's words."""

    __slots__ = ("_text", "words", "workers")

    def __init__(self, words: memoryview, text: memoryview, workers: memoryview | None = None) -> None:
        self.words = words.cast("q")
        self._text = text
        self.workers = self.words if workers is None else workers

    def take(self, seq: int, now: int) -> None:
        words = self.words
        words[SEQ] = seq
        words[STARTED] = now

    def end(self) -> None:
        """In the worker, after the ending was sent."""
        self.words[STARTED] = 0

    def running(self) -> Running | None:
        """In the node: the job on this lane."""
        words = self.words
        seq, started = words[SEQ], words[STARTED]
        # The next job may have begun between the two looks: one's number must not go with the other's start.
        if not started or seq != words[SEQ]:
            return None
        return Running(seq, started, self)

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

    @property
    def is_draining(self) -> bool:
        """Whether the node wants to stop."""
        return bool(self.workers[DRAINING])


class Slot(Lane):
    """One worker's part of the file: its first lane, the worker's own words, the other lanes."""

    __slots__ = ("_ring", "_ring_jobs", "further")

    def __init__(self, memory: mmap.mmap, index: int, layout: Layout = ONE_LANE, at: int = 0) -> None:
        begin = at + index * layout.slot_bytes
        view = memoryview(memory)[begin : begin + layout.slot_bytes]
        super().__init__(view[: WORDS * 8], view[TEXT_AT : TEXT_AT + TEXT_BYTES])
        self._ring, self._ring_jobs = view[layout.ring_at : layout.lanes_at], layout.ring_jobs
        pieces = (view[at : at + LANE_BYTES] for at in range(layout.lanes_at, layout.slot_bytes, LANE_BYTES))
        self.further = [Lane(piece[: LANE_WORDS * 8], piece[LANE_WORDS * 8 :], self.words) for piece in pieces]

    def clear(self) -> None:
        """For the next worker. The jobs that began here stay: how they ended may not be written yet."""
        for word in range(WORDS):
            if word != BEGUN:
                self.words[word] = 0
        for lane in self.further:
            # What was never written to takes no memory, and stays so.
            if lane.words[SEQ]:
                for word in range(LANE_WORDS):
                    lane.words[word] = 0

    def begin(self, seq: int, job: bytes, epoch: int, now: int, lane: Lane | None = None) -> None:
        """In the worker, before the function is called."""
        words = self.words
        at = (words[BEGUN] % self._ring_jobs) * CLAIM.size
        # First the count, or a death between the two would let the next worker write over this job.
        words[BEGUN] += 1
        CLAIM.pack_into(self._ring, at, job, epoch)
        words[LAST] = seq
        (lane or self).take(seq, now)

    def jobs(self) -> Iterator[Running]:
        """In the node: every job that is being executed."""
        for lane in (self, *self.further):
            if (running := lane.running()) is not None:
                yield running


@dataclass(frozen=True, slots=True)
class SlotsFile:
    """Where the slots of one node are, and how many."""

    path: Path
    count: int
    lanes: int = 1

    def arguments(self) -> list[str]:
        """For a process that opens it too."""
        return [str(self.path), str(self.count), str(self.lanes)]


class Slots:
    """The file that holds all slots of one node. Its first words say how it is laid out."""

    def __init__(self, path: Path, count: int, lanes: int = 1) -> None:
        self.file = SlotsFile(path, count, lanes)
        self.path, self.count, self.layout = path, count, Layout(lanes)
        size = HEADER_BYTES + count * self.layout.slot_bytes
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            os.ftruncate(self._descriptor, size)
            self._memory = mmap.mmap(self._descriptor, size)
        except OSError as error:
            raise NotReady(f"The slots {path} cannot be made: {error.strerror}. Set POOL_RUN_DIR.") from error
        header = memoryview(self._memory)[: HEADER_WORDS * 8].cast("q")
        header[0], header[1] = count, lanes

    def __getitem__(self, index: int) -> Slot:
        return Slot(self._memory, index, self.layout, HEADER_BYTES)

    def hold(self) -> None:
        """In the node: whoever finds the file unlocked knows that its node is dead, in whatever container it was."""
        fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def pids(self) -> set[int]:
        """Workers that live, or lived when last looked at; each leads a process group of that number."""
        at, words = HEADER_BYTES, memoryview(self._memory)
        step = self.layout.slot_bytes
        starts = range(at + PID * 8, at + self.count * step, step)
        return {pid for start in starts if (pid := words[start : start + 8].cast("q")[0])}


def begun_jobs(path: Path) -> set[tuple[str, int]] | None:
    """Ids and epochs of jobs that may have begun on this file's node; None when it is gone, or not of our make."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    found: set[tuple[str, int]] = set()
    try:
        for ring in _rings(descriptor):
            found.update((job.hex(), epoch) for job, epoch in CLAIM.iter_unpack(ring) if epoch)
    except ValueError:
        return None
    finally:
        os.close(descriptor)
    return found


def _rings(descriptor: int) -> Iterator[bytes]:
    """Raises ValueError when the file is not laid out as its first words say."""
    header = os.pread(descriptor, HEADER_WORDS * 8, 0)
    count, lanes = struct.unpack("=qq", header) if len(header) == HEADER_WORDS * 8 else (0, 1)
    layout = Layout(lanes)
    if lanes < 1 or os.fstat(descriptor).st_size != HEADER_BYTES + count * layout.slot_bytes:
        raise ValueError("not laid out so")
    for index in range(count):
        at = HEADER_BYTES + index * layout.slot_bytes + layout.ring_at
        yield os.pread(descriptor, layout.lanes_at - layout.ring_at, at)
