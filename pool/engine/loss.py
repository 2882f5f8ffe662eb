"""What is left to do when a worker's process has ended: its last words, its jobs, its leftovers.

The socket is drained first, so a whole ending that was sent still counts. Jobs it never began go to other workers as
they are; the one it was executing ends as what happened to it, and only after its process group is confirmed dead.
"""

import os
import signal
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pool.domain.errors import JobCancelled, JobTimeout, NeighbourEnded, NodeStopped, WorkerLost
from pool.domain.jobs import Ended, Failure, failure
from pool.domain.stages import Stage
from pool.domain.states import Outcome
from pool.engine import linux
from pool.engine import slot as words
from pool.engine.handle import Handle, Held
from pool.logs import get_logger

log = get_logger(__name__)

OUTPUT_BYTES = 8192

BLOCKING_S = 1.0
"""A step of an async job that takes longer than this keeps all others of its worker from going on."""

FROM_OUTSIDE = (signal.SIGKILL, signal.SIGTERM)
"""Signals that may come from anybody, the kernel that needs memory among them."""


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


@dataclass(frozen=True, slots=True)
class Loss:
    """What a worker's death means for one of the jobs that it had begun."""

    held: Held
    outcome: Outcome
    failure: Failure
    suspect: bool = False
    """It may be what ended the worker: it is not blamed, and has a process of its own from now on."""


def judge_losses(handle: Handle, begun: Sequence[Held], how: Exit, now_ns: int, *, starved: bool = False) -> list[Loss]:
    """What happened to each job that the worker was executing. `starved`: the kernel had run out of memory.

    A job that was asked to end has ended as asked. Of several others one is to blame, or none can be blamed.
    """
    scene = _look_at_scene(handle, how, now_ns, starved=starved)
    return [_judge(handle, held, how, scene, alone=len(begun) == 1) for held in begun]


@dataclass(frozen=True, slots=True)
class _Scene:
    """Why the worker died, and what its slot tells of its event loop, as numbers of jobs; 0 for none."""

    why: str
    forced: bool
    """It was brought down because one of its jobs did not end when it was asked to."""
    blocker: int
    """Held up the loop for so long that no other job could end."""
    culprit: int
    """Executed when the worker died of itself, and no thread did."""


def _look_at_scene(handle: Handle, how: Exit, now_ns: int, *, starved: bool) -> _Scene:
    shared = handle.slot.words
    step = shared[words.STEP]
    forced = _is_forced(handle)
    blocking = step and now_ns - shared[words.STEP_AT] > BLOCKING_S * 1e9
    by_itself = how.signal not in FROM_OUTSIDE and not shared[words.THREADS] and not handle.death_reason
    return _Scene(why_lost(handle, how, starved=starved), forced, step if blocking else 0, step if by_itself else 0)


def _judge(handle: Handle, held: Held, how: Exit, scene: _Scene, *, alone: bool) -> Loss:
    end = handle.ends.get(held.seq)
    is_victim = scene.forced and scene.blocker not in (0, held.seq)
    if end is not None and not (is_victim and end.outcome is Outcome.TIMEOUT):
        kind = JobCancelled if end.outcome is Outcome.CANCELLED else JobTimeout
        return Loss(held, end.outcome, failure(kind, f"{kind()} Its worker had to be stopped: {how}."))
    if handle.death_reason == "shutdown":
        return Loss(held, Outcome.INTERRUPTED, failure(NodeStopped))
    if alone or held.seq == scene.culprit:
        return Loss(held, Outcome.CRASHED, failure(WorkerLost, f"The worker that executed the job died: {scene.why}."))
    if scene.culprit or (scene.forced and held.seq != scene.blocker):
        return Loss(held, Outcome.INTERRUPTED, failure(NeighbourEnded))
    sentence = f"The worker died while it executed the job and others: {scene.why}. It runs alone next time."
    return Loss(held, Outcome.INTERRUPTED, failure(WorkerLost, sentence), suspect=True)


def _is_forced(handle: Handle) -> bool:
    return any(end.stage >= Stage.TERM for end in handle.ends.values())


def why_ended(handle: Handle, how: Exit, *, starved: bool) -> str:
    """What is told of a worker that has ended: why it was asked to leave, or why it was lost."""
    if is_planned(handle, how):
        return handle.retiring
    if handle.death_reason:
        return handle.death_reason
    if _is_forced(handle):
        return f"its job did not end when asked ({how})"
    return why_lost(handle, how, starved=starved) if handle.held else str(how)


def is_planned(handle: Handle, how: Exit) -> bool:
    """Whether it was asked to leave, and did."""
    return handle.left and how.code == 0


def why_lost(handle: Handle, how: Exit, *, starved: bool) -> str:
    if how.code == 0:
        return "exit code 0 without a result"
    if starved and how.signal == signal.SIGKILL and not handle.death_reason:
        return f"{how}, likely because memory ran out"
    return f"{how}{f' ({handle.death_reason})' if handle.death_reason else ''}"


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
