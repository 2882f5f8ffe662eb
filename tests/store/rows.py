"""Jobs in any state, and what the store makes of them: shared by the tests of the store.

Every way in here keeps the counters true, so that `assert_counted` may be asked after every test.
"""

import itertools
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID

import pytest
from django.db import connections
from django.db.models import Count, Q

from pool.domain.fairness import Shares
from pool.domain.ids import new_id
from pool.domain.jobs import ClaimedJob, Ended, Failure, Verdict
from pool.domain.retry import Backoff
from pool.domain.states import DEAD_LETTERS, EXECUTING, TERMINAL, WAITING, JobStatus, Outcome
from pool.domain.verdict import judge
from pool.models import Attempt, Job
from pool.store import tally
from pool.store.claim import Taken, claim, meet_queues, take
from pool.store.database import Database
from pool.store.deltas import Deltas
from pool.store.enqueue import NewJob, enqueue_rows
from pool.store.promote import promote
from pool.store.record import Recorded, Redo, record
from pool.store.rescue import held_by

T = TypeVar("T")

NOW = 1_800_000_000.0
NODE = "node-1"
WORKER = "node-1/3"
BACKOFF = Backoff(base_s=8.0, factor=2.0, cap_s=60.0, jitter=0.0)
BOOM = Failure("builtins.ValueError", "boom", "Traceback: boom")

ON_SQLITE = pytest.mark.parametrize("alias", ["sqlite"], indirect=True)
ON_POSTGRES = pytest.mark.parametrize("alias", ["postgresql"], indirect=True)

ROWS_READ = "SELECT idx_tup_fetch + seq_tup_read FROM pg_stat_xact_user_tables WHERE relname = 'pool_job'"

GAUGES = {
    "scheduled": Q(status=JobStatus.SCHEDULED),
    "blocked": Q(status=JobStatus.BLOCKED),
    "pending": Q(status=JobStatus.PENDING),
    "executing": Q(status__in=EXECUTING),
    "dead": Q(status__in=DEAD_LETTERS, discarded_at=None),
}
GAUGE_OF = {
    JobStatus.SCHEDULED: "scheduled",
    JobStatus.BLOCKED: "blocked",
    JobStatus.PENDING: "pending",
    **dict.fromkeys(EXECUTING, "executing"),
    **dict.fromkeys(DEAD_LETTERS, "dead"),
}


def moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def new_job(**values: Any) -> NewJob:
    made: dict[str, Any] = {
        "id": new_id(),
        "task": "app.tasks.work",
        "args": "[1]",
        "kwargs": '{"by": "name"}',
        "queue": "default",
        "priority": 0,
        "max_attempts": 4,
        "timeout": 30.0,
        "created_at": moment(NOW),
        "run_at": moment(NOW),
    }
    return NewJob(**(made | values))


def enqueue(alias: str, count: int = 1, **values: Any) -> list[UUID]:
    """Store new jobs as an enqueuing process does."""
    jobs = [new_job(**values) for _ in range(count)]
    enqueue_rows(alias, jobs)
    return [job.id for job in jobs]


def put(alias: str, status: JobStatus, **values: Any) -> UUID:
    """Store a job as if it had come to this state by itself."""
    fields: dict[str, Any] = {"task": "app.tasks.work", "created_at": moment(NOW), "run_at": moment(NOW)}
    if status in EXECUTING:
        fields |= {"epoch": 1, "attempts": 1, "node": NODE}
    if status is JobStatus.RUNNING:
        fields |= {"worker": WORKER, "started_at": moment(NOW)}
    if status in TERMINAL:
        fields |= {"epoch": 1, "attempts": 1, "node": NODE, "worker": WORKER}
        fields |= {"started_at": moment(NOW), "finished_at": moment(NOW + 1)}
    if status is JobStatus.CANCELLED:
        fields |= {"cancel_requested_at": moment(NOW)}
    job = Job.objects.using(alias).create(status=status, **(fields | values))
    told = {} if job.discarded_at or status not in GAUGE_OF else {GAUGE_OF[status]: 1}
    with connections[alias].cursor() as cursor:
        tally.loose(cursor, job.queue, submitted=1, **told)
    return job.pk


def row(alias: str, job: UUID | str) -> dict[str, Any]:
    """Every column of a job."""
    return Job.objects.using(alias).filter(pk=job).values().get()


def statuses(alias: str, jobs: Iterable[UUID | str]) -> list[str]:
    """The status of each, in the order given."""
    known = dict(Job.objects.using(alias).values_list("pk", "status"))
    return [known[UUID(str(job))] for job in jobs]


def attempts(alias: str, job: UUID | str) -> list[Attempt]:
    return list(Attempt.objects.using(alias).filter(job_id=job).order_by("epoch"))


