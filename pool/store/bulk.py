"""The operator's verbs over many jobs at once: cancel, retry and discard a list of ids.

Used by pages, admin and API. Each portion is one short transaction, so that a long list holds up no node; a job that
changed meanwhile is passed over and counted, never an error. One audit entry tells of the whole.
"""

import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from pool.conf import database_alias
from pool.domain.states import JobStatus
from pool.models import Job, Tally
from pool.store.actor import NOBODY, Actor
from pool.store.again import again_on_conflict
from pool.store.batches import note_from_outside
from pool.store.doorbell import ring_on_commit
from pool.store.events import write_action
from pool.store.operate import AS_NEW, LISTED, RETRYABLE, CancelAnswer, cancel
from pool.store.reclaim import reclaim_keys
from pool.store.requeue import requeue

PORTION = 200
"""Jobs changed in one transaction."""
IDS_NAMED = 100
"""Ids that the audit entry names."""

Step = Callable[[str, Sequence[uuid.UUID]], int]


@dataclass(frozen=True, slots=True)
class BulkAnswer:
    """How many were changed, how many will be when their node has done it, and how many could not be."""

    done: int = 0
    requested: int = 0
    passed_over: int = 0


class _Changed(NamedTuple):
    """A job as it was before it was changed."""

    pk: uuid.UUID
    queue: str
    status: str
    batch: uuid.UUID | None


def retry_many(ids: Sequence[uuid.UUID], by: Actor = NOBODY) -> BulkAnswer:
    """Give dead letters and cancelled jobs a fresh budget of attempts. Those whose unique key another holds stay."""
    return _in_portions(ids, by, "jobs.retried", _retry)


def discard_many(ids: Sequence[uuid.UUID], by: Actor = NOBODY) -> BulkAnswer:
    """Take dead letters off the list."""
    return _in_portions(ids, by, "jobs.discarded", _discard)


def cancel_many(ids: Sequence[uuid.UUID], by: Actor = NOBODY) -> BulkAnswer:
    """Cancel waiting jobs at once, and ask the nodes to end running ones."""
    known = _known(database_alias(), ids)
    answers = Counter(cancel(pk, by) for pk in known)
    finished = answers[CancelAnswer.FINISHED] + len(ids) - len(known)
    return BulkAnswer(answers[CancelAnswer.CANCELLED], answers[CancelAnswer.REQUESTED], finished)


def _in_portions(ids: Sequence[uuid.UUID], by: Actor, event: str, step: Step) -> BulkAnswer:
    alias, done = database_alias(), 0
    for start in range(0, len(ids), PORTION):
        done += _portion(alias, ids[start : start + PORTION], by, event, step)
    return BulkAnswer(done, 0, len(ids) - done)


@again_on_conflict
def _portion(alias: str, ids: Sequence[uuid.UUID], by: Actor, event: str, step: Step) -> int:
    with transaction.atomic(using=alias):
        changed = step(alias, ids)
        if changed:
            named = [str(pk) for pk in ids[:IDS_NAMED]]
            write_action(alias, event, by.name, by.source, jobs=changed, ids=named)
    return changed


def _retry(alias: str, ids: Sequence[uuid.UUID]) -> int:
    fresh: dict[str, Any] = {
        "status": JobStatus.PENDING,
        "run_at": timezone.now(),
        "attempts_base": F("attempts"),
        **AS_NEW,
    }
    held = reclaim_keys(Job.objects.using(alias).filter(RETRYABLE, pk__in=ids), fresh["run_at"])
    ids = [pk for pk in ids if pk not in held]
    were_listed = _change(alias, ids, LISTED, fresh)
    all_changed = were_listed + _change(alias, ids, RETRYABLE & ~LISTED, fresh)
    listed = _by_queue(were_listed)
    _tally(alias, _by_queue(all_changed), lambda queue, jobs: {"pending": jobs, "dead": -listed[queue]})
    note_from_outside(alias, [(job.batch, job.status, -1) for job in all_changed if job.batch is not None])
    # Many of one tenant take turns as new ones do, and delay nobody else.
    requeue(alias, [job.pk for job in all_changed], had_turn=False)
    if all_changed:
        ring_on_commit(alias, "jobs")
    return len(all_changed)


def _discard(alias: str, ids: Sequence[uuid.UUID]) -> int:
    changed = _by_queue(_change(alias, ids, LISTED, {"discarded_at": timezone.now()}))
    _tally(alias, changed, lambda _, jobs: {"dead": -jobs})
    return changed.total()


def _change(alias: str, ids: Sequence[uuid.UUID], which: Q, fields: dict[str, object]) -> list[_Changed]:
    """Change those that are in such a state; what they were before."""
    # Locked before they are counted, so that the counters tell what was changed and nothing else.
    jobs = Job.objects.using(alias).filter(which, pk__in=ids).order_by("pk").select_for_update()
    found = [_Changed(*row) for row in jobs.values_list("pk", "queue", "status", "batch")]
    Job.objects.using(alias).filter(which, pk__in=[job.pk for job in found]).update(**fields)
    return found


def _by_queue(changed: Iterable[_Changed]) -> Counter[str]:
    return Counter(job.queue for job in changed)


def _tally(alias: str, changed: Counter[str], deltas: Callable[[str, int], dict[str, int]]) -> None:
    rows = [Tally(queue=queue, node="", **deltas(queue, jobs)) for queue, jobs in changed.items()]
    Tally.objects.using(alias).bulk_create(rows)


def _known(alias: str, ids: Iterable[uuid.UUID]) -> list[uuid.UUID]:
    jobs: QuerySet[Job] = Job.objects.using(alias).filter(pk__in=list(ids)).order_by("pk")
    return list(jobs.values_list("pk", flat=True))
