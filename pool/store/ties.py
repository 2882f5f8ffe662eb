"""What new jobs wait for: their parents as they are now, and the rows that tie the jobs to them.

Called while jobs are enqueued, over Django's own connection. Reads only. Whoever ends a parent at that moment cannot
see the child yet: its row is fresh, and a node looks again.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from pool.domain.errors import InvalidOption, UnknownParent
from pool.domain.links import batch_end, goes_on
from pool.domain.states import TERMINAL, JobStatus, ParentEnd
from pool.store.among import as_uuid, rows_among
from pool.store.new_job import LinkedJob, NewBatch, NewJob

JOBS = "SELECT id, status FROM pool_job WHERE id {among}"
BATCHES = "SELECT id, total, completed, failed, cancelled FROM pool_batch WHERE id {among}"

Stands = Mapping[UUID, UUID]
"""Of new jobs that are not stored, which job stands for each."""


class Tie(NamedTuple):
    """One row: a child waits for a parent."""

    child: UUID
    parent: UUID
    wants: ParentEnd
    met: bool
    fresh: bool


Tied = tuple[NewJob, list[Tie]]


def find_ties(
    cursor: Any, is_postgres: bool, jobs: Sequence[NewJob], batch: NewBatch | None, stands: Stands
) -> list[Tied]:
    """Each job as it is to be stored, with its ties. Raises UnknownParent, InvalidOption."""
    new = {job.id: False for job in jobs}
    if batch is not None:
        # An empty batch has ended before anybody waits for it.
        new[batch.id] = not any(isinstance(job, LinkedJob) and job.batch == batch.id for job in jobs)
    wanted = {parent for job in jobs for parent in _parents_of(job, stands)}
    ends = _ends(cursor, is_postgres, wanted - set(new))
    return [_tied(job, stands, new, ends) for job in jobs]


def _tied(job: NewJob, stands: Stands, new: Mapping[UUID, bool], ends: Mapping[UUID, JobStatus | None]) -> Tied:
    if not isinstance(job, LinkedJob) or not job.parents:
        return job, []
    ties = []
    for parent, wants in _parents_of(job, stands).items():
        if parent in (job.id, job.batch):
            what = "itself" if parent == job.id else "the batch that it belongs to"
            raise InvalidOption(f"depends_on: a job cannot wait for {what}.")
        if parent in new:
            # Both become visible at once: nobody can end the parent without seeing the child.
            ties.append(Tie(job.id, parent, wants, met=False, fresh=new[parent]))
        elif parent in ends:
            end = ends[parent]
            met = end is not None and goes_on(wants, end)
            ties.append(Tie(job.id, parent, wants, met, fresh=not met))
        else:
            raise UnknownParent(job.id, parent)
    return msgspec.structs.replace(job, waits_for=sum(not tie.met for tie in ties)), ties


def _parents_of(job: NewJob, stands: Stands) -> dict[UUID, ParentEnd]:
    """What it waits for, once each: the one that is named first says which end is wanted."""
    found: dict[UUID, ParentEnd] = {}
    for parent in job.parents if isinstance(job, LinkedJob) else ():
        found.setdefault(stands.get(parent.id, parent.id), parent.wants)
    return found


def _ends(cursor: Any, is_postgres: bool, ids: set[UUID]) -> dict[UUID, JobStatus | None]:
    """How those that there are have ended; None for one that has not."""
    if not ids:
        return {}
    jobs = {as_uuid(id): JobStatus(text) for id, text in rows_among(cursor, is_postgres, JOBS, ids)}
    ends = {id: status if status in TERMINAL else None for id, status in jobs.items()}
    if others := ids - set(ends):
        ends |= {as_uuid(id): batch_end(*counts) for id, *counts in rows_among(cursor, is_postgres, BATCHES, others)}
    return ends
