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
from pool.store.running import Said


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
                    self._told(handle, seq, said, usage)
                case WorkerReady(pid):
                    self._ready(handle, pid, now)
                case WorkerTainted(reason):
                    handle.retiring = handle.retiring or reason
                    self.ledger.tidings.tell("worker.error", now.wall, handle.worker, {"reason": reason})
                case Recalled(seqs):
                    self._recalled(handle, seqs)

    def side_facts(self, handle: Handle, facts: list[SideFact]) -> None:
        for fact in facts:
            match fact:
                case Recalled(seqs):
                    self._recalled(handle, seqs)
                case JobSaid(job, epoch, said):
                    self.ledger.pending.say(Said(job, epoch, at, stream, text) for at, stream, text in said)
                    if self.ledger.tidings.output:
                        self._tell_output(handle, (job, epoch), said)
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
        facts = {"pid": pid, "took_ms": round((now.mono - handle.born_at) * 1e3, 1)}
        self.ledger.tidings.tell("worker.ready", now.wall, handle.worker, facts)

    def _done(self, handle: Handle, fact: JobDone, now: Now) -> None:
        held = handle.take_back(fact.seq)
        if held is None:
            return
        handle.jobs_completed += 1
        handle.failed_in_row = 0
        self.staffing.worker_worked(handle)
        began = self._measure(handle, held, fact.started, fact.ended, now)
        self.ledger.ended(
            Ended(
                held.job,
                Outcome.SUCCEEDED,
                handle.worker,
                began,
                now.wall_of(fact.ended),
                result=fact.result,
                cpu_ms=fact.cpu / 1e6,
                usage=held.usage,
            )
        )

    def _failed(self, handle: Handle, fact: JobFailed, now: Now) -> None:
        held = handle.take_back(fact.seq)
        if held is None:
            return
        handle.jobs_failed += 1
        handle.failed_in_row += 1
        self.staffing.worker_worked(handle)
        began = self._measure(handle, held, fact.started, fact.ended, now, succeeded=False)
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
                usage=held.usage,
                retryable=fact.retryable,
            )
        )

    def _measure(
        self, handle: Handle, held: Held, started: int, ended: int, now: Now, *, succeeded: bool = True
    ) -> float:
        """Note the times of an attempt; when it began, in seconds since 1970."""
        job = held.job
        run_us = (ended - started) // 1000
        handle.ran_us += run_us
        begun_at = now.wall_of(started)
        wait_us = max(int((begun_at - job.run_at) * 1e6), 0)
        dispatch_us = max((started - held.handed_ns) // 1000, 0)
        self.meter.ended(job.queue, job.task, wait_us, run_us, wait_us + run_us, dispatch_us)
        if held.is_stream:
            self.meter.ran_beside(run_us, handle.streams)
        self.dispatch.learn(job.task, run_us, handle, succeeded=succeeded, is_stream=held.is_stream)
        return begun_at

    def _told(self, handle: Handle, seq: int, said: list[tuple[float, str, str]], usage: str | None) -> None:
        held = handle.held.get(seq)
        if held is not None:
            held.usage = usage
            self._said(handle, seq, said)

    def _said(self, handle: Handle, seq: int, said: list[tuple[float, str, str]]) -> None:
        held = handle.held.get(seq)
        if held is not None:
            job = held.job
            self.ledger.pending.say(Said(job.id, job.epoch, at, stream, text) for at, stream, text in said)
            if self.ledger.tidings.output:
                self.ledger.news.said(job, handle.worker, said)

    def _tell_output(self, handle: Handle, claim: tuple[str, int], said: list[tuple[float, str, str]]) -> None:
        """Of a job that runs: one that has ended tells the rest with its ending."""
        for held in handle.held.values():
            if (held.job.id, held.job.epoch) == claim:
                self.ledger.news.said(held.job, handle.worker, said)
