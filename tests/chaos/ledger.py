"""The outside ledger: what tasks really did, whatever the pool records of it. And holds, by which overlaps show.

A record is one write of exactly 128 bytes to a file opened for appending. It never straddles a page, so that not even
SIGKILL in the middle of the write leaves half of one. A hold is a lock on one byte of a file, a byte for each job; the
kernel lets go of it when the process that holds it ends, and with it every program that inherited it. So whoever finds
the byte taken overlaps with another attempt of the same job.
"""

import fcntl
import os
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

RECORD_BYTES = 128
FOLDER = "CHAOS_FOLDER"
"""Variable that names the folder of the ledger, for the tasks."""

LEDGER, HOLDS = "ledger", "holds"

BEGIN, END, CUT = "begin", "end", "cut"
"""An attempt began, returned, or was left by an exception."""

HELD_BITS = 60


class Record(NamedTuple):
    what: str
    job: str
    """Its id without hyphens."""
    attempt: int
    pid: int
    at_ns: int
    """On the monotonic clock, which all processes of a host share."""
    overlaps: bool


def write(folder: str, what: str, job: str, attempt: int, overlaps: bool = False) -> None:
    text = f"{what} {job} {attempt} {os.getpid()} {time.monotonic_ns()} {int(overlaps)}"
    descriptor = os.open(os.path.join(folder, LEDGER), os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, text.ljust(RECORD_BYTES - 1).encode() + b"\n")
    finally:
        os.close(descriptor)


@contextmanager
def attempt(job: str, number: int) -> Iterator[int]:
    """Around the body of a task: notes its begin and its end. Gives the descriptor that holds the job."""
    folder, job = os.environ[FOLDER], job.replace("-", "")
    # A file object goes with its last reference, also when an interruption comes at the worst moment.
    with open(os.path.join(folder, HOLDS), "a+b", buffering=0) as hold:
        write(folder, BEGIN, job, number, overlaps=not take(hold.fileno(), job))
        try:
            yield hold.fileno()
        except BaseException:
            write(folder, CUT, job, number)
            raise
        write(folder, END, job, number)


def take(descriptor: int, job: str) -> bool:
    """Hold the job's byte until the descriptor is closed everywhere; False when somebody holds it already."""
    place = int(job, 16) & ((1 << HELD_BITS) - 1)
    lock = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, place, 1, 0)
    try:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, lock)
    except BlockingIOError:
        return False
    return True


def read(folder: Path, from_byte: int = 0) -> list[Record]:
    """Every record from there on. Raises ValueError when the ledger itself is broken: then nothing can be said."""
    path = folder / LEDGER
    if not path.exists():
        return []
    with path.open("rb") as file:
        file.seek(from_byte)
        text = file.read().decode()
    if len(text) % RECORD_BYTES:
        raise ValueError(f"The ledger has {len(text)} bytes: a record is torn.")
    return [_parse(line) for line in text.splitlines()]


def size(folder: Path) -> int:
    path = folder / LEDGER
    return path.stat().st_size if path.exists() else 0


def _parse(line: str) -> Record:
    what, job, number, pid, at_ns, overlaps = line.split()
    return Record(what, job, int(number), int(pid), int(at_ns), overlaps == "1")