def assert_counted(alias: str) -> tally.Sums:
    """The counters say what a recount of the jobs says; the counters."""
    recount = {
        counted.pop("queue"): counted
        for counted in Job.objects.using(alias)
        .order_by()
        .values("queue")
        .annotate(**{name: Count("pk", filter=condition) for name, condition in GAUGES.items()})
    }
    kept = tally.sums(alias)
    empty = dict.fromkeys(GAUGES, 0)
    for queue in {*recount, *kept}:
        said = {name: kept.get(queue, {}).get(name, 0) for name in GAUGES}
        assert recount.get(queue, empty) == said, queue
    return kept


def check_columns(row: dict[str, Any]) -> None:
    """What holds of a job in any state, however it came there."""
    status = JobStatus(row["status"])
    assert (status in TERMINAL) == (row["finished_at"] is not None)
    assert (status in EXECUTING) <= (row["node"] != "")
    assert (status in WAITING) <= (row["node"] == row["worker"] == "")
    assert (row["result"] is not None) <= (status is JobStatus.COMPLETED)
    assert (status is JobStatus.RUNNING) <= (row["started_at"] is not None)


def in_turn(database: Database, act: Callable[[Deltas], T], node: str = NODE) -> T:
    """What is done in one turn of a node."""
    deltas = Deltas()
    with database.transaction():
        answer = act(deltas)
        deltas.write(database, node)
    return answer


def claim_as(database: Database, node: str = NODE, most: int = 1000, only: Sequence[str] = ()) -> list[ClaimedJob]:
    """Claim in a turn of the node's own, also from queues it has not met."""

    def act(deltas: Deltas) -> list[ClaimedJob]:
        meet_queues(database)
        return claim(database, node, most, deltas, only)

    return in_turn(database, act, node)


def take_as(database: Database, node: str = NODE, most: int = 100, now: float = NOW, *, commits: bool = True) -> Taken:
    """Claim within all limits, of queues and keys; without a commit the transaction stays open."""
    deltas = Deltas()
    database.begin()
    meet_queues(database)
    taken = take(database, node, most, deltas, (), Shares(), now)
    deltas.write(database, node)
    if commits:
        database.commit()
    return taken


def promote_all(database: Database, now: float, node: str = NODE) -> int:
    """Move what is due by then, in a turn of the node's own."""
    return in_turn(database, lambda deltas: promote(database, now, deltas), node)


def held(database: Database, node: str = NODE) -> ClaimedJob:
    """The one job the node holds."""
    (lease,) = held_by(database, node)
    return lease.job


def ended(job: ClaimedJob, outcome: Outcome = Outcome.SUCCEEDED, **values: Any) -> Ended:
    """An attempt that began at NOW + 1 and ended two seconds later."""
    made: dict[str, Any] = {"worker": WORKER, "started_at": NOW + 1, "finished_at": NOW + 3}
    if outcome is Outcome.SUCCEEDED:
        made["result"] = '{"answer": 42}'
    elif outcome not in (Outcome.CANCELLED, Outcome.INTERRUPTED):
        made["failure"] = BOOM
    return Ended(job, outcome, **(made | values))


def unbegun(job: ClaimedJob, outcome: Outcome = Outcome.INTERRUPTED, **values: Any) -> Ended:
    """An attempt that never began."""
    return ended(job, outcome, **({"worker": "", "started_at": None, "failure": None} | values))


def settle(database: Database, *endings: Ended, verdict: Verdict | None = None, node: str = NODE) -> Recorded:
    """Record in a turn of the node's own, as its ledger does: again and carefully when the batch does not apply."""
    rulings = [(one, verdict or judge(one, BACKOFF)) for one in endings]
    try:
        return in_turn(database, lambda deltas: record(database, node, rulings, deltas), node)
    except Redo:
        return in_turn(database, lambda deltas: record(database, node, rulings, deltas, careful=True), node)


def work_of(database: Database, act: Callable[[Deltas], Any]) -> int:
    """What the database does in a turn of the node's own: instructions on SQLite, rows fetched on PostgreSQL."""
    deltas, steps = Deltas(), itertools.count()
    with database.transaction():
        if database.is_sqlite:
            database.raw.set_progress_handler(lambda: next(steps) < 0, 1)
            act(deltas)
            database.raw.set_progress_handler(None, 1)
            work = next(steps)
        else:
            act(deltas)
            (work,) = database.execute(ROWS_READ).fetchone()
        deltas.write(database, NODE)
    return int(work)


def plan_of(database: Database, statement: str, params: Sequence[Any]) -> str:
    """How the database would go about it in a table too large to be read whole or sorted."""
    if database.is_sqlite:
        rows = database.raw.execute(f"EXPLAIN QUERY PLAN {statement}", params).fetchall()
        return "\n".join(row[-1] for row in rows)
    with database.transaction():
        for way in ("seqscan", "bitmapscan", "sort", "hashjoin", "mergejoin"):
            database.execute(f"SET LOCAL enable_{way} = off")
        return "\n".join(row for (row,) in database.execute(f"EXPLAIN {statement}", params).fetchall())
