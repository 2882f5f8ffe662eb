"""Buries workers: hears their last words, gives their jobs back, sweeps what they left."""

from pool.domain.ids import spelled
from pool.domain.jobs import Ended, Failure
from pool.domain.states import Outcome
from pool.engine import linux
from pool.engine import slot as words
from pool.engine.clock import Now
from pool.engine.dispatch import Dispatch
from pool.engine.handle import Handle
from pool.engine.hearing import Hearing
from pool.engine.kin import GROUP_LIMIT_S, output_path
from pool.engine.ledger import Ledger
from pool.engine.loss import (
    Exit,
    Grave,
    collect_exit,
    judge_loss,
    last_output,
    split_jobs,
    sweep_orphans,
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

    @property
    def is_busy(self) -> bool:
        """Whether it must look again soon."""
        return bool(self.graves) or self.orphans_possible

    def bury(self, handle: Handle, now: Now, last_row: WorkerRow | None) -> None:
        """The worker's process has ended, or its sockets have and it never got a pid."""
        handle.kill("")
        how = collect_exit(handle.pidfd) if handle.pidfd >= 0 else Exit(None, None)
        self.hearing.facts(handle, handle.main.drain(), now)
        self.hearing.side_facts(handle, handle.side.drain())
        output = last_output(output_path(self.me, handle.worker))
        begun, unbegun = split_jobs(handle)
        self.dispatch.take_back([held.job for held in unbegun])
        outcome, failure = judge_loss(handle, how)
        failure = Failure(failure.type, failure.message, output if outcome is Outcome.CRASHED else "")
        for held in begun:
            if output:
                self.ledger.pending.said.append(Said(held.job.id, held.job.epoch, now.wall, "stderr", output))
        endings = [
            Ended(held.job, outcome, handle.worker, _began(handle, now), now.wall, failure=failure) for held in begun
        ]
        self._tell(handle, how, outcome, endings, now, last_row)
        self.staffing.gone(handle, now.mono)
        self.roster.remove(handle)
        handle.slot.words[words.PID] = 0
        self._end_or_wait(handle.pid, endings, now)
        handle.held.clear()
        handle.close()
        self.orphans_possible = True

    def tend(self, now: Now) -> None:
        """Jobs whose dead worker's group has emptied are given out again; orphans are swept."""
        for grave in list(self.graves):
            late = now.mono - grave.since > GROUP_LIMIT_S
            if late or linux.group_is_empty(grave.group):
                if late:
                    log.error("job.overlap_possible", group=grave.group, jobs=_ids(grave.endings))
                self.graves.remove(grave)
                for ending in grave.endings:
                    self.ledger.ended(ending)
        # A worker just born is nobody's known child until the nursery has told its pid.
        if self.orphans_possible and all(handle.pid for handle in self.roster):
            helpers = {self.staffing.nursery.pid} if self.staffing.nursery is not None else set()
            known = self.other_children | helpers | {handle.pid for handle in self.roster}
            self.orphans_possible = not sweep_orphans(known, self.spared) or bool(self.graves)

    def _end_or_wait(self, group: int, endings: list[Ended], now: Now) -> None:
        if not group or linux.group_is_empty(group):
            for ending in endings:
                self.ledger.ended(ending)
        elif endings:
            self.graves.append(Grave(group, now.mono, endings))

    def _tell(
        self, handle: Handle, how: Exit, outcome: Outcome, endings: list[Ended], now: Now, row: WorkerRow | None
    ) -> None:
        planned = handle.left and how.code == 0
        reason = handle.retiring if planned else f"{how}{f' ({handle.death_reason})' if handle.death_reason else ''}"
        if row is not None:
            self.ended_workers.append(row)
        if planned:
            log.info("worker.stopped", worker=handle.worker, reason=reason)
            return
        self.meter.counters.lost += 1
        jobs = _ids(endings)
        log.warning(
            "worker.exited", worker=handle.worker, pid=handle.pid, how=str(how), jobs=jobs, outcome=str(outcome)
        )
        facts = {"how": str(how), "jobs": jobs[:20], "why": handle.death_reason}
        self.ledger.event(now.wall, "worker.exited", level="warning", worker=handle.worker, data=facts)


def _ids(endings: list[Ended]) -> list[str]:
    return [spelled(ending.job.id) for ending in endings]


def _began(handle: Handle, now: Now) -> float:
    running = handle.running()
    return now.wall_of(running[1]) if running is not None else now.wall
