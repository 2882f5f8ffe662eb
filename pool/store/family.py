"""What commands, pages and the API show of a job's ties: parents, children, batch.

Reads only, over Django's connection.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Sum

from pool.conf import database_alias
from pool.domain.errors import BatchNotFound
from pool.domain.ids import parse_id
from pool.domain.links import batch_end
from pool.domain.states import JobStatus, ParentEnd
from pool.models import Batch, BatchChange, Job, JobDependency
from pool.store.batches import COUNTERS
from pool.store.status import iso

WHEN = {
    ParentEnd.SUCCESS: "when it has completed",
    ParentEnd.FAILURE: "when it has failed",
    ParentEnd.ANY: "when it has ended",
}

MOST_SHOWN = 100
"""Parents or children that a page shows."""


@dataclass(frozen=True, slots=True)
class Relative:
    """A parent or child of a job. A parent may be a batch, or be gone."""

    id: UUID
    wants: str
    job: Job | None = None
    batch: Batch | None = None

    @property
    def when(self) -> str:
        """Which end of the parent is waited for, in words."""
        return WHEN[ParentEnd(self.wants)]


@dataclass(frozen=True, slots=True)
class Relatives:
    """The first of them."""

    shown: list[Relative]
    are_more: bool


def parents_of(ids: Collection[UUID]) -> dict[UUID, list[str]]:
    """List what each of these jobs waits for or waited for, as ids."""
    ties = JobDependency.objects.using(database_alias()).filter(child__in=ids).order_by("id")
    found: defaultdict[UUID, list[str]] = defaultdict(list)
    for child, parent in ties.values_list("child", "parent"):
        found[child].append(str(parent))
    return found


def parents(job: Job, most: int = MOST_SHOWN) -> Relatives:
    """Show what a job waits for."""
    rows = JobDependency.objects.using(database_alias()).filter(child=job.pk).order_by("id")
    return _relatives(list(rows.values_list("parent", "wants")[: most + 1]), most)


def unmet(job: Job, most: int) -> Relatives:
    """Show what a job waits for still."""
    rows = JobDependency.objects.using(database_alias()).filter(child=job.pk, met=False).order_by("id")
    return _relatives(list(rows.values_list("parent", "wants")[: most + 1]), most)


def children(job: Job, most: int = MOST_SHOWN) -> Relatives:
    """Show the jobs that wait for a job."""
    rows = JobDependency.objects.using(database_alias()).filter(parent=job.pk).order_by("id")
    return _relatives(list(rows.values_list("child", "wants")[: most + 1]), most)


def children_after(job_id: Any, after: int, limit: int) -> list[tuple[int, Job]]:
    """List the jobs that wait for a job or batch, on from a place in that list; each with its own place."""
    rows = JobDependency.objects.using(database_alias()).filter(parent=job_id, id__gt=after).order_by("id")
    places = {child: place for place, child in rows.values_list("id", "child")[:limit]}
    jobs = Job.objects.using(database_alias()).in_bulk(list(places))
    return [(place, jobs[child]) for child, place in places.items() if child in jobs]


def _relatives(rows: Sequence[tuple[UUID, str]], most: int) -> Relatives:
    ids = [id for id, _ in rows[:most]]
    light = Job.objects.using(database_alias()).only("id", "task", "status")
    jobs = light.in_bulk(ids) if ids else {}
    others = [id for id in ids if id not in jobs]
    batches = Batch.objects.using(database_alias()).in_bulk(others) if others else {}
    shown = [Relative(id, wants, jobs.get(id), batches.get(id)) for id, wants in rows[:most]]
    return Relatives(shown, len(rows) > most)


def get_batch(batch_id: Any) -> Batch:
    """Find a batch. Raises BatchNotFound."""
    pk = parse_id(str(batch_id))
    batch = None if pk is None else Batch.objects.using(database_alias()).filter(pk=pk).first()
    if batch is None:
        raise BatchNotFound(f"There is no batch {str(batch_id)[:100]!r}.")
    return batch


def batch_of(job: Job) -> dict[str, Any] | None:
    """Give the batch of a job with its counts; None when it has none, or none any more."""
    batch = Batch.objects.using(database_alias()).filter(pk=job.batch).first() if job.batch else None
    return None if batch is None else batch_dict(batch)


def batch_dict(batch: Batch) -> dict[str, Any]:
    """Give a batch with its counts of this moment, ready for JSON."""
    noted = BatchChange.objects.using(database_alias()).filter(batch=batch.pk).aggregate(*map(Sum, COUNTERS))
    counts = {name: getattr(batch, name) + (noted[f"{name}__sum"] or 0) for name in COUNTERS}
    end = batch_end(batch.total, **counts)
    return {
        "id": str(batch.pk),
        "name": batch.name,
        "status": JobStatus.RUNNING.value if end is None else end.value,
        "total": batch.total,
        "waiting": batch.total - sum(counts.values()),
        **counts,
        "created_at": iso(batch.created_at),
        "finished_at": iso(batch.finished_at),
        "created_by": batch.created_by,
    }
