"""What workers say, turned into endings, measurements and log lines."""

import time

from pool.domain.jobs import Ended, Failure
from pool.domain.states import Outcome, WorkerState
from pool.engine.clock import Now
from pool.engine.dispatch import Dispatch
from pool.engine.handle import Handle, Held
from pool.engine.ledger import Ledger
from pool.engine.messages import (
    Fact,
    JobDone,
    JobFailed,
    JobSaid,
    JobTold,
    Recalled,
    SideFact,
    StackDumped,
    WorkerReady,
    WorkerTainted,
)
from pool.engine.meter import Meter
from pool.engine.staffing import Staffing
from pool.engine.whereabouts import Whereabouts
from pool.logs import get_logger
from pool.store.running import Said

log = get_logger(__name__)


class Hearing:
    def __init__(
        self, ledger: Ledger, dispatch: Dispatch, staffing: Staffing, meter: Meter, whereabouts: Whereabouts
    ) -> None:
        self.ledger, self.dispatch, self.staffing, self.meter = ledger, dispatch, staffing, meter
        self.whereabouts = whereabouts

    def facts(self, handle: Handle, facts: list[Fact], now: Now) -> None:
        for fact in facts:
            # Nearly every fact is one, and patterns are tried in turn.
            if type(fact) is JobDone:
                self._done(handle, fact, now)
                continue
            match fact:
                case JobFailed():
                    self._failed(handle, fact, now)
                case JobTold(seq, said, usage):
                    handle.usage = usage
                    self._said(handle, seq, said)
                case WorkerReady(pid):
                    self._ready(handle, pid, now)
                case WorkerTainted(reason):
                    handle.retiring = handle.retiring or reason
                    log.warning("worker.tainted", worker=handle.worker, reason=reason)
                case Recalled(seqs):
                    self._recalled(handle, seqs)

    def side_facts(self, handle: Handle, facts: list[SideFact]) -> None:
        for fact in facts:
            match fact:
                case Recalled(seqs):
                    self._recalled(handle, seqs)
                case JobSaid(job, epoch, said):
                    self.ledger.pending.say(Said(job, epoch, at, stream, text) for at, stream, text in said)
                case StackDumped(seq, text):
                    self.whereabouts.answered(handle, seq, text, time.time())

    def _recalled(self, handle: Handle, seqs: list[int]) -> None:
        back = [held.job for seq in sorted(seqs) if (held := handle.take_back(seq)) is not None]
        self.dispatch.take_back(back)

    def _ready(self, handle: Handle, pid: int, now: Now) -> None:
        handle.born(pid)
        handle.state = WorkerState.IDLE
        handle.beat_at = now.mono
        handle.measure(now.mono)
        self.staffing.worker_ready()
        log.debug("worker.ready", worker=handle.worker, pid=pid, took_ms=round((now.mono - handle.born_at) * 1e3, 1))

    def _done(self, handle: Handle, fact: JobDone, now: Now) -> None:
        held = handle.take_back(fact.seq)
        if held is None:
            return
        handle.jobs_completed += 1
        self.staffing.worker_worked(handle)
        began = self._measure(held, fact.started, fact.ended, now)
        self.ledger.ended(
            Ended(
                held.job,
                Outcome.SUCCEEDED,
                handle.worker,
                began,
                now.wall_of(fact.ended),
                result=fact.result,
                cpu_ms=fact.cpu / 1e6,
                usage=handle.usage,
            )
        )
        handle.usage = None

    def _failed(self, handle: Handle, fact: JobFailed, now: Now) -> None:
        held = handle.take_back(fact.seq)
        if held is None:
            return
        handle.jobs_failed += 1
        self.staffing.worker_worked(handle)
        began = self._measure(held, fact.started, fact.ended, now)
        if fact.tainted:
            handle.retiring = handle.retiring or fact.kind
        self.ledger.ended(
            Ended(
                held.job,
                Outcome(fact.outcome),
                handle.worker,
                began,
                now.wall_of(fact.ended),
                failure=Failure(fact.kind, fact.message, fact.traceback),
                cpu_ms=fact.cpu / 1e6,
                usage=handle.usage,
                retryable=fact.retryable,
            )
        )
        handle.usage = None

    def _measure(self, held: Held, started: int, ended: int, now: Now) -> float:
        """Note the times of an attempt; when it began, in seconds since 1970."""
        job = held.job
        run_us = (ended - started) // 1000
        begun_at = now.wall_of(started)
        wait_us = max(int((begun_at - job.run_at) * 1e6), 0)
        dispatch_us = max((started - held.handed_ns) // 1000, 0)
        self.meter.ended(job.queue, job.task, wait_us, run_us, wait_us + run_us, dispatch_us)
        self.dispatch.learn(job.task, run_us)
        return begun_at

    def _said(self, handle: Handle, seq: int, said: list[tuple[float, str, str]]) -> None:
        held = handle.held.get(seq)
        if held is not None:
            job = held.job
            self.ledger.pending.say(Said(job.id, job.epoch, at, stream, text) for at, stream, text in said)
