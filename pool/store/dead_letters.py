"""Dead letters by what they died of: task and kind of error. Reads only, over Django's connection.

Flat in the size of the table: of each kind the newest MOST_LOOKED_AT are looked at, by an index of their own.
"""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import CharField, Count, F, Max, Min, QuerySet, Value
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, Coalesce

from pool.conf import database_alias
from pool.domain.states import DEAD_LETTERS
from pool.models import Job
from pool.store.job_list import briefly

MOST_LOOKED_AT = 2000
"""Dead letters of each kind that are counted; what is older is left out."""
MOST_GROUPS = 100


@dataclass(frozen=True, slots=True)
class DeadGroup:
    """Dead letters of one task that died of the same."""

    task: str
    error: str
    """The name of the exception; empty when there was none."""
    jobs: int
    first_at: datetime | None
    last_at: datetime | None
    newest: uuid.UUID
    message: str
    """What the newest of them says."""


@dataclass(frozen=True, slots=True)
class DeadGroups:
    groups: list[DeadGroup]
    is_whole: bool
    """False when there are more dead letters than were looked at."""


def dead_groups(limit: int = MOST_GROUPS, looked_at: int | None = None) -> DeadGroups:
    """List the groups, largest first, of the newest `looked_at` of each kind."""
    edges = {status: _edge(status, looked_at or MOST_LOOKED_AT) for status in sorted(DEAD_LETTERS)}
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for status, edge in edges.items():
        for row in _rows(_since(status, edge)):
            key = row["task"], row["died_of"]
            found[key] = row if key not in found else _both(found[key], row)
    largest = sorted(found.values(), key=lambda row: (-row["jobs"], row["task"], row["died_of"]))[:limit]
    messages = _messages([row["newest"] for row in largest])
    return DeadGroups([_group(row, messages) for row in largest], not any(edges.values()))


def dead_ids(task: str, error: str, most: int) -> list[uuid.UUID]:
    """Find the newest dead letters of a group."""
    ids: list[uuid.UUID] = []
    for status in sorted(DEAD_LETTERS):
        jobs = _since(status, _edge(status, MOST_LOOKED_AT)).filter(task=task, died_of=error)
        ids += jobs.order_by("-id").values_list("pk", flat=True)[:most]
    return sorted(ids, reverse=True)[:most]


def dead_jobs(task: str, error: str, most: int) -> list[Job]:
    """Read the newest jobs of a group."""
    return list(briefly(_all().filter(pk__in=dead_ids(task, error, most))).order_by("-id"))


def _all() -> QuerySet[Job]:
    return Job.objects.using(database_alias())


def _edge(status: str, looked_at: int) -> uuid.UUID | None:
    """Find the oldest of the newest so many, along the index that holds nothing else; None when there are fewer."""
    ids = _all().filter(status=status).order_by("-id").values_list("pk", flat=True)
    return next(iter(ids[looked_at - 1 : looked_at]), None)


def _since(status: str, edge: uuid.UUID | None) -> QuerySet[Any, Any]:
    """Those that nobody discarded, on from the edge."""
    jobs = _all().filter(status=status, discarded_at=None)
    kind = Coalesce(KeyTextTransform("type", "error"), Value(""), output_field=CharField())
    return (jobs if edge is None else jobs.filter(id__gte=edge)).annotate(died_of=kind)


def _rows(jobs: QuerySet[Any, Any]) -> Iterator[dict[str, Any]]:
    # PostgreSQL has no greatest UUID; as text they sort the same.
    rows = jobs.order_by().values("task", "died_of").annotate(
        jobs=Count("pk"),
        first_at=Min("finished_at"),
        last_at=Max("finished_at"),
        newest=Max(Cast(F("id"), CharField())),
    )  # fmt: skip
    for row in rows:
        yield {**row, "newest": uuid.UUID(row["newest"])}


def _both(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    firsts = [row["first_at"] for row in (one, other) if row["first_at"]]
    lasts = [row["last_at"] for row in (one, other) if row["last_at"]]
    return {
        **one,
        "jobs": one["jobs"] + other["jobs"],
        "first_at": min(firsts, default=None),
        "last_at": max(lasts, default=None),
        "newest": max(one["newest"], other["newest"]),
    }


def _messages(ids: list[uuid.UUID]) -> dict[uuid.UUID, str]:
    rows = _all().filter(pk__in=ids).order_by().values_list("pk", KeyTextTransform("message", "error"))
    return {pk: message or "" for pk, message in rows}


def _group(row: dict[str, Any], messages: dict[uuid.UUID, str]) -> DeadGroup:
    return DeadGroup(
        row["task"], row["died_of"], row["jobs"], row["first_at"], row["last_at"], row["newest"],
        messages.get(row["newest"], ""),
    )  # fmt: skip
