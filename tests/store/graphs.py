"""Jobs with ties, and turns of a node that end some of them: shared by the tests of dependencies and batches."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from pool.domain.ids import new_id
from pool.domain.jobs import ClaimedJob, Ended
from pool.domain.links import Unique
from pool.domain.states import JobStatus, Outcome, ParentEnd
from pool.domain.verdict import judge
from pool.models import Job, JobDependency
from pool.store.database import Database
from pool.store.deltas import Deltas
from pool.store.dependencies import Followed, follow
from pool.store.enqueue import enqueue_row
from pool.store.linked import enqueue_linked
from pool.store.new_job import LinkedJob, NewBatch, Parent
from pool.store.record import Redo, record
from tests.store.rows import BACKOFF, NODE, NOW, claim_as, ended, moment, new_job

SUCCESS, FAILURE, ANY = ParentEnd.SUCCESS, ParentEnd.FAILURE, ParentEnd.ANY


def linked_job(*parents: UUID, wants: ParentEnd = SUCCESS, **values: Any) -> LinkedJob:
    """A job that waits for others."""
    plain = new_job(**{name: value for name, value in values.items() if name in new_job().__struct_fields__})
    ties = {name: value for name, value in values.items() if name in set(LinkedJob.__struct_fields__)}
    given = {name: getattr(plain, name) for name in plain.__struct_fields__} | ties
    if unique := given.get("unique"):
        given["unique_key"] = unique.key
    return LinkedJob(**given | {"parents": tuple(Parent(id, wants) for id in parents) or ties.get("parents", ())})


def after(alias: str, *parents: UUID, wants: ParentEnd = SUCCESS, **values: Any) -> UUID:
    """Store a job that waits for others; the id of the job that stands for it."""
    return enqueue_row(alias, linked_job(*parents, wants=wants, **values))


def unique(key: str, scope: Any = "running", seconds: float | None = None) -> Unique:
    from pool.domain.links import UniqueScope

    return Unique(key, UniqueScope(scope), seconds)


def put_batch(alias: str, count: int, callbacks: Sequence[LinkedJob] = (), **values: Any) -> tuple[UUID, list[UUID]]:
    """Store a batch of so many jobs; its id and theirs."""
    id = values.pop("id", None) or new_id()
    jobs = [linked_job(batch=id, **values) for _ in range(count)]
    made = NewBatch(id=id, name="some", created_at=moment(NOW), callbacks=tuple(callbacks))
    return id, enqueue_linked(alias, jobs, made)


def turn(database: Database, *endings: Ended, now: float = NOW + 5, node: str = NODE) -> Followed:
    """One turn of a node: record these, and follow."""
    try:
        return _turn(database, endings, now, node, careful=False)
    except Redo:
        return _turn(database, endings, now, node, careful=True)


def _turn(database: Database, endings: Sequence[Ended], now: float, node: str, *, careful: bool) -> Followed:
    deltas = Deltas()
    rulings = [(one, judge(one, BACKOFF)) for one in endings]
    with database.transaction():
        record(database, node, rulings, deltas, careful=careful)
        followed = follow(database, now, deltas)
        deltas.write(database, node)
    return followed


def claimed(database: Database, *ids: UUID) -> list[ClaimedJob]:
    """Claim what may start now; these of it, in this order."""
    jobs = {UUID(job.id): job for job in claim_as(database)}
    return [jobs[id] for id in ids]


def end(database: Database, *ids: UUID, outcome: Outcome = Outcome.SUCCEEDED, now: float = NOW + 5) -> Followed:
    """Claim these and let them end at once; what came of it."""
    endings = [ended(job, outcome, retryable=False) for job in claimed(database, *ids)]
    return turn(database, *endings, now=now)


def status(alias: str, id: UUID) -> JobStatus:
    return JobStatus(Job.objects.using(alias).values_list("status", flat=True).get(pk=id))


def ties(alias: str, child: UUID) -> list[tuple[UUID, str, bool, bool]]:
    """Its rows: parent, end that is wanted, met, fresh."""
    rows = JobDependency.objects.using(alias).filter(child=child).order_by("id")
    return list(rows.values_list("parent", "wants", "met", "fresh"))
