"""Jobs that somebody is looking at: what changed of them since the last look, and what they printed meanwhile.

Used by the feed of the web process in a thread of its own, over Django's connection. One look is a fixed number of
statements for all watched jobs together; a job is read whole only when it changed.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from operator import or_
from typing import Any
from uuid import UUID

from django.db.models import Q

from pool.conf import database_alias
from pool.domain.errors import JobNotFound
from pool.domain.states import WAITING
from pool.models import Job, JobLog
from pool.store.read import attempts, job_detail
from pool.store.status import iso

MOST_PIECES = 1000
"""Pieces of a job's log that are kept for viewers, and the most that one look brings."""
WAITING_EVERY_S = 2.0
"""The place of a waiting job in its queue is looked up this often."""
LOGS_AT_ONCE = 200
"""Jobs whose logs are asked for in one statement."""

TELLING = (
    "status", "epoch", "attempts", "run_at", "started_at", "finished_at", "cancel_requested_at", "discarded_at",
    "worker", "progress", "progress_message",
)  # fmt: skip
"""A job whose columns here are the same has not changed for those who watch it."""

Told = tuple[Any, ...]
Piece = dict[str, Any]


@dataclass(frozen=True, slots=True)
class JobNews:
    """What there is to tell of a job. `job` is None when it is gone."""

    id: UUID
    job: dict[str, Any] | None
    attempts: list[dict[str, Any]] = field(default_factory=list)
    pieces: list[Piece] = field(default_factory=list)
    """New ones of its log, oldest first."""
    is_cut: bool = False
    """Older pieces were left out: this is the first look at a job with a long log."""


@dataclass(slots=True)
class _Known:
    """What was told of a job so far."""

    told: Told
    news: JobNews
    """Without pieces."""
    last_piece: int
    read_at: float


class Watch:
    """The jobs watched now. Belongs to one thread."""

    def __init__(self) -> None:
        self.alias = database_alias()
        self._known: dict[UUID, _Known] = {}

    def forget(self, jobs: Collection[UUID]) -> None:
        """Tell everything of these again, as at the first look."""
        for job in jobs:
            self._known.pop(job, None)

    def look(self, jobs: Collection[UUID], now: float) -> list[JobNews]:
        """What is new of these jobs, and of no others. `now` is monotonic seconds."""
        self._known = {job: known for job, known in self._known.items() if job in jobs}
        told, pieces = self._told(jobs), self._pieces()
        looks = (self._look_at(job, told.get(job), pieces.get(job, []), now) for job in jobs)
        return [news for news in looks if news is not None]

    def _look_at(self, job: UUID, told: Told | None, pieces: list[Piece], now: float) -> JobNews | None:
        if told is None:
            self._known.pop(job, None)
            return JobNews(job, None)
        known = self._known.get(job)
        if known is None:
            return self._first_look(job, told, now)
        is_new = self._is_changed(known, told, now) and self._read_again(known, told, now)
        if pieces:
            known.last_piece = pieces[-1]["id"]
        return replace(known.news, pieces=pieces) if is_new or pieces else None

    def _first_look(self, job: UUID, told: Told, now: float) -> JobNews:
        rows = list(JobLog.objects.using(self.alias).filter(job=job).order_by("-id")[: MOST_PIECES + 1])
        pieces = [_piece(row) for row in reversed(rows[:MOST_PIECES])]
        news = _read(job)
        self._known[job] = _Known(told, news, pieces[-1]["id"] if pieces else 0, now)
        return replace(news, pieces=pieces, is_cut=len(rows) > MOST_PIECES)

    def _is_changed(self, known: _Known, told: Told, now: float) -> bool:
        return told != known.told or (told[0] in WAITING and now - known.read_at >= WAITING_EVERY_S)

    def _read_again(self, known: _Known, told: Told, now: float) -> bool:
        """Whether that brought anything new."""
        before = known.news
        known.told, known.news, known.read_at = told, _read(before.id), now
        return known.news != before

    def _told(self, jobs: Collection[UUID]) -> dict[UUID, Told]:
        rows = Job.objects.using(self.alias).filter(pk__in=jobs).order_by().values_list("pk", *TELLING)
        return {pk: tuple(columns) for pk, *columns in rows}

    def _pieces(self) -> dict[UUID, list[Piece]]:
        found: dict[UUID, list[Piece]] = {}
        for some in _by_portions(list(self._known.items())):
            anything = reduce(or_, (Q(job=job, id__gt=known.last_piece) for job, known in some))
            for row in JobLog.objects.using(self.alias).filter(anything).order_by("id")[:MOST_PIECES]:
                found.setdefault(row.job_id, []).append(_piece(row))
        return found


def _by_portions(known: Sequence[tuple[UUID, _Known]]) -> Iterator[Sequence[tuple[UUID, _Known]]]:
    for start in range(0, len(known), LOGS_AT_ONCE):
        yield known[start : start + LOGS_AT_ONCE]


def _read(job: UUID) -> JobNews:
    try:
        return JobNews(job, job_detail(job), attempts(job))
    except JobNotFound:
        return JobNews(job, None)


def _piece(row: JobLog) -> Piece:
    return {"id": row.pk, "epoch": row.epoch, "at": iso(row.at), "stream": row.stream, "text": row.text}
