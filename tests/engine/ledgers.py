"""A ledger: a file into which tasks write when they begin and when they end, whatever the pool records of it.

A line is one write to a file opened for appending, so that no crash leaves half of one and none can be taken back.
"""

import os
from pathlib import Path
from typing import NamedTuple


class Line(NamedTuple):
    what: str
    job: str
    attempt: int
    pid: int


def write(path: str, what: str, job: str, attempt: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, f"{what} {job} {attempt} {os.getpid()}\n".encode())
    finally:
        os.close(descriptor)


def read(path: Path) -> list[Line]:
    if not path.exists():
        return []
    # What comes after the last end of a line is just being written.
    whole = path.read_text().rpartition("\n")[0]
    rows = [line.split() for line in whole.splitlines()]
    return [Line(what, job, int(attempt), int(pid)) for what, job, attempt, pid in rows]
