"""Many jobs at once: changed where they can be, counted as they were, told of once."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from pool.conf import database_alias
from pool.domain.ids import new_id
from pool.domain.states import JobStatus
from pool.models import Job, PoolEvent
from pool.store import bulk, tally
from pool.store.actor import Actor
from pool.store.bulk import BulkAnswer

pytestmark = pytest.mark.usefixtures("alias")

ADA = Actor("ada", "page 127.0.0.1")


def a_job(status: JobStatus, **fields: Any) -> uuid.UUID:
    now = timezone.now()
    values = {"id": new_id(), "task": "t", "queue": "mail", "created_at": now, "run_at": now, "status": status}
    return Job.objects.using(database_alias()).create(**{**values, **fields}).pk


def the_job(pk: uuid.UUID) -> Job:
    return Job.objects.using(database_alias()).get(pk=pk)


def counters(queue: str = "mail") -> dict[str, int]:
    return {name: count for name, count in tally.sums(database_alias()).get(queue, {}).items() if count}


def events() -> list[PoolEvent]:
    return list(PoolEvent.objects.using(database_alias()).order_by("id"))


def test_dead_letters_and_cancelled_jobs_wait_again_with_a_fresh_budget() -> None:
    now = timezone.now()
    spent = {"attempts": 4, "losses": 2, "started_at": now, "finished_at": now, "error": {"type": "E"}, "worker": "w"}
    dead = a_job(JobStatus.FAILED, **spent)
    gone = a_job(JobStatus.TIMEOUT, discarded_at=now)
    cancelled = a_job(JobStatus.CANCELLED, cancel_requested_at=now, cancelled_by="ben", queue="other")
    done = a_job(JobStatus.COMPLETED)
    answer = bulk.retry_many([dead, gone, cancelled, done, new_id()], ADA)
    assert BulkAnswer(3, 0, 2) == answer
    assert (the_job(dead).status, the_job(done).status) == (JobStatus.PENDING, JobStatus.COMPLETED)
    job = the_job(dead)
    assert (job.attempts, job.attempts_base, job.losses, job.worker, job.finished_at) == (4, 4, 0, "", None)
    assert the_job(cancelled).cancel_requested_at is None
    # The discarded one was no longer counted among the dead.
    assert {"pending": 2, "dead": -1} == counters()
    assert {"pending": 1} == counters("other")
    (event,) = events()
    assert (event.name, event.actor, event.source, event.data["jobs"]) == ("jobs.retried", "ada", ADA.source, 3)


def test_only_dead_letters_are_discarded_and_once() -> None:
    dead = [a_job(JobStatus.FAILED), a_job(JobStatus.TIMEOUT)]
    other = a_job(JobStatus.CANCELLED)
    assert BulkAnswer(2, 0, 1) == bulk.discard_many([*dead, other], ADA)
    assert BulkAnswer(0, 0, 2) == bulk.discard_many(dead, ADA)
    assert {"dead": -2} == counters()
    assert ["jobs.discarded"] == [event.name for event in events()]


def test_waiting_jobs_are_cancelled_and_running_ones_asked() -> None:
    later = timezone.now() + timedelta(hours=1)
    waiting = [a_job(JobStatus.PENDING), a_job(JobStatus.SCHEDULED, run_at=later)]
    running, done = a_job(JobStatus.RUNNING), a_job(JobStatus.COMPLETED)
    answer = bulk.cancel_many([*waiting, running, done, new_id()], ADA)
    assert BulkAnswer(2, 1, 2) == answer
    assert {JobStatus.CANCELLED} == {the_job(pk).status for pk in waiting}
    assert the_job(running).cancel_requested_at is not None
    assert {"pending": -1, "scheduled": -1, "cancelled": 2} == counters()


def test_long_lists_are_done_in_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "PORTION", 2)
    jobs = [a_job(JobStatus.FAILED) for _ in range(5)]
    assert BulkAnswer(5, 0, 0) == bulk.retry_many(jobs, ADA)
    assert [2, 2, 1] == [event.data["jobs"] for event in events()]
    assert {"pending": 5, "dead": -5} == counters()


def test_nothing_to_do_leaves_no_trace() -> None:
    assert BulkAnswer(0, 0, 1) == bulk.retry_many([a_job(JobStatus.PENDING)], ADA)
    assert BulkAnswer() == bulk.discard_many([], ADA)
    assert [] == events()
    assert {} == counters()
