"""Lists of jobs, page by page, newest first, with filters: what pages, commands and the API list.

Flat in the size of the table: nothing counts, and one page looks at a bounded number of rows for a bounded time. Where
few rows match, a page may therefore hold less than asked for, or nothing, and still have a next one.
"""

import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from django.db.models import QuerySet, TextField
from django.db.models.functions import Cast, Substr

from pool.conf import database_alias
from pool.domain.errors import InvalidOption
from pool.domain.ids import parse_id
from pool.models import Job
from pool.store.job_filter import JobFilter, Walk

MOST_LISTED = 200
FIRST_LOOK = 2_000
"""Rows that a page passes over at least in search of matches; how far it goes on depends on how fast that went."""
MOST_LOOKED_AT = 50_000
LOOK_S = 0.04

HEAVY = ("args", "kwargs", "result", "metadata", "usage", "backoff", "requires")
"""Columns that a brief list does not read."""
LONGEST_START = 100
"""Characters of the arguments that it reads instead, as `args_start` and `kwargs_start`."""


@dataclass(frozen=True, slots=True)
class JobPage:
    jobs: list[Job]
    next: str | None
    """Cursor to older jobs; None at the end."""
    previous: str | None
    """Cursor to newer jobs; None on the first page."""
    looked_to: datetime | None = None
    """Of when the last job is that was looked at, where the page gave up before it was full."""


def list_jobs(*, cursor: str | None = None, limit: int = 50, brief: bool = False, **filters: Any) -> JobPage:
    """List jobs, newest first, on from a cursor. Raises InvalidOption for a wrong filter or cursor.

    The filters are the fields of JobFilter; `brief` leaves the columns in HEAVY unread.
    """
    limit = max(1, min(limit, MOST_LISTED))
    search = _Search.of(JobFilter(**filters), cursor)
    found, stop = search.find(limit + 1, brief)
    return _page(found[:limit], search, found[limit - 1].pk if len(found) > limit else None, stop)


def briefly(jobs: QuerySet[Job]) -> QuerySet[Job]:
    """Read no more of each job than a line of a list shows."""
    starts = {f"{name}_start": Substr(Cast(name, TextField()), 1, LONGEST_START) for name in ("args", "kwargs")}
    return jobs.defer(*HEAVY).annotate(**starts)


@dataclass(frozen=True, slots=True)
class _Search:
    """One page's way through the jobs: in the order of ids from `edge`."""

    wanted: JobFilter
    newer: bool
    edge: uuid.UUID | None
    walks: list[Walk]

    @classmethod
    def of(cls, wanted: JobFilter, cursor: str | None) -> Self:
        return cls(wanted, *_read_cursor(cursor), wanted.walks())

    def find(self, limit: int, brief: bool = False) -> tuple[list[Job], uuid.UUID | None]:
        """Find so many jobs; and the last id that was looked at, when there are more to look at."""
        if all(self.wanted.is_exact(walk) for walk in self.walks):
            return self._between(self.edge, None, limit, brief), None
        found: list[Job] = []
        stop = self.edge
        for rows in _strides():
            start, stop = stop, self._furthest(stop, rows)
            found += self._between(start, stop, limit - len(found), brief)
            if stop is None or len(found) >= limit:
                break
        return found, stop

    def queries(self, start: uuid.UUID | None, stop: uuid.UUID | None) -> list[QuerySet[Job]]:
        """What is asked for behind one id and up to another, of each walk."""
        return [self.wanted.among(self._stopped(self._in_order(walk, start), stop), walk) for walk in self.walks]

    def _between(self, start: uuid.UUID | None, stop: uuid.UUID | None, limit: int, brief: bool) -> list[Job]:
        queries = self.queries(start, stop)
        found = [job for jobs in queries for job in (briefly(jobs) if brief else jobs)[:limit]]
        return sorted(found, key=lambda job: job.pk, reverse=not self.newer)[:limit]

    def _stopped(self, jobs: QuerySet[Job], stop: uuid.UUID | None) -> QuerySet[Job]:
        if stop is None:
            return jobs
        return jobs.filter(id__lte=stop) if self.newer else jobs.filter(id__gte=stop)

    def _in_order(self, walk: Walk, start: uuid.UUID | None) -> QuerySet[Job]:
        jobs = Job.objects.using(database_alias()).filter(walk.rows, self.wanted.place)
        jobs = jobs.order_by("id" if self.newer else "-id")
        if start is None:
            return jobs
        return jobs.filter(id__gt=start) if self.newer else jobs.filter(id__lt=start)

    def _furthest(self, start: uuid.UUID | None, rows: int) -> uuid.UUID | None:
        """Find the id that so many rows lead to; None when it is the end."""
        ends = [end for walk in self.walks if (end := self._end(walk, start, rows)) is not None]
        return (min if self.newer else max)(ends, default=None)

    def _end(self, walk: Walk, start: uuid.UUID | None, rows: int) -> uuid.UUID | None:
        ids = self._in_order(walk, start).values_list("id", flat=True)
        return next(iter(ids[rows - 1 : rows]), None)


def _strides() -> Iterator[int]:
    """Say how many rows to look at next, as long as there is time: what is slow to read is read in smaller portions."""
    began, looked = time.monotonic(), min(FIRST_LOOK, MOST_LOOKED_AT)
    yield looked
    while looked < MOST_LOOKED_AT and (spent_s := time.monotonic() - began) < LOOK_S:
        in_time = max(int(looked * (LOOK_S - spent_s) / spent_s), FIRST_LOOK // 4, 1)
        # What comes may be slower than what was, so no stride is much longer than the way so far.
        rows = min(in_time, 3 * looked, MOST_LOOKED_AT - looked)
        yield rows
        looked += rows


def _read_cursor(cursor: str | None) -> tuple[bool, uuid.UUID | None]:
    """Tell the direction (True: to newer jobs) and the id to go on from."""
    if not cursor:
        return False, None
    edge = parse_id(cursor[1:])
    if edge is None or cursor[0] not in "ab":
        raise InvalidOption("This cursor is not one of ours. Leave it out to begin with the newest job.")
    return cursor[0] == "a", edge


def _page(found: list[Job], search: _Search, last: uuid.UUID | None, stop: uuid.UUID | None) -> JobPage:
    """Make the page: `last` is the last job of a full one, `stop` the last id that was looked at."""
    onward = last or stop
    back = found[0].pk if found else search.edge
    there = None if onward is None else f"{'a' if search.newer else 'b'}{onward.hex}"
    here = None if search.edge is None or back is None else f"{'b' if search.newer else 'a'}{back.hex}"
    looked_to = None if last or stop is None else _made_at(stop)
    if search.newer:
        return JobPage(found[::-1], next=here, previous=there, looked_to=looked_to)
    return JobPage(found, next=there, previous=here, looked_to=looked_to)


def _made_at(pk: uuid.UUID) -> datetime:
    """Ids begin with the milliseconds of their making."""
    return datetime.fromtimestamp((pk.int >> 80) / 1000, UTC)
