"""The operator's verbs over many jobs at once: cancel, retry and discard a list of ids.

Used by pages, admin and API. Each portion is one short transaction, so that a long list holds up no node; a job that
changed meanwhile is passed over and counted, never an error. One audit entry tells of the whole.
"""

import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from pool.conf import database_alias
from pool.domain.states import JobStatus
from pool.models import Job, Tally
from pool.store.again import again_on_conflict
from pool.store.doorbell import ring
from pool.store.events import write_action
from pool.store.operate import AS_NEW, LISTED, NOBODY, RETRYABLE, Actor, CancelAnswer, cancel

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


def retry_many(ids: Sequence[uuid.UUID], by: Actor = NOBODY) -> BulkAnswer:
    """Give dead letters and cancelled jobs a fresh budget of attempts."""
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
    fresh = {"status": JobStatus.PENDING, "run_at": timezone.now(), "attempts_base": F("attempts"), **AS_NEW}
    listed = _change(alias, ids, LISTED, fresh)
    others = _change(alias, ids, RETRYABLE & ~LISTED, fresh)
    _tally(alias, listed + others, lambda queue, jobs: {"pending": jobs, "dead": -listed[queue]})
    if listed or others:
        transaction.on_commit(lambda: ring(alias, "jobs"), using=alias)
    return listed.total() + others.total()


def _discard(alias: str, ids: Sequence[uuid.UUID]) -> int:
    changed = _change(alias, ids, LISTED, {"discarded_at": timezone.now()})
    _tally(alias, changed, lambda _, jobs: {"dead": -jobs})
    return changed.total()


def _change(alias: str, ids: Sequence[uuid.UUID], which: Q, fields: dict[str, object]) -> Counter[str]:
    """Change those that are in such a state; how many of each queue."""
    # Locked before they are counted, so that the counters tell what was changed and nothing else.
    jobs = Job.objects.using(alias).filter(which, pk__in=ids).order_by("pk").select_for_update()
    found = dict(jobs.values_list("pk", "queue"))
    Job.objects.using(alias).filter(which, pk__in=found).update(**fields)
    return Counter(found.values())


def _tally(alias: str, changed: Counter[str], deltas: Callable[[str, int], dict[str, int]]) -> None:
    rows = [Tally(queue=queue, node="", **deltas(queue, jobs)) for queue, jobs in changed.items()]
    Tally.objects.using(alias).bulk_create(rows)


def _known(alias: str, ids: Iterable[uuid.UUID]) -> list[uuid.UUID]:
    jobs: QuerySet[Job] = Job.objects.using(alias).filter(pk__in=list(ids)).order_by("pk")
    return list(jobs.values_list("pk", flat=True))
