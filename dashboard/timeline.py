"""A job's life as bars to scale: it waited, ran, and perhaps waited and ran again. Pure; used by the job's page."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pool.domain.states import EXECUTING, TERMINAL, JobStatus
from pool.models import Job

WIDTH = 1000
LEAST = 3
"""Width of a bar that would be too thin to be seen."""


@dataclass(frozen=True, slots=True)
class Bar:
    kind: str
    """waited, or how the attempt ended; running when it goes on."""
    x: float
    width: float
    ms: float


@dataclass(frozen=True, slots=True)
class Row:
    """One attempt with the wait before it, or the wait that goes on."""

    title: str
    bars: Sequence[Bar]
    outcome: str
    worker: str
    waited_ms: float | None
    ran_ms: float | None
    number: int = 0


@dataclass(frozen=True, slots=True)
class Timeline:
    rows: Sequence[Row]
    began: datetime
    ended: datetime
    is_open: bool

    @property
    def ms(self) -> float:
        return _ms(self.ended - self.began)


@dataclass(frozen=True, slots=True)
class _Try:
    number: int
    started: datetime | None
    ended: datetime | None
    outcome: str
    worker: str


def timeline(job: Job, attempts: Sequence[Mapping[str, Any]], now: datetime) -> Timeline:
    tries = list(_tries(job, attempts))
    is_open = job.status not in TERMINAL
    moments = [one.ended for one in tries if one.ended] + ([now] if is_open else [job.finished_at or now])
    began, ended = job.created_at, max(*moments, job.created_at + timedelta(milliseconds=1))
    scale = WIDTH / (ended - began).total_seconds()
    rows, free_at = [], began
    for one in tries:
        rows.append(_row(one, free_at, began, ended, scale))
        free_at = one.ended or ended
    if is_open and job.status not in EXECUTING:
        rows.append(_waiting(job, free_at, began, ended, scale))
    return Timeline(rows, began, ended, is_open)


def _tries(job: Job, attempts: Sequence[Mapping[str, Any]]) -> Iterator[_Try]:
    kept = [
        _Try(one["number"], _at(one["started_at"]), _at(one["finished_at"]), one["outcome"], one["worker"] or "")
        for one in attempts
    ]
    yield from kept
    last = kept[-1] if kept else None
    if job.started_at is None or (last is not None and last.ended == job.finished_at and job.finished_at):
        return
    # A first success is not kept apart, and a running attempt not yet.
    if job.status == JobStatus.COMPLETED and (last is None or last.outcome != "succeeded"):
        yield _Try(job.attempts, job.started_at, job.finished_at, "succeeded", job.worker)
    elif job.status in EXECUTING:
        yield _Try(job.attempts, job.started_at, None, "running", job.worker)
    elif job.status in TERMINAL and last is None:
        yield _Try(job.attempts, job.started_at, job.finished_at, job.status.lower(), job.worker)


def _row(one: _Try, free_at: datetime, began: datetime, ended: datetime, scale: float) -> Row:
    start, end = one.started or one.ended or free_at, one.ended or ended
    bars = [_bar("waited", free_at, start, began, scale), _bar(one.outcome, start, end, began, scale)]
    waited, ran = max(_ms(start - free_at), 0.0), max(_ms(end - start), 0.0)
    return Row(f"Attempt {one.number}", bars, one.outcome, one.worker, waited, ran, one.number)


def _waiting(job: Job, free_at: datetime, began: datetime, ended: datetime, scale: float) -> Row:
    bar = _bar("waited", free_at, ended, began, scale)
    return Row("Waits", [bar], job.status.lower(), "", _ms(ended - free_at), None)


def _bar(kind: str, start: datetime, end: datetime, began: datetime, scale: float) -> Bar:
    seconds = max((end - start).total_seconds(), 0.0)
    width = max(seconds * scale, LEAST if seconds or kind != "waited" else 0)
    x = min((start - began).total_seconds() * scale, WIDTH - width)
    return Bar(kind, round(max(x, 0.0), 2), round(width, 2), seconds * 1000)


def _at(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _ms(length: timedelta) -> float:
    return length.total_seconds() * 1000
