"""Everything that changes a job, each as one verb: which transitions it tries, and what the row is after each.

Written down by hand, apart from the code and column by column. The tests of single changes, of races and of long
histories go by it. A verb of a node runs in the transaction it finds; an operator's verb makes its own.
"""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from django.db import transaction
from django.db.models import F

from pool.domain.errors import AttemptLost, JobExpired, JobNotFound, NodeLost, NotPossible, ParentFailed, UnknownTask
from pool.domain.jobs import ClaimedJob, Ended, Failure, Verdict, failure
from pool.domain.states import DEAD_LETTERS, EXECUTING, TERMINAL, WAITING, JobStatus, Outcome, ParentEnd
from pool.domain.transitions import BY_NAME, Guard, Transition
from pool.domain.verdict import judge
from pool.models import Job, JobDependency, Queue
from pool.store import bulk, operate
from pool.store.claim import claim
from pool.store.database import Database
from pool.store.deltas import Deltas
from pool.store.dependencies import follow
from pool.store.keys import wake
from pool.store.promote import bring_forward, promote
from pool.store.prune import remove
from pool.store.record import record
from pool.store.rescue import release_unheld, rescue
from pool.store.running import Begun, Progressed, write_begun, write_progress
from pool.store.shelf import release
from tests.store.rows import BACKOFF, BOOM, NODE, NOW, WORKER, ended, moment, put, unbegun

S = JobStatus

OTHER = "node-2"
KEY = "the printer"
LACKS = "gpu"
EPOCH = 3
LATER = NOW + 100
"""When jobs are pruned that ended before NOW + 50."""

ADA = operate.Actor("ada", "test")
EPOCHS = {"this claim": EPOCH, "an earlier claim": EPOCH - 1, "a later claim": EPOCH + 1}
STORED = {"type": "builtins.OSError", "message": "of an earlier attempt", "traceback": ""}

Row = dict[str, Any]


class JustNow:
    """Equal to every time of these minutes."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, datetime) and abs((datetime.now(UTC) - other).total_seconds()) < 300

    __hash__ = None  # type: ignore[assignment]


JUST_NOW = JustNow()


@dataclass(frozen=True)
class Scene:
    """One job, and under which claim of which node somebody acts on it."""

    status: JobStatus
    by: str = "this claim"
    cancelled: bool = False
    mine: bool = True
    ripe: bool = True
    """Due, its queue open, not discarded, past its retention: whichever of these its state knows."""

    def put(self, alias: str) -> "Actors":
        """Store the job; it has one attempt left after this one."""
        status = self.status
        fields: Row = {"epoch": EPOCH, "attempts": 1, "max_attempts": 2, "queue": "open" if self.ripe else "shut"}
        fields["node"] = "" if status in WAITING else NODE if self.mine else OTHER
        fields["cancel_requested_at"] = moment(NOW) if self.cancelled else None
        fields["run_at"] = moment(NOW + 1000) if status is S.SCHEDULED and not self.ripe else moment(NOW)
        if status in EXECUTING:
            fields |= {"progress": 0.5, "progress_message": "half", "error": STORED}
        if status in TERMINAL:
            fields["finished_at"] = moment(NOW + 1 if self.ripe else NOW + 95)
        if status in DEAD_LETTERS and not self.ripe:
            fields["discarded_at"] = moment(NOW + 95)
        made = (int(NOW * 1000) << 80) | (7 << 76) | (2 << 62) | (uuid.uuid4().int & ((1 << 62) - 1))
        id = put(alias, status, id=UUID(int=made), **fields)
        return Actors(alias, id, claim_of(alias, id, EPOCHS[self.by]))

    def allows(self, guard: Guard, *, reads_row: bool) -> bool:
        match guard:
            case Guard.EPOCH:
                return self.by == "this claim" or reads_row
            case Guard.OWNER:
                return self.mine
            case Guard.CANCELLED:
                return self.cancelled
            case Guard.NOT_CANCELLED:
                return not self.cancelled
            case Guard.CLAIMED:
                return True
            case _:
                return self.ripe


@dataclass(frozen=True)
class Actors:
    """A job that stands in the database, and the claim in somebody's hands."""

    alias: str
    id: UUID
    job: ClaimedJob


