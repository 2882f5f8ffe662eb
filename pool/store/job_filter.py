"""What a list of jobs is asked for: checked filters, and the conditions they become. Used by `pool.store.job_list`."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import CharField, Q, QuerySet, TextField, Value
from django.db.models.functions import Cast, Coalesce, StrIndex

from pool.conf import database_alias
from pool.domain.errors import InvalidOption
from pool.domain.ids import first_id, parse_id
from pool.domain.states import DEAD_LETTERS, EXECUTING, JobStatus
from pool.models import Job
from pool.models.job import SELDOM

SHORTEST_TAIL, LONGEST_TAIL = 6, 12
"""Characters of the end of an id by which a job is found."""

SLACK = timedelta(minutes=1)
"""An id is made a moment after `created_at`: a batch of thousands shares one time."""

MOST_EXECUTING = 10_000
FEW = 10_000
"""Jobs of one tenant that are gone through whatever their state."""
NAMES = ("status", "queue", "task", "tenant")


@dataclass(frozen=True, slots=True)
class Walk:
    """Rows to go through in the order of ids, by an index."""

    rows: Q
    over: tuple[str, ...] = ()
    """The filters that all of them match."""
    is_short: bool = False
    """They are so few, and found so fast, that nothing has to stop the walk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """Which jobs; what is not given does not matter. `dead` asks for the dead letters that nobody discarded.

    `search` is an id, its end, or a part of a task's name; `since` and `until` bound the time of enqueuing.
    """

    status: str | None = None
    queue: str | None = None
    task: str | None = None
    tenant: str | None = None
    tag: str | None = None
    search: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    dead: bool = False

    def __post_init__(self) -> None:
        for name in (*NAMES, "tag", "search"):
            value = (getattr(self, name) or "").strip()
            if not value.isprintable():
                raise InvalidOption(f"The name of a {name} has no control characters.")
            object.__setattr__(self, name, value or None)
        object.__setattr__(self, "status", _status(self.status))

    def walks(self) -> list[Walk]:
        """Choose the rows to go through: the fewest that an index tells apart."""
        pk = parse_id(self.search) if self.search else None
        if pk is not None:
            return [Walk(Q(pk=pk), ("search",), is_short=True)]
        if self.dead and self.status is not None and self.status not in DEAD_LETTERS:
            return []
        if self.status in EXECUTING:
            return [Walk(Q(pk__in=self._executing()), tuple(self._names), is_short=True)]
        of_tenant, of_states = self._of_tenant(), self._of_states()
        if of_tenant and not (of_states and _are_many(of_tenant)):
            return [of_tenant]
        return of_states or [Walk(Q())]

    def is_exact(self, walk: Walk) -> bool:
        """Whether the walk meets nothing that is not asked for, or too little to matter."""
        return walk.is_short or not (self._left_open_by(walk) or self._plain or self.tag or self.search)

    @property
    def place(self) -> Q:
        """Where to look: ids are in the order of their making, so a time is a place among them."""
        low = Q() if self.since is None else Q(id__gte=first_id(self.since))
        return low if self.until is None else low & Q(id__lt=first_id(self.until + SLACK))

    def among(self, jobs: QuerySet[Job], walk: Walk) -> QuerySet[Job]:
        """Keep what is asked for, of one walk."""
        # Hidden in an expression, the columns lead no planner to an index in another order, to sort a million rows.
        hidden = self._left_open_by(walk)
        jobs = jobs.alias(**{f"{name}_shown": Coalesce(name, Value("")) for name in hidden})
        jobs = jobs.filter(self._plain, **{f"{name}_shown__in": values for name, values in hidden.items()})
        jobs = self._tagged(jobs)
        return jobs if "search" in walk.over else self._searched(jobs)

    @property
    def _states(self) -> Sequence[str]:
        if self.status:
            return [self.status]
        return sorted(DEAD_LETTERS) if self.dead else []

    @property
    def _names(self) -> dict[str, Sequence[str]]:
        """The filters by name, with the values that match."""
        values: dict[str, Sequence[str]] = {"status": self._states} if self._states else {}
        return values | {name: [value] for name in NAMES[1:] if (value := getattr(self, name))}

    def _left_open_by(self, walk: Walk) -> dict[str, Sequence[str]]:
        return {name: values for name, values in self._names.items() if name not in walk.over}

    def _of_states(self) -> list[Walk]:
        return [Walk(Q(status=status), ("status",)) for status in self._states if status in SELDOM]

    def _of_tenant(self) -> Walk | None:
        # The second condition is the index's own, without which SQLite does not use it.
        return Walk(Q(tenant=self.tenant, tenant__gt=""), ("tenant",)) if self.tenant else None

    def _executing(self) -> list[Any]:
        # They are few, but may be old: without this they would be looked for among all the newer jobs.
        some = _jobs().filter(status=self.status).order_by()
        return list(self.among(some, Walk(Q(), ("status",))).values_list("pk", flat=True)[:MOST_EXECUTING])

    @property
    def _plain(self) -> Q:
        since = Q() if self.since is None else Q(created_at__gte=self.since)
        until = Q() if self.until is None else Q(created_at__lt=self.until)
        return since & until & (Q(discarded_at=None) if self.dead else Q())

    def _tagged(self, jobs: QuerySet[Job]) -> QuerySet[Job]:
        if not self.tag:
            return jobs
        # In its quotes a tag is found whole: a quote inside another one is written with a backslash before it.
        as_written, as_ascii = json.dumps(self.tag, ensure_ascii=False), json.dumps(self.tag)
        text = Cast("tags", TextField())
        jobs = jobs.alias(tag_at=StrIndex(text, Value(as_written)), ascii_at=StrIndex(text, Value(as_ascii)))
        return jobs.filter(Q(tag_at__gt=0) | Q(ascii_at__gt=0))

    def _searched(self, jobs: QuerySet[Job]) -> QuerySet[Job]:
        if not self.search:
            return jobs
        fits, tail = Q(task_text__icontains=self.search), self.search.lower()
        if SHORTEST_TAIL <= len(tail) <= LONGEST_TAIL and set(tail) <= set("0123456789abcdef"):
            fits |= Q(id_text__endswith=tail)
        return jobs.alias(task_text=Coalesce("task", Value("")), id_text=Cast("id", CharField())).filter(fits)


def _jobs() -> QuerySet[Job]:
    return Job.objects.using(database_alias())


def _are_many(walk: Walk) -> bool:
    """Look along the index whether the walk goes on beyond FEW."""
    return _jobs().filter(walk.rows).order_by("-id").values_list("pk")[FEW : FEW + 1].exists()


def _status(status: str | None) -> str | None:
    if not status:
        return None
    if status.upper() not in JobStatus.__members__:
        raise InvalidOption(f"There is no status {status[:50]!r}: it is one of {', '.join(JobStatus)}.")
    return status.upper()
