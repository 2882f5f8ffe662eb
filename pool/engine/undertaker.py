"""Buries workers: hears their last words, gives their jobs back, sweeps what they left."""

from collections.abc import Callable, Sequence
from typing import Any

from pool import failpoints
from pool.domain.ids import spelled
from pool.domain.jobs import Ended, Failure
from pool.domain.states import Outcome
from pool.engine import linux
from pool.engine import slot as words
from pool.engine.clock import Now
from pool.engine.dispatch import Dispatch
from pool.engine.equipment.shared import remove_blocks
from pool.engine.handle import Handle
from pool.engine.hearing import Hearing
from pool.engine.kin import GROUP_LIMIT_S, output_path
from pool.engine.ledger import Ledger
from pool.engine.loss import (
    Exit,
    Grave,
    Loss,
    collect_exit,
    is_planned,
    judge_losses,
    last_output,
    orphans,
    split_jobs,
    sweep_orphans,
    why_ended,
)
from pool.engine.meter import Meter
from pool.engine.roster import Roster
from pool.engine.staffing import Staffing
from pool.logs import get_logger
from pool.store.nodes import NodeIdentity, WorkerRow
from pool.store.running import Said

log = get_logger(__name__)


class Undertaker:
    def __init__(
        self,
        roster: Roster,
        ledger: Ledger,
        dispatch: Dispatch,
        staffing: Staffing,
        hearing: Hearing,
        meter: Meter,
        me: NodeIdentity,
    ) -> None:
        self.roster, self.ledger, self.dispatch, self.staffing = roster, ledger, dispatch, staffing
        self.hearing, self.meter, self.me = hearing, meter, me
        self.graves: list[Grave] = []
        self.ended_workers: list[WorkerRow] = []
        self.orphans_possible = False
        self.spared: set[int] = set()
        """Orphans that cannot be killed."""
        self.other_children: set[int] = set()
        self._oom_kills = (linux.oom_kills(), linux.oom_kills())

    @property
    def is_busy(self) -> bool:
        """Whether it must look again soon."""
        return bool(self.graves) or self.orphans_possible

    def bury(self, handle: Handle, now: Now, last_row: Callable[[str], WorkerRow]) -> None:
        """The worker's process has ended, or its sockets have and it never got a pid.

        `last_row` makes its last row from why it ended, when its last words have been heard.
        """
        failpoints.hit("on_burial")
        handle.kill("")
        how = collect_exit(handle.pidfd) if handle.pidfd >= 0 else Exit(None, None)
        self.hearing.facts(handle, handle.main.drain(), now)
        self.hearing.side_facts(handle, handle.side.drain())
        output = last_output(output_path(self.me, handle.worker))
        begun, unbegun = split_jobs(handle)
        self.dispatch.take_back([held.job for held in unbegun])
        starved = linux.oom_kills() > self._oom_kills[0]
        losses = judge_losses(handle, begun, how, int(now.mono * 1e9), starved=starved)
        if output:
            at = now.wall
            self.ledger.pending.say(Said(held.job.id, held.job.epoch, at, "stderr", output) for held in begun)
        endings = _endings(handle, losses, output, now)
        self.ended_workers.append(last_row(why_ended(handle, how, starved=starved)))
        self._tell(handle, how, endings, now)
        self.staffing.gone(handle, now.mono)
        self.roster.remove(handle)
        handle.slot.words[words.PID] = 0
        remove_blocks(f"{self.me.id[:12]}-{handle.worker}-")
        self.orphans_possible = True
        if endings:
            self.graves.append(Grave(handle.pid, now.mono, endings))
            self._close_graves(now, clear=not orphans(self._known(), self.spared))
        handle.held.clear()
        handle.close()

    def remember_memory(self) -> None:
        """Called every second: what the kernel killed for want of memory long ago was not the worker that dies now."""
        self._oom_kills = (self._oom_kills[1], linux.oom_kills())

    def tend(self, now: Now) -> None:
        """Orphans are swept; jobs of a dead worker are given out again when nothing of it is left."""
        if self.orphans_possible:
            self._close_graves(now, clear=self._sweep())

    def _sweep(self) -> bool:
        """Kill what jobs of dead workers left; whether nothing of it is left."""
        known = self._known()
        # A worker just born is nobody's known child until the nursery has told its pid: it must not be hit.
        if not all(handle.pid for handle in self.roster):
            return not orphans(known, self.spared)
        clear = sweep_orphans(known, self.spared)
        self.orphans_possible = not clear or bool(self.graves)
        return clear

    def _known(self) -> set[int]:
        helpers = {self.staffing.nursery.pid} if self.staffing.nursery is not None else set()
        return self.other_children | helpers | {handle.pid for handle in self.roster}

    def _close_graves(self, now: Now, *, clear: bool) -> None:
        for grave in list(self.graves):
            late = now.mono - grave.since > GROUP_LIMIT_S
            if late or (clear and (not grave.group or linux.group_is_empty(grave.group))):
                if late:
                    log.error("job.overlap_possible", group=grave.group, jobs=_ids(grave.endings))
                self.graves.remove(grave)
                for ending in grave.endings:
                    self.ledger.ended(ending)

    def _tell(self, handle: Handle, how: Exit, endings: list[Ended], now: Now) -> None:
        tidings = self.ledger.tidings
        if is_planned(handle, how):
            tidings.tell("worker.stopped", now.wall, handle.worker, {"reason": handle.retiring})
            return
        self.meter.counters.lost += 1
        facts: dict[str, Any] = {"how": str(how), "code": how.code, "signal": how.signal}
        facts |= {"jobs": _ids(endings)[:20], "why": handle.death_reason}
        tidings.tell("worker.exited", now.wall, handle.worker, facts)


def _ids(endings: list[Ended]) -> list[str]:
    return [spelled(ending.job.id) for ending in endings]


def _endings(handle: Handle, losses: Sequence[Loss], output: str, now: Now) -> list[Ended]:
    """The attempts that ended with their worker; its last output is the traceback of one that crashed."""
    began = {one.seq: now.wall_of(one.started) for one in handle.running_jobs()}
    return [
        Ended(
            loss.held.job,
            loss.outcome,
            handle.worker,
            began.get(loss.held.seq, now.wall),
            now.wall,
            failure=Failure(loss.failure.type, loss.failure.message, output if loss.outcome is Outcome.CRASHED else ""),
            suspect=loss.suspect,
        )
        for loss in losses
    ]
