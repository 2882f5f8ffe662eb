"""What is left to do when a worker's process has ended: its last words, its jobs, its leftovers.

The socket is drained first, so a whole ending that was sent still counts. Jobs it never began go to other workers as
they are; the one it was executing ends as what happened to it, and only after its process group is confirmed dead.
"""

import os
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pool.domain.errors import JobCancelled, JobTimeout, NodeStopped, WorkerLost
from pool.domain.jobs import Ended, Failure, failure
from pool.domain.states import Outcome
from pool.engine import linux
from pool.engine.handle import Handle, Held
from pool.logs import get_logger

log = get_logger(__name__)

OUTPUT_BYTES = 8192


@dataclass(frozen=True, slots=True)
class Exit:
    """How a process ended."""

    code: int | None
    signal: int | None

    def __str__(self) -> str:
        if self.signal:
            with suppress(ValueError):
                return f"killed by {signal.Signals(self.signal).name}"
            return f"killed by signal {self.signal}"
        return f"exit code {self.code}"


@dataclass(slots=True)
class Grave:
    """A dead worker's group, and its jobs, which wait until that is empty and no orphan is left."""

    group: int
    since: float
    endings: list[Ended]


def collect_exit(pidfd: int) -> Exit:
    """Reap one process."""
    try:
        result = os.waitid(os.P_PIDFD, pidfd, os.WEXITED | os.WNOHANG)
    except ChildProcessError:
        return Exit(None, None)
    if result is None:
        return Exit(None, None)
    if result.si_code == os.CLD_EXITED:
        return Exit(result.si_status, None)
    return Exit(None, result.si_status)


def split_jobs(handle: Handle) -> tuple[list[Held], list[Held]]:
    """Jobs in the dead worker's hands: those it had begun, and those it had not."""
    last = handle.begun_seq()
    begun = [held for seq, held in sorted(handle.held.items()) if seq <= last]
    unbegun = [held for seq, held in sorted(handle.held.items()) if seq > last]
    return begun, unbegun


def judge_loss(handle: Handle, how: Exit, *, starved: bool = False) -> tuple[Outcome, Failure]:
    """What happened to the job the worker was executing. `starved`: the kernel had run out of memory."""
    end = handle.end
    if end is not None:
        kind = JobCancelled if end.outcome is Outcome.CANCELLED else JobTimeout
        return end.outcome, failure(kind, f"{kind()} Its worker had to be stopped: {how}.")
    if handle.death_reason == "shutdown":
        return Outcome.INTERRUPTED, failure(NodeStopped)
    why = f"{how}{f' ({handle.death_reason})' if handle.death_reason else ''}"
    if how.code == 0:
        why = "exit code 0 without a result"
    elif starved and how.signal == signal.SIGKILL and not handle.death_reason:
        why = f"{how}, likely because memory ran out"
    return Outcome.CRASHED, failure(WorkerLost, f"The worker that executed the job died: {why}.")


def last_output(path: Path) -> str:
    """What the dead worker wrote below Python: the traceback of a segmentation fault, for example."""
    try:
        with path.open("rb") as file:
            file.seek(max(file.seek(0, os.SEEK_END) - OUTPUT_BYTES, 0))
            text = file.read(OUTPUT_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""
    path.unlink(missing_ok=True)
    return text.replace("\x00", "")


def orphans(known: set[int], spared: set[int]) -> list[int]:
    """Children of the node that it has not asked for: left by jobs of dead workers, or workers born a moment ago."""
    return [pid for pid in linux.children_of(os.getpid()) if pid not in known and pid not in spared]


def sweep_orphans(known: set[int], spared: set[int]) -> bool:
    """Kill and reap what jobs of dead workers left behind, now the node's children; True when no more can be done.

    `spared` keeps, from one call to the next, the orphans of other users, which cannot be killed.
    """
    found = orphans(known, set())
    spared.intersection_update(found)
    for orphan in found:
        # Its own children as well: they become ours only when it is dead.
        for child in linux.descendants_of(orphan):
            linux.kill(child)
        if not linux.kill(orphan) and orphan not in spared:
            spared.add(orphan)
            log.warning("orphan.spared", pid=orphan, reason="it belongs to another user and cannot be killed")
        with suppress(ChildProcessError):
            os.waitpid(orphan, os.WNOHANG)
    return spared.issuperset(found)
