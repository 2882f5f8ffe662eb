"""Lists of jobs, page by page, newest first, with filters: what pages, commands and the API list.

Flat in the size of the table: nothing counts, and one page looks at a bounded number of rows. Where few rows match, a
page may therefore hold less than asked for, or nothing, and still have a next one.
"""

import uuid
from dataclasses import dataclass
from itertools import islice
from typing import Any, Self

from django.db.models import Q, QuerySet, TextField
from django.db.models.functions import Cast, Substr

from pool.conf import database_alias
from pool.domain.errors import InvalidOption
from pool.domain.ids import parse_id
from pool.models import Job
from pool.store.job_filter import JobFilter

MOST_LISTED = 200
MOST_LOOKED_AT = 50_000
"""Rows that one page may pass over in search of matches."""

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


def list_jobs(*, cursor: str | None = None, limit: int = 50, brief: bool = False, **filters: Any) -> JobPage:
    """List jobs, newest first, on from a cursor. Raises InvalidOption for a wrong filter or cursor.

    The filters are the fields of JobFilter; `brief` leaves the columns in HEAVY unread.
    """
    limit = max(1, min(limit, MOST_LISTED))
    search = _Search.of(JobFilter(**filters), cursor)
    found = search.jobs(limit + 1, brief)
    onward = found[limit - 1].pk if len(found) > limit else search.stop
    return _page(found[:limit], search, onward)


def briefly(jobs: QuerySet[Job]) -> QuerySet[Job]:
    """Read no more of each job than a line of a list shows."""
    starts = {f"{name}_start": Substr(Cast(name, TextField()), 1, LONGEST_START) for name in ("args", "kwargs")}
    return jobs.defer(*HEAVY).annotate(**starts)


@dataclass(frozen=True, slots=True)
class _Search:
    """One page's way through the jobs: in the order of ids from `edge`, and no further than `stop`."""

    wanted: JobFilter
    newer: bool
    edge: uuid.UUID | None
    stop: uuid.UUID | None = None

    @classmethod
    def of(cls, wanted: JobFilter, cursor: str | None) -> Self:
        newer, edge = _read_cursor(cursor)
        search = cls(wanted, newer, edge)
        return search if wanted.is_exact else cls(wanted, newer, edge, search._furthest())

    def jobs(self, limit: int, brief: bool = False) -> list[Job]:
        found = [job for jobs in self.queries() for job in (briefly(jobs) if brief else jobs)[:limit]]
        return list(islice(sorted(found, key=lambda job: job.pk, reverse=not self.newer), limit))

    def queries(self) -> list[QuerySet[Job]]:
        return [self.wanted.among(self._stopped(self._in_order(walk))) for walk in self.wanted.walks]

    def _stopped(self, jobs: QuerySet[Job]) -> QuerySet[Job]:
        if self.stop is None:
            return jobs
        return jobs.filter(id__lte=self.stop) if self.newer else jobs.filter(id__gte=self.stop)

    def _in_order(self, walk: Q) -> QuerySet[Job]:
        jobs = Job.objects.using(database_alias()).filter(walk, self.wanted.place)
        jobs = jobs.order_by("id" if self.newer else "-id")
        if self.edge is None:
            return jobs
        return jobs.filter(id__gt=self.edge) if self.newer else jobs.filter(id__lt=self.edge)

    def _furthest(self) -> uuid.UUID | None:
        """Find the last id that a page may look at; None when it may look to the end."""
        ends = [end for walk in self.wanted.walks if (end := self._end(walk)) is not None]
        return (min if self.newer else max)(ends, default=None)

    def _end(self, walk: Q) -> uuid.UUID | None:
        ids = self._in_order(walk).values_list("id", flat=True)
        return next(iter(ids[MOST_LOOKED_AT - 1 : MOST_LOOKED_AT]), None)


def _read_cursor(cursor: str | None) -> tuple[bool, uuid.UUID | None]:
    """Tell the direction (True: to newer jobs) and the id to go on from."""
    if not cursor:
        return False, None
    edge = parse_id(cursor[1:])
    if edge is None or cursor[0] not in "ab":
        raise InvalidOption("This cursor is not one of ours. Leave it out to begin with the newest job.")
    return cursor[0] == "a", edge


def _page(found: list[Job], search: _Search, onward: uuid.UUID | None) -> JobPage:
    further = None if onward is None else onward.hex
    back = found[0].pk if found else search.edge
    there = further and f"{'a' if search.newer else 'b'}{further}"
    here = None if search.edge is None or back is None else f"{'b' if search.newer else 'a'}{back.hex}"
    if search.newer:
        return JobPage(found[::-1], next=here, previous=there)
    return JobPage(found, next=there, previous=here)
