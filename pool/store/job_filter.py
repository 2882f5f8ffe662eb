"""What a list of jobs is asked for: checked filters, and the conditions they become. Used by `pool.store.job_list`."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import CharField, Q, QuerySet, TextField, Value
from django.db.models.functions import Cast, Coalesce, StrIndex

from pool.conf import database_alias
from pool.domain.errors import InvalidOption
from pool.domain.ids import first_id, parse_id
from pool.domain.states import DEAD_LETTERS, EXECUTING, JobStatus
from pool.models import Job

SHORTEST_TAIL, LONGEST_TAIL = 6, 12
"""Characters of the end of an id by which a job is found."""

SLACK = timedelta(minutes=1)
"""An id is made a moment after `created_at`: a batch of thousands shares one time."""

MOST_EXECUTING = 10_000
NAMES = ("status", "queue", "task", "tenant")


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

    @property
    def walks(self) -> list[Q]:
        """The rows to go through in the order of ids: each kind of dead letter has an index of its own."""
        kinds: list[str]
        if self.dead:
            kinds = [status for status in sorted(DEAD_LETTERS) if self.status in (None, status)]
        else:
            kinds = [self.status] if self.status in DEAD_LETTERS else []
        return [Q(status=status) for status in kinds] or [Q(pk__in=[]) if self.dead else Q()]

    @property
    def is_exact(self) -> bool:
        """Whether the walks meet nothing that is not asked for."""
        return not (self._hidden or self._plain or self.tag or self.search) or self.status in EXECUTING

    @property
    def place(self) -> Q:
        """Where to look: ids are in the order of their making, so a time is a place among them."""
        low = Q() if self.since is None else Q(id__gte=first_id(self.since))
        return low if self.until is None else low & Q(id__lt=first_id(self.until + SLACK))

    def among(self, jobs: QuerySet[Job]) -> QuerySet[Job]:
        """Keep what is asked for, of one walk."""
        if self.status in EXECUTING and not self.dead:
            # They are few, but may be old: without this they would be looked for among all the newer jobs.
            some = Job.objects.using(database_alias()).filter(status=self.status).order_by()
            few = self._kept(some).values_list("pk", flat=True)[:MOST_EXECUTING]
            return jobs.filter(pk__in=list(few))
        return self._kept(jobs)

    def _kept(self, jobs: QuerySet[Job]) -> QuerySet[Job]:
        # Hidden in an expression, the columns lead no planner to an index in another order, to sort a million rows.
        jobs = jobs.alias(**{f"{name}_shown": Coalesce(name, Value("")) for name in self._hidden})
        jobs = jobs.filter(self._plain, **{f"{name}_shown": value for name, value in self._hidden.items()})
        return self._searched(self._tagged(jobs))

    @property
    def _hidden(self) -> dict[str, str]:
        is_walked = self.dead or self.status in DEAD_LETTERS or self.status in EXECUTING
        names = NAMES[1:] if is_walked else NAMES
        return {name: value for name in names if (value := getattr(self, name))}

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
        pk = parse_id(self.search)
        if pk is not None:
            return jobs.filter(pk=pk)
        fits, tail = Q(task_text__icontains=self.search), self.search.lower()
        if SHORTEST_TAIL <= len(tail) <= LONGEST_TAIL and set(tail) <= set("0123456789abcdef"):
            fits |= Q(id_text__endswith=tail)
        return jobs.alias(task_text=Coalesce("task", Value("")), id_text=Cast("id", CharField())).filter(fits)


def _status(status: str | None) -> str | None:
    if not status:
        return None
    if status.upper() not in JobStatus.__members__:
        raise InvalidOption(f"There is no status {status[:50]!r}: it is one of {', '.join(JobStatus)}.")
    return status.upper()
