"""What the store promises of its jobs, as a dict: every verb again, in a few lines, without a database.

`tests.store.test_model` lets hypothesis play long histories on the real store and on this, and compares the two after
every step. It knows nothing of the store's statements.
"""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from pool.domain.jobs import Ended, Verdict
from pool.domain.states import DEAD_LETTERS, EXECUTING, TERMINAL, WAITING, JobStatus, Outcome
from pool.domain.verdict import MAX_INTERRUPTIONS

S = JobStatus


@dataclass(slots=True)
class Modelled:
    """One job. `kept` are the attempts that stand in the database: epoch and outcome."""

    id: UUID
    queue: str
    priority: int
    max_attempts: int
    run_at: float
    status: JobStatus
    epoch: int = 0
    attempts: int = 0
    attempts_base: int = 0
    interruptions: int = 0
    losses: int = 0
    node: str = ""
    cancelled: bool = False
    discarded: bool = False
    has_result: bool = False
    ended_at: Any = None
    kept: dict[int, Outcome] = field(default_factory=dict)

    @property
    def attempts_left(self) -> int:
        return self.max_attempts - (self.attempts - self.attempts_base - self.interruptions)


class Model:
    def __init__(self) -> None:
        self.jobs: dict[UUID, Modelled] = {}
        self.paused: set[str] = set()

    def submit(self, job: Modelled) -> None:
        self.jobs[job.id] = job

    def claim(self, node: str, most: int) -> list[Modelled]:
        """Most urgent first, older first, out of open queues, which take turns at each priority."""
        ready = [job for job in self.jobs.values() if job.status is S.PENDING and job.queue not in self.paused]
        places: Counter[tuple[str, int]] = Counter()
        turns: dict[UUID, int] = {}
        for job in sorted(ready, key=lambda job: job.id):
            turns[job.id] = places[job.queue, job.priority]
            places[job.queue, job.priority] += 1
        taken = sorted(ready, key=lambda job: (-job.priority, turns[job.id], job.queue))[:most]
        for job in taken:
            job.status, job.node = S.ASSIGNED, node
            job.epoch += 1
            job.attempts += 1
        return taken

    def start(self, id: UUID, epoch: int) -> None:
        job = self.jobs.get(id)
        if job is not None and (job.status, job.epoch) == (S.ASSIGNED, epoch):
            job.status = S.RUNNING

    def promote(self, now: float) -> None:
        for job in self.jobs.values():
            if job.status is S.SCHEDULED and job.run_at <= now:
                job.status = S.PENDING

    def end(self, id: UUID, epoch: int, ended: Ended, verdict: Verdict) -> bool:
        """An attempt ended; False when the job is no longer in its hands."""
        job = self.jobs.get(id)
        if job is None or job.status not in EXECUTING or job.epoch != epoch:
            return False
        if verdict.status is S.COMPLETED:
            self._finish(job, S.COMPLETED, ended, verdict)
            return True
        outcome = ended.outcome
        if job.cancelled:
            verdict, outcome = _with_status(verdict, S.CANCELLED), Outcome.CANCELLED
        elif verdict.status is S.CANCELLED:
            began = ended.started_at is not None
            counted = began and job.interruptions < MAX_INTERRUPTIONS
            verdict, outcome = Verdict(S.PENDING, refund=not began, interrupted=counted), Outcome.INTERRUPTED
        if verdict.refund and job.status is S.RUNNING:
            return False
        if not verdict.refund:
            job.kept[epoch] = outcome
        self._count(job, verdict)
        if verdict.status in TERMINAL:
            job.status, job.ended_at = verdict.status, ended.finished_at
        else:
            self._wait(job, verdict, ended)
        return True

    def rescue(self, node: str, begun: Collection[tuple[UUID, int]] | None) -> list[tuple[Modelled, bool]]:
        """Jobs the node holds, and whether each counts as begun. `begun` are ids with the epochs of their claims."""
        held = [job for job in self.jobs.values() if job.status in EXECUTING and job.node == node]
        return [(job, job.status is S.RUNNING or begun is None or (job.id, job.epoch) in begun) for job in held]

    def cancel(self, id: UUID) -> str:
        job = self.jobs[id]
        if job.status in TERMINAL:
            return "finished"
        job.cancelled = True
        if job.status in EXECUTING:
            return "requested"
        job.status = S.CANCELLED
        return "cancelled"

    def retry(self, id: UUID) -> bool:
        job = self.jobs[id]
        if job.status not in {*DEAD_LETTERS, S.CANCELLED}:
            return False
        job.status, job.attempts_base, job.node = S.PENDING, job.attempts, ""
        job.interruptions = job.losses = 0
        job.cancelled = job.discarded = False
        job.ended_at = None
        return True

    def discard(self, id: UUID) -> bool:
        job = self.jobs[id]
        if job.status not in DEAD_LETTERS or job.discarded:
            return False
        job.discarded = True
        return True

    def prune(self, now: float, keep_completed_s: float, keep_dead_s: float, discarded_at: dict[UUID, float]) -> None:
        for job in list(self.jobs.values()):
            if job.status in (S.COMPLETED, S.CANCELLED):
                over = job.ended_at < now - keep_completed_s
            elif job.status in DEAD_LETTERS:
                over = job.ended_at < now - keep_dead_s
                over = over or (job.discarded and discarded_at[job.id] < now - keep_completed_s)
            else:
                continue
            # The clock of an operator's verb is the real one: such a job may seem to have ended before it was made.
            if over and job.id.int >> 80 < int((now - min(keep_completed_s, keep_dead_s)) * 1000):
                del self.jobs[job.id]

    def _finish(self, job: Modelled, status: JobStatus, ended: Ended, verdict: Verdict) -> None:
        job.status, job.has_result, job.ended_at = status, True, ended.finished_at
        if job.attempts > 1:
            job.kept[job.epoch] = Outcome.SUCCEEDED
        self._count(job, verdict)

    def _count(self, job: Modelled, verdict: Verdict) -> None:
        job.attempts -= verdict.refund
        job.interruptions += verdict.interrupted
        job.losses += verdict.lost

    def _wait(self, job: Modelled, verdict: Verdict, ended: Ended) -> None:
        job.status, job.node = verdict.status, ""
        if not verdict.refund or verdict.delay_s:
            job.run_at = ended.finished_at + verdict.delay_s

    def check(self) -> None:
        """What holds of every job at every moment, whatever led there."""
        for job in self.jobs.values():
            assert not (job.status in WAITING and job.cancelled)
            assert (job.status in EXECUTING) <= (job.node != "")
            assert (job.status in WAITING) <= (job.node == "")
            assert job.attempts - job.attempts_base - job.interruptions <= job.max_attempts
            first_success = job.status is S.COMPLETED and job.attempts == 1
            assert len(job.kept) == job.attempts - (job.status in EXECUTING) - first_success
            assert list(job.kept.values()).count(Outcome.SUCCEEDED) <= (job.status is S.COMPLETED)


def _with_status(verdict: Verdict, status: JobStatus) -> Verdict:
    return Verdict(status, 0.0, verdict.refund, verdict.interrupted, verdict.lost)
