"""What a killed node may leave on its host: programs that its jobs had started. Found and ended here.

Workers die with their node by the kernel's hand; what a job started does not. It bears the path of the node's slots as
a mark: in its environment or, when it is a mere copy of a worker, among the files it has mapped. Called by the nursery
when its node is gone, and by the next node on the host before it gives out the jobs again.
"""

import os
import signal
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from pool.engine import linux

MARK = "POOL_SLOTS"
"""Variable that a nursery gets from its node, and every program a job starts from its worker."""

WORKER_TITLE = "pool: worker"


def end_remains(slots: Path, groups: Collection[int] = (), died: int = 0) -> int:
    """Kill what bears the mark of this node, or is in one of the process groups; how many there were.

    `died` is when the node was gone, in clock ticks since boot: a group whose leader is younger has an old number only.
    """
    found = [pid for pid in linux.processes() if pid != os.getpid() and _remains(pid, slots, groups, died)]
    for pid in found:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
    return len(found)


def end_node(pid: int, started: int) -> None:
    """Kill a node that was taken for dead and is only frozen; its workers die with it."""
    try:
        descriptor = os.pidfd_open(pid)
    except OSError:
        return
    try:
        # Looked at after it was opened: from here on the descriptor means this very process.
        if linux.start_time(pid) == started:
            with suppress(ProcessLookupError, PermissionError):
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)
    finally:
        os.close(descriptor)


def _remains(pid: int, slots: Path, groups: Collection[int], died: int) -> bool:
    group = linux.group_of(pid)
    # As long as somebody is in a group, nobody else gets its number.
    if group in groups and linux.start_time(group) <= died:
        return linux.is_running(pid)
    mark = f"{MARK}={slots}".encode()
    if mark in _read(pid, "environ").split(b"\0"):
        return True
    return _read(pid, "cmdline").startswith(WORKER_TITLE.encode()) and os.fsencode(slots) in _read(pid, "maps")


def _read(pid: int, name: str) -> bytes:
    """Empty for a process that is gone, has ended, or belongs to somebody else."""
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""
