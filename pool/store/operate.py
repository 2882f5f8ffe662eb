"""The operator's verbs: over jobs and queues here, and those over nodes from `pool.store.steer`.

Used by commands, pages, admin and API through Django's own connection. Each is one guarded change with its audit
entry; zero rows changed is an answer, never an error. Nodes learn of it by the doorbell, or by their poll.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Any

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from pool import failpoints
from pool.conf import database_alias
from pool.domain.errors import JobNotFound, NotPossible
from pool.domain.ids import parse_id
from pool.domain.naming import check_name
from pool.domain.states import DEAD_LETTERS, EXECUTING, TERMINAL, WAITING, JobStatus
from pool.models import Job, Queue, Tally
from pool.store.actor import NOBODY, Actor
from pool.store.again import again_on_conflict
from pool.store.batches import note_from_outside
from pool.store.dependencies import tell_from_outside
from pool.store.doorbell import ring_on_commit
from pool.store.events import write_action
from pool.store.reclaim import reclaim_keys
from pool.store.requeue import requeue
from pool.store.steer import AUTO, follow_load, hold_s, request_restart, request_stop, scale, wanted_size

CANCEL_TRIES = 5
"""A job may move between waiting and executing while we look; each look is one transaction."""

WAITING_COUNTER = {
    JobStatus.PENDING: "pending",
    JobStatus.SCHEDULED: "scheduled",
    JobStatus.BLOCKED: "blocked",
}


LISTED = Q(status__in=DEAD_LETTERS, discarded_at=None)
"""The dead letters, as they are counted: without those somebody discarded."""

RETRYABLE = Q(status__in=(*DEAD_LETTERS, JobStatus.CANCELLED))

AS_NEW: dict[str, Any] = {
    **dict.fromkeys(("started_at", "finished_at", "expires_at", "cancel_requested_at", "discarded_at", "progress")),
    **dict.fromkeys(("node", "worker", "cancelled_by", "progress_message", "lacks"), ""),
    **dict.fromkeys(("interruptions", "losses", "waits_for", "rank"), 0),
}


class CancelAnswer(StrEnum):
    CANCELLED = "cancelled"
    REQUESTED = "requested"
    FINISHED = "finished"


@again_on_conflict
def cancel(job_id: Any, by: Actor = NOBODY) -> CancelAnswer:
    """Cancel a waiting job at once, or ask its node to end a running one. Raises JobNotFound."""
    alias, pk = database_alias(), _pk(job_id)
    for _ in range(CANCEL_TRIES):
        with _change(alias):
            answer = _try_cancel(alias, pk, by)
        if answer is not None:
            return answer
    raise NotPossible(f"Job {pk} changes too fast to be cancelled now. Try again.")


@again_on_conflict
def retry(job_id: Any, by: Actor = NOBODY) -> None:
    """Give a dead letter or a cancelled job a fresh budget of attempts. Raises JobNotFound, NotPossible."""
    alias, pk = database_alias(), _pk(job_id)
    with _change(alias):
        jobs = Job.objects.using(alias).filter(pk=pk)
        queue, _, batch = _known(jobs)
        if holder := reclaim_keys(jobs.filter(RETRYABLE), timezone.now()).get(pk):
            raise NotPossible(
                f"Job {pk} is not retried, because job {holder} holds its unique key now. "
                "Retry it when that one has ended, or cancel that one."
            )
        # Which counter of its batch goes down is certain only while nobody else can change the job.
        before = batch and jobs.filter(RETRYABLE).select_for_update().values_list("status", flat=True).first()
        fresh = {"status": JobStatus.PENDING, "run_at": timezone.now(), "attempts_base": F("attempts"), **AS_NEW}
        was_listed = bool(jobs.filter(LISTED).update(**fresh))
        if was_listed or jobs.filter(RETRYABLE).update(**fresh):
            _tally(alias, queue, pending=1, dead=-int(was_listed))
            requeue(alias, [pk], had_turn=True)
            if before:
                note_from_outside(alias, [(batch, before, -1)])
            write_action(alias, "job.retried", by.name, by.source, pk)
            ring_on_commit(alias, "jobs")
            return
        raise NotPossible(f"Only a failed, timed out or cancelled job can be retried; {pk} is {_status_of(jobs)}.")


@again_on_conflict
def discard(job_id: Any, by: Actor = NOBODY) -> None:
    """Take a dead letter off the list; it is pruned with the finished jobs. Raises JobNotFound, NotPossible."""
    alias, pk = database_alias(), _pk(job_id)
    with _change(alias):
        jobs = Job.objects.using(alias).filter(pk=pk)
        queue, *_ = _known(jobs)
        if not jobs.filter(LISTED).update(discarded_at=timezone.now()):
            raise NotPossible(f"Only a dead letter can be discarded; {pk} is {_status_of(jobs)}.")
        _tally(alias, queue, dead=-1)
        write_action(alias, "job.discarded", by.name, by.source, pk)


def pause(queue: str, by: Actor = NOBODY) -> bool:
    """Let no further job of the queue start; False when it was paused already."""
    return _set_paused(queue, True, by)


def resume(queue: str, by: Actor = NOBODY) -> bool:
    """Let the queue's jobs start again; False when it was not paused."""
    return _set_paused(queue, False, by)