def open_queues(alias: str) -> None:
    """The queues of the scenes: one is paused."""
    Queue.objects.using(alias).create(name="open")
    Queue.objects.using(alias).create(name="shut", paused=True)


def claim_of(alias: str, id: UUID, epoch: int = EPOCH) -> ClaimedJob:
    """What a node has in its hands that claimed the job under this epoch."""
    return ClaimedJob(
        id=id.hex if "sqlite" in alias else str(id),
        task="app.tasks.work",
        queue="open",
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


# What the row becomes ------------------------------------------------------------


@dataclass(frozen=True)
class Way:
    """One transition by which a verb may change a job, the columns that differ then, and the attempt that is kept."""

    name: str
    columns: Row | Callable[[Row], Row]
    keeps: Outcome | None = None

    @property
    def row(self) -> Transition:
        return BY_NAME[self.name]

    def after(self, before: Row) -> Row | None:
        if self.row.removes:
            return None
        return before | (self.columns(before) if callable(self.columns) else self.columns)


def text(why: Failure) -> Row:
    return {"type": why.type, "message": why.message, "traceback": why.traceback}


def final(status: JobStatus, **columns: Any) -> Row:
    """The attempt that began at NOW + 1 and ended at NOW + 3 was the job's last word."""
    made = {"status": status, "worker": WORKER, "started_at": moment(NOW + 1), "finished_at": moment(NOW + 3)}
    return made | {"result": None} | columns


def never_begun(status: JobStatus, **columns: Any) -> Row:
    return final(status) | {"worker": "", "started_at": None, "attempts": 0} | columns


def waits(status: JobStatus, **columns: Any) -> Row:
    """The job goes back, and nothing of the attempt is left in its row."""
    nothing = dict.fromkeys(("started_at", "finished_at", "result", "progress"))
    return nothing | {"status": status, "worker": "", "node": "", "progress_message": ""} | columns


def lost_or(why: Failure) -> Callable[[Row], Row]:
    """Cancelled at NOW + 2, when it was lost and the cancel was in its row."""

    def columns(before: Row) -> Row:
        started_at = before["started_at"] or moment(NOW + 2)
        row = final(S.CANCELLED, error=text(why), losses=1)
        return row | {"worker": before["worker"], "started_at": started_at, "finished_at": moment(NOW + 2)}

    return columns


BOOM_TEXT, AS_IT_WAS = text(BOOM), waits(S.PENDING, attempts=0)
CUT_SHORT = waits(S.PENDING, interruptions=1, run_at=moment(NOW + 3))
FOUND_UNBEGUN = never_begun(S.CANCELLED, finished_at=moment(NOW + 2))
LATE, UNKNOWN = failure(JobExpired), failure(UnknownTask)

AS_NEW: Row = {
    **dict.fromkeys(("started_at", "finished_at", "expires_at", "cancel_requested_at", "discarded_at", "progress")),
    **dict.fromkeys(("node", "worker", "cancelled_by", "progress_message"), ""),
    "status": S.PENDING,
    "run_at": JUST_NOW,
    "attempts_base": 1,
    "interruptions": 0,
    "losses": 0,
}


# The verbs ----------------------------------------------------------------------


@dataclass(frozen=True)
class Verb:
    ways: tuple[Way, ...]
    reads_row: bool = field(default=False, kw_only=True)
    """It acts on all jobs that it finds, by what their rows say."""
    of_node: bool = field(default=False, kw_only=True)
    """It finds only the jobs of one node."""

    def way(self, scene: Scene) -> Way | None:
        """The first transition that the table allows here."""
        return next((way for way in self.ways if self.may(way, scene)), None)

    def may(self, way: Way, scene: Scene) -> bool:
        guards = way.row.guards | ({Guard.OWNER} if self.of_node else set())
        return scene.status in way.row.sources and all(scene.allows(one, reads_row=self.reads_row) for one in guards)

    def prepare(self, actors: Actors) -> None:
        """Store what the verb goes by, beside the job."""

    def __call__(self, actors: Actors, database: Database) -> None:
        """Act, in the transaction that is open."""
        raise NotImplementedError

    def alone(self, actors: Actors, database: Database) -> None:
        """Act, in a transaction of one's own."""
        raise NotImplementedError


@dataclass(frozen=True)
class NodeVerb(Verb):
    """What a node does in a turn."""

    do: Callable[[Database, ClaimedJob, Deltas], object]

    def __call__(self, actors: Actors, database: Database) -> None:
        deltas = Deltas()
        self.do(database, actors.job, deltas)
        deltas.write(database, NODE)

    def alone(self, actors: Actors, database: Database) -> None:
        with database.transaction():
            self(actors, database)


@dataclass(frozen=True)
class FollowVerb(NodeVerb):
    """What a node does when a job has ended that others wait for."""

    parent: UUID
    end: JobStatus

    def prepare(self, actors: Actors) -> None:
        if not Job.objects.using(actors.alias).filter(pk=self.parent).exists():
            put(actors.alias, self.end, id=self.parent)
        ties = JobDependency.objects.using(actors.alias)
        if not ties.filter(child=actors.id, parent=self.parent).exists():
            ties.create(child=actors.id, parent=self.parent, wants=ParentEnd.SUCCESS)
            Job.objects.using(actors.alias).filter(pk=actors.id, status=S.BLOCKED).update(waits_for=F("waits_for") + 1)


@dataclass(frozen=True)
class KeyVerb(NodeVerb):
    """What a node does with a job that carries a key of which so many may execute at a time."""

    running: int

    def prepare(self, actors: Actors) -> None:
        Job.objects.using(actors.alias).filter(pk=actors.id).update(limit_key=KEY, limit_running=self.running)


@dataclass(frozen=True)
class OfferVerb(NodeVerb):
    """What a node does with a job that waits for a capable worker."""

    def prepare(self, actors: Actors) -> None:
        Job.objects.using(actors.alias).filter(pk=actors.id, status=S.BLOCKED).update(lacks=LACKS)


@dataclass(frozen=True)
class OperatorVerb(Verb):
    """What a person does; refused is an answer."""

    do: Callable[[UUID], object]

    def __call__(self, actors: Actors, _database: Database) -> None:
        try:
            with transaction.atomic(using=actors.alias):
                self.do(actors.id)
        except (NotPossible, JobNotFound):
            return

    def alone(self, actors: Actors, database: Database) -> None:
        self(actors, database)


def recorded(make: Callable[[ClaimedJob], Ended], *ways: Way, verdict: Verdict | None = None) -> NodeVerb:
    def do(database: Database, job: ClaimedJob, deltas: Deltas) -> None:
        ending = make(job)
        record(database, NODE, [(ending, verdict or judge(ending, BACKOFF))], deltas, careful=True)

    return NodeVerb(ways, do)


def cancelled_instead(**columns: Any) -> Way:
    return Way("finish cancel", final(S.CANCELLED, **columns), Outcome.CANCELLED)


def rescued(begun: Sequence[tuple[str, int]] | None, *ways: Way) -> NodeVerb:
    def do(database: Database, _job: ClaimedJob, deltas: Deltas) -> None:
        rescue(database, NODE, begun, BACKOFF, deltas, NOW + 2)

    return NodeVerb(ways, do, reads_row=True, of_node=True)


def pruned(database: Database, job: ClaimedJob, _deltas: Deltas) -> None:
    over = tuple(map(database.at, (NOW + 50, NOW + 50, NOW + 50)))
    remove(database, [job.id], over)


def followed(database: Database, _job: ClaimedJob, deltas: Deltas) -> None:
    follow(database, NOW + 5, deltas)


def last_attempt(job: ClaimedJob) -> Ended:
    return ended(msgspec.structs.replace(job, max_attempts=1), Outcome.TIMEOUT)


def too_late(job: ClaimedJob) -> Ended:
    return unbegun(job, Outcome.ERROR, failure=LATE, retryable=False)


def begin(database: Database, job: ClaimedJob, _deltas: Deltas) -> None:
    write_begun(database, [Begun(job.id, job.epoch, WORKER, NOW + 1)])


def tell(database: Database, job: ClaimedJob, _deltas: Deltas) -> None:
    write_progress(database, [Progressed(job.id, job.epoch, 0.75, "most")])


def ways_of_the_lost(why: type[BaseException]) -> tuple[Way, Way]:
    reason = failure(why)
    again = waits(S.PENDING, losses=1, run_at=moment(NOW + 2), error=text(reason))
    return Way("rescue begun", again, Outcome.LOST), Way("finish cancel", lost_or(reason), Outcome.CANCELLED)


NOT_BEGUN = (Way("rescue unbegun", AS_IT_WAS), Way("take back cancelled", FOUND_UNBEGUN))

VERBS: dict[str, Verb] = {
    "claim": NodeVerb(
        (Way("claim", {"status": S.ASSIGNED, "epoch": EPOCH + 1, "attempts": 2, "node": OTHER}),),
        lambda database, _job, deltas: claim(database, OTHER, 1000, deltas),
        reads_row=True,
    ),
    "begin": NodeVerb((Way("start", {"status": S.RUNNING, "worker": WORKER, "started_at": moment(NOW + 1)}),), begin),
    "tell": NodeVerb((Way("tell progress", {"progress": 0.75, "progress_message": "most"}),), tell),
    "complete": recorded(ended, Way("complete", final(S.COMPLETED, result={"answer": 42}, error=None, progress=1.0))),
    "fail": recorded(
        lambda job: ended(job, Outcome.ERROR),
        Way("retry", waits(S.SCHEDULED, run_at=moment(NOW + 11), error=BOOM_TEXT), Outcome.ERROR),
        cancelled_instead(error=BOOM_TEXT),
    ),
    "die": recorded(
        lambda job: ended(job, Outcome.ERROR, retryable=False),
        Way("die", final(S.FAILED, error=BOOM_TEXT), Outcome.ERROR),
        cancelled_instead(error=BOOM_TEXT),
    ),
    "time out": recorded(
        last_attempt,
        Way("die", final(S.TIMEOUT, error=BOOM_TEXT), Outcome.TIMEOUT),
        cancelled_instead(error=BOOM_TEXT),
    ),
    "crash": recorded(
        lambda job: ended(job, Outcome.CRASHED),
        Way("retry", waits(S.PENDING, losses=1, run_at=moment(NOW + 3), error=BOOM_TEXT), Outcome.CRASHED),
        cancelled_instead(error=BOOM_TEXT, losses=1),
    ),
    "give back": recorded(unbegun, Way("release", AS_IT_WAS), Way("take back cancelled", never_begun(S.CANCELLED))),
    "postpone": recorded(
        lambda job: unbegun(job, failure=UNKNOWN),
        Way("release", waits(S.SCHEDULED, attempts=0, run_at=moment(NOW + 33), error=text(UNKNOWN))),
        Way("take back cancelled", never_begun(S.CANCELLED, error=text(UNKNOWN))),
        verdict=Verdict(S.SCHEDULED, delay_s=30.0, refund=True),
    ),
    "interrupt": recorded(
        lambda job: ended(job, Outcome.INTERRUPTED),
        Way("interrupt", CUT_SHORT, Outcome.INTERRUPTED),
        cancelled_instead(interruptions=1),
    ),
    "expire": recorded(
        too_late,
        Way("too late", never_begun(S.FAILED, error=text(LATE))),
        Way("take back cancelled", never_begun(S.CANCELLED, error=text(LATE))),
    ),
    "end cancelled": recorded(
        lambda job: ended(job, Outcome.CANCELLED),
        cancelled_instead(),
        Way("interrupt", CUT_SHORT, Outcome.INTERRUPTED),
    ),
    "take back cancelled": recorded(
        lambda job: unbegun(job, Outcome.CANCELLED),
        Way("take back cancelled", never_begun(S.CANCELLED)),
        Way("release", AS_IT_WAS),
    ),
    "rescue": rescued(None, *ways_of_the_lost(NodeLost)),
    "rescue what never began": rescued((), *NOT_BEGUN, *ways_of_the_lost(NodeLost)),
    "release unheld": NodeVerb(
        (*NOT_BEGUN, *ways_of_the_lost(AttemptLost)),
        lambda database, _job, deltas: release_unheld(database, NODE, set(), BACKOFF, deltas, NOW + 2),
        reads_row=True,
        of_node=True,
    ),
    "promote": NodeVerb(
        (Way("promote", {"status": S.PENDING}),),
        lambda database, _job, deltas: promote(database, NOW + 1, deltas),
        reads_row=True,
    ),
    "unblock": FollowVerb(
        (Way("unblock", {"status": S.PENDING, "waits_for": 0, "run_at": moment(NOW + 5)}),),
        followed,
        UUID(int=1),
        S.COMPLETED,
        reads_row=True,
    ),
    "end with its parent": FollowVerb(
        (
            Way(
                "parent failed",
                {
                    "status": S.CANCELLED,
                    "waits_for": 0,
                    "finished_at": moment(NOW + 5),
                    "error": text(failure(ParentFailed, f"It waited for {UUID(int=2)}, which ended as {S.FAILED}.")),
                },
            ),
        ),
        followed,
        UUID(int=2),
        S.FAILED,
        reads_row=True,
    ),
    "hold": KeyVerb(
        (Way("hold", {"status": S.BLOCKED}),),
        lambda database, _job, deltas: claim(database, OTHER, 1000, deltas),
        0,
        reads_row=True,
    ),
    "wake": KeyVerb(
        (Way("wake", {"status": S.PENDING}),),
        lambda database, _job, deltas: wake(database, {KEY}, deltas),
        1000,
        reads_row=True,
    ),
    "shelve": recorded(
        unbegun,
        Way("shelve", waits(S.BLOCKED, attempts=0, lacks=LACKS)),
        Way("take back cancelled", never_begun(S.CANCELLED)),
        verdict=Verdict(S.BLOCKED, refund=True, lacks=LACKS),
    ),
    "offer": OfferVerb(
        (Way("offer", {"status": S.PENDING, "lacks": ""}),),
        lambda database, _job, deltas: release(database, LACKS, 1000, deltas),
        reads_row=True,
    ),
    "bring forward": NodeVerb(
        (Way("bring forward", lambda before: {"run_at": before.get("run_at", moment(NOW)) - timedelta(hours=1)}),),
        lambda database, _job, _deltas: bring_forward(database, 3600.0),
        reads_row=True,
    ),
    "prune": NodeVerb((Way("prune", {}),), pruned),
    "cancel": OperatorVerb(
        (
            Way(
                "cancel waiting",
                {
                    "status": S.CANCELLED,
                    "cancel_requested_at": JUST_NOW,
                    "finished_at": JUST_NOW,
                    "cancelled_by": "ada",
                },
            ),
            Way("request cancel", {"cancel_requested_at": JUST_NOW, "cancelled_by": "ada"}),
        ),
        lambda id: operate.cancel(id, ADA),
    ),
    "retry": OperatorVerb((Way("requeue", AS_NEW),), lambda id: operate.retry(id, ADA)),
    "retry many": OperatorVerb((Way("requeue", AS_NEW),), lambda id: bulk.retry_many([id], ADA)),
    "discard": OperatorVerb((Way("discard", {"discarded_at": JUST_NOW}),), lambda id: operate.discard(id, ADA)),
    "discard many": OperatorVerb(
        (Way("discard", {"discarded_at": JUST_NOW}),), lambda id: bulk.discard_many([id], ADA)
    ),
}

NOT_YET = {"submit", "edit"}
"""Rows of the table that no verb is for: a job that is submitted was not there before, the others nothing does yet."""
