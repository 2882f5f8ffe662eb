"""The events of jobs, for those who listen: made from what the node hears and what the database took.

Called by the node's loop where `Tidings.jobs` says that somebody listens, and nowhere else. An end is told after its
commit, so that a listener who looks finds it.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pool.domain.cost import COST, left_of
from pool.domain.ids import spelled
from pool.domain.jobs import ClaimedJob, Ended
from pool.domain.notes import NOTE, STEP, usage_in
from pool.domain.states import DEAD_LETTERS, TERMINAL, JobStatus, Outcome
from pool.engine.tidings import Tidings

RESULT_CHARS = 4000
"""A longer result is not carried: whoever wants it asks for the job."""

BY_STATUS = {JobStatus.COMPLETED: "job.completed", JobStatus.CANCELLED: "job.cancelled"}
BY_OUTCOME = {
    Outcome.TIMEOUT: "job.timed_out",
    Outcome.CANCELLED: "job.interrupted",
    Outcome.INTERRUPTED: "job.interrupted",
}
"""Of what is not over: a cancel that the row does not know of was an interruption."""
WITHOUT_ERROR = ("job.cancelled", "job.interrupted")

Piece = tuple[float, str, str]
Claim = tuple[str, int]
Amounts = Mapping[str, float]


class _Usage:
    """What an attempt said it used, as far as it was told, and what of it belongs to the step that ends."""

    def __init__(self) -> None:
        self._told: dict[str, float] = {}
        self._of_step: dict[str, float] = {}

    def add(self, amounts: Amounts) -> None:
        self._of_step = dict(amounts)
        for name, amount in amounts.items():
            self._told[name] = self._told.get(name, 0) + amount

    def end(self, whole: Amounts) -> None:
        """The last step used the rest of the whole, but for its price: nobody said that."""
        self._of_step = left_of({name: one for name, one in whole.items() if name != COST}, self._told)

    def take(self) -> dict[str, float] | None:
        used, self._of_step = self._of_step, {}
        return used or None


class JobNews:
    def __init__(self, tidings: Tidings) -> None:
        self.tidings = tidings
        self._begun: set[Claim] = set()
        self._steps: dict[Claim, tuple[str, float]] = {}
        self._usage: dict[Claim, _Usage] = {}

    def claimed(self, jobs: Iterable[ClaimedJob], at: float) -> None:
        for job in jobs:
            self._tell("job.claimed", at, job)

    def begun(self, job: ClaimedJob, worker: str, at: float) -> None:
        """It has run for a moment already."""
        self._begun.add((job.id, job.epoch))
        self._tell("job.started", at, job, worker)

    def progressed(self, job: ClaimedJob, worker: str, at: float, fraction: float | None, message: str) -> None:
        self._tell("job.progress", at, job, worker, fraction=fraction, message=message)

    def said(self, job: ClaimedJob, worker: str, pieces: Iterable[Piece]) -> None:
        """Lines that a job wrote, and the steps among them."""
        for at, stream, text in pieces:
            for line in text.splitlines() if stream == NOTE else ():
                if line.startswith(STEP):
                    self._step(job, worker, at, line.removeprefix(STEP))
                elif (used := usage_in(line)) is not None:
                    self._usage.setdefault((job.id, job.epoch), _Usage()).add(used)
            self.tidings.hint("worker.log", at, worker, spelled(job.id), {"stream": stream, "text": text})

    def recorded(self, written: Sequence[tuple[Ended, JobStatus]]) -> None:
        """How attempts ended, and what their jobs are now."""
        for ended, status in written:
            self._ended(ended, status)

    def forget(self, fenced: Iterable[Ended]) -> None:
        """These jobs are not this node's any more."""
        for ended in fenced:
            self._begun.discard((ended.job.id, ended.job.epoch))
            self._steps.pop((ended.job.id, ended.job.epoch), None)
            self._usage.pop((ended.job.id, ended.job.epoch), None)

    def _ended(self, ended: Ended, status: JobStatus) -> None:
        job, worker, at = ended.job, ended.worker, ended.finished_at
        claim = job.id, job.epoch
        if ended.started_at is None and status not in TERMINAL:
            # It went back unbegun.
            return
        if ended.started_at is not None and claim not in self._begun:
            self._tell("job.started", ended.started_at, job, worker)
        self._begun.discard(claim)
        self._usage.setdefault(claim, _Usage()).end(_amounts(ended.usage))
        self._end_step(job, worker, at)
        del self._usage[claim]
        name = BY_STATUS.get(status) or BY_OUTCOME.get(ended.outcome, "job.failed")
        self._tell(name, at, job, worker, **_facts(ended, status, name))
        if status in DEAD_LETTERS:
            self._tell("job.dead", at, job, worker, **_error(ended))

    def _step(self, job: ClaimedJob, worker: str, at: float, step: str) -> None:
        self._end_step(job, worker, at)
        self._steps[job.id, job.epoch] = step, at
        self._tell("job.step_started", at, job, worker, step=step)

    def _end_step(self, job: ClaimedJob, worker: str, at: float) -> None:
        before = self._steps.pop((job.id, job.epoch), None)
        usage = self._usage.get((job.id, job.epoch))
        used = usage.take() if usage is not None else None
        if before is not None:
            step, since = before
            self._tell("job.step_completed", at, job, worker, step=step, ms=_ms(at - since), usage=used)

    def _tell(self, name: str, at: float, job: ClaimedJob, worker: str = "", **data: Any) -> None:
        if name in self.tidings.wanted:
            facts = {"task": job.task, "queue": job.queue, "attempt": job.attempts, **data}
            self.tidings.hint(name, at, worker, spelled(job.id), facts)


def _facts(ended: Ended, status: JobStatus, name: str) -> dict[str, Any]:
    ran = {"ms": None if ended.started_at is None else _ms(ended.finished_at - ended.started_at)}
    if name == "job.completed":
        waited = {"wait_ms": _ms((ended.started_at or ended.finished_at) - ended.job.run_at)}
        return ran | waited | {"result": _small(ended.result), "usage": _small(ended.usage)}
    return ran if name in WITHOUT_ERROR else ran | _error(ended) | {"will_retry": status not in DEAD_LETTERS}


def _error(ended: Ended) -> dict[str, Any]:
    failure = ended.failure
    return {"error": failure.type if failure else str(ended.outcome), "message": failure.message if failure else ""}


def _small(text: str | None) -> Any:
    return json.loads(text) if text is not None and len(text) <= RESULT_CHARS else None


def _amounts(text: str | None) -> dict[str, float]:
    """Usage from JSON; nothing of a line that a task wrote in these words for itself."""
    try:
        found = json.loads(text) if text else {}
    except ValueError:
        return {}
    numbers = found.items() if isinstance(found, dict) else ()
    return {name: amount for name, amount in numbers if isinstance(amount, int | float)}


def _ms(seconds: float) -> float:
    return round(max(seconds, 0.0) * 1000, 3)