@contextmanager
def _change(alias: str) -> Iterator[None]:
    """One verb, one transaction."""
    with transaction.atomic(using=alias):
        yield
        failpoints.hit("before_operator_commit")
    failpoints.hit("after_operator_commit")


def _try_cancel(alias: str, pk: Any, by: Actor) -> CancelAnswer | None:
    """One look at the job; None when it changed its state between the statements."""
    now = timezone.now()
    jobs = Job.objects.using(alias).filter(pk=pk)
    queue, _, batch = _known(jobs)
    for status in WAITING:
        fields = {"cancel_requested_at": now, "finished_at": now, "cancelled_by": by.name}
        if jobs.filter(status=status).update(status=JobStatus.CANCELLED, **fields):
            _tally(alias, queue, cancelled=1, **{WAITING_COUNTER[status]: -1})
            if batch is not None:
                note_from_outside(alias, [(batch, JobStatus.CANCELLED, 1)])
            if tell_from_outside(alias, [pk]) or batch is not None:
                ring_on_commit(alias, "jobs")
            write_action(alias, "job.cancelled", by.name, by.source, pk)
            return CancelAnswer.CANCELLED
    executing = jobs.filter(status__in=EXECUTING)
    if executing.filter(cancel_requested_at=None).update(cancel_requested_at=now, cancelled_by=by.name):
        write_action(alias, "job.cancel_requested", by.name, by.source, pk)
        ring_on_commit(alias, "control")
        return CancelAnswer.REQUESTED
    if jobs.filter(status__in=TERMINAL).exists():
        return CancelAnswer.FINISHED
    return CancelAnswer.REQUESTED if executing.exists() else None


@again_on_conflict
def _set_paused(queue: str, paused: bool, by: Actor) -> bool:
    check_name("queue", queue)
    alias = database_alias()
    with transaction.atomic(using=alias):
        if paused:
            Queue.objects.using(alias).get_or_create(name=queue)
        moment = timezone.now() if paused else None
        who = by.name if paused else ""
        rows = Queue.objects.using(alias).filter(name=queue, paused=not paused)
        if not rows.update(paused=paused, paused_at=moment, paused_by=who):
            return False
        write_action(alias, "queue.paused" if paused else "queue.resumed", by.name, by.source, queue=queue)
        ring_on_commit(alias, "control" if paused else "jobs")
    return True


def _pk(job_id: Any) -> Any:
    pk = parse_id(str(job_id))
    if pk is None:
        raise JobNotFound(f"{str(job_id)[:100]!r} is not a job id.")
    return pk


def _known(jobs: Any) -> tuple[str, str, Any]:
    """Queue, status and batch of the job. Raises JobNotFound."""
    facts = jobs.values_list("queue", "status", "batch").first()
    if facts is None:
        raise JobNotFound
    return facts


def _status_of(jobs: Any) -> str:
    status = jobs.values_list("status", flat=True).first()
    if status is None:
        raise JobNotFound
    return str(status)


def _tally(alias: str, queue: str, **changes: int) -> None:
    Tally.objects.using(alias).create(queue=queue, node="", **changes)


__all__ = [
    "AUTO",
    "NOBODY",
    "Actor",
    "CancelAnswer",
    "cancel",
    "discard",
    "follow_load",
    "hold_s",
    "pause",
    "request_restart",
    "request_stop",
    "resume",
    "retry",
    "scale",
    "wanted_size",
]
