"""Everything that changes a job, each as one verb that runs in the transaction it finds, and what it may do.

`MOVES` is written down by hand, apart from the code: where each verb leads from each state. From any other state it
changes nothing. The tests of single changes, of races and of long histories all go by it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

import msgspec
from django.db import transaction

from pool.domain.errors import JobNotFound, NotPossible
from pool.domain.jobs import ClaimedJob, Ended
from pool.domain.states import DEAD_LETTERS, EXECUTING, WAITING, JobStatus, Outcome
from pool.domain.verdict import judge
from pool.store import operate
from pool.store.claim import claim, meet_queues
from pool.store.database import Database
from pool.store.deltas import Deltas
from pool.store.promote import promote
from pool.store.record import record
from pool.store.rescue import rescue
from pool.store.running import Begun, write_begun
from tests.store.rows import BACKOFF, NODE, NOW, WORKER, ended, put, unbegun

S = JobStatus
EPOCH = 3


@dataclass(frozen=True)
class Scene:
    """One job, and the claim that some node has of it."""

    alias: str
    id: UUID
    job: ClaimedJob

    @classmethod
    def set(cls, alias: str, status: JobStatus) -> "Scene":
        """A job with one attempt left after this one; the claim is the one it is or was last executed under."""
        id = put(alias, status, epoch=EPOCH, attempts=1, max_attempts=2, node="" if status in WAITING else NODE)
        return cls(alias, id, claim_of(alias, id))


def claim_of(alias: str, id: UUID, epoch: int = EPOCH) -> ClaimedJob:
    """What a node has in its hands that claimed the job under this epoch."""
    return ClaimedJob(
        id=id.hex if "sqlite" in alias else str(id),
        task="app.tasks.work",
        queue="default",
        args="[]",
        kwargs="{}",
        epoch=epoch,
        attempts=1,
        attempts_base=0,
        interruptions=0,
        losses=0,
        max_attempts=2,
        timeout=None,
        backoff=None,
        priority=0,
        rank=0,
        run_at=NOW,
        created_at=NOW,
        expires_at=None,
    )


@dataclass(frozen=True)
class NodeVerb:
    """What a node does in a turn."""

    do: Callable[[Database, ClaimedJob, Deltas], object]

    def __call__(self, scene: Scene, database: Database) -> None:
        deltas = Deltas()
        self.do(database, scene.job, deltas)
        deltas.write(database, NODE)

    def alone(self, scene: Scene, database: Database) -> None:
        with database.transaction():
            self(scene, database)


@dataclass(frozen=True)
class OperatorVerb:
    """What a person does; refused is an answer."""

    do: Callable[[UUID], object]

    def __call__(self, scene: Scene, _database: Database) -> None:
        try:
            with transaction.atomic(using=scene.alias):
                self.do(scene.id)
        except (NotPossible, JobNotFound):
            return

    def alone(self, scene: Scene, database: Database) -> None:
        self(scene, database)


Verb = NodeVerb | OperatorVerb


def recorded(make: Callable[[ClaimedJob], Ended]) -> NodeVerb:
    def do(database: Database, job: ClaimedJob, deltas: Deltas) -> None:
        ending = make(job)
        record(database, NODE, [(ending, judge(ending, BACKOFF))], deltas, careful=True)

    return NodeVerb(do)


def take(database: Database, _job: ClaimedJob, deltas: Deltas) -> None:
    meet_queues(database)
    claim(database, "node-2", 10, deltas)


def begin(database: Database, job: ClaimedJob, _deltas: Deltas) -> None:
    write_begun(database, [Begun(job.id, job.epoch, WORKER, NOW + 1)])


def time_out(job: ClaimedJob) -> Ended:
    """Its last attempt."""
    return ended(msgspec.structs.replace(job, max_attempts=1), Outcome.TIMEOUT)


VERBS: dict[str, Verb] = {
    "claim": NodeVerb(take),
    "begin": NodeVerb(begin),
    "complete": recorded(ended),
    "fail": recorded(lambda job: ended(job, Outcome.ERROR)),
    "die": recorded(lambda job: ended(job, Outcome.ERROR, retryable=False)),
    "time out": recorded(time_out),
    "crash": recorded(lambda job: ended(job, Outcome.CRASHED)),
    "give back": recorded(unbegun),
    "end cancelled": recorded(lambda job: ended(job, Outcome.CANCELLED)),
    "rescue": NodeVerb(lambda database, _job, deltas: rescue(database, NODE, None, BACKOFF, deltas, NOW + 2)),
    "promote": NodeVerb(lambda database, _job, deltas: promote(database, NOW + 1, deltas)),
    "cancel": OperatorVerb(operate.cancel),
    "retry": OperatorVerb(operate.retry),
    "discard": OperatorVerb(operate.discard),
}

MOVES: dict[str, dict[JobStatus, JobStatus]] = {
    "claim": {S.PENDING: S.ASSIGNED},
    "begin": {S.ASSIGNED: S.RUNNING},
    "complete": dict.fromkeys(EXECUTING, S.COMPLETED),
    "fail": dict.fromkeys(EXECUTING, S.SCHEDULED),
    "die": dict.fromkeys(EXECUTING, S.FAILED),
    "time out": dict.fromkeys(EXECUTING, S.TIMEOUT),
    "crash": dict.fromkeys(EXECUTING, S.PENDING),
    "give back": dict.fromkeys(EXECUTING, S.PENDING),
    "end cancelled": dict.fromkeys(EXECUTING, S.CANCELLED),
    "rescue": dict.fromkeys(EXECUTING, S.PENDING),
    "promote": {S.SCHEDULED: S.PENDING},
    "cancel": dict.fromkeys(WAITING, S.CANCELLED),
    "retry": dict.fromkeys({*DEAD_LETTERS, S.CANCELLED}, S.PENDING),
    "discard": {},
}

NOT_YET = {
    (S.SCHEDULED, S.FAILED),
    (S.BLOCKED, S.PENDING),
    (S.BLOCKED, S.SCHEDULED),
    (S.BLOCKED, S.FAILED),
    (S.PENDING, S.SCHEDULED),
    (S.PENDING, S.FAILED),
}
"""Allowed, but nothing does it: a job that came too late is found out when it is claimed."""

NOTES: dict[str, frozenset[JobStatus]] = {"cancel": EXECUTING, "discard": DEAD_LETTERS}
"""Where a verb leaves a note in the row without moving the job."""
