"""New jobs are stored whole, in the caller's transaction, touching nobody's row, and the nodes hear of them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from django.db import connections, transaction
from django.test.utils import CaptureQueriesContext

from pool.domain.errors import NotReady
from pool.domain.ids import new_id
from pool.domain.payload import encode_arguments
from pool.domain.states import JobStatus
from pool.models import Job, Queue, Tally
from pool.store import enqueue
from pool.store.enqueue import NewJob, enqueue_row, enqueue_rows
from tests.store.bells import rings

NOW = datetime(2026, 11, 22, 12, 0, 0, 120, tzinfo=UTC)


def make_job(**values):
    made = {
        "id": new_id(),
        "task": "a.b",
        "args": "[]",
        "kwargs": "{}",
        "queue": "default",
        "priority": 0,
        "max_attempts": 4,
        "timeout": 30.0,
        "created_at": NOW,
        "run_at": NOW,
    }
    return NewJob(**made | values)


def tallies(alias):
    rows = Tally.objects.using(alias).filter(node="")
    return {row.queue: (row.submitted, row.pending, row.scheduled) for row in rows}


@pytest.mark.parametrize("many", [False, True], ids=["alone", "among many"])
def test_every_column_is_stored_as_given(alias, many):
    nasty = "tab\t, newline\n, \"quotes\" 'single', backslash \\ \\N \\., é😀 %s {}"
    job = make_job(
        args=encode_arguments((nasty, 1e300, -5, None), {}, 10_000, 10)[0],
        kwargs='{"a":{"b":[1.5,true]}}',
        queue="mail é",
        priority=-100,
        max_attempts=7,
        timeout=None,
        run_at=NOW + timedelta(days=1),
        expires_at=NOW + timedelta(days=2),
        tenant=nasty,
        affinity="affine",
        backoff="2.5",
        requires='["gpu"]',
        metadata='{"user":1}',
        tags='["x"]',
        created_by="somebody",
    )
    enqueue_rows(alias, [job, make_job()] if many else [job])
    stored = Job.objects.using(alias).get(pk=job.id)
    assert ([nasty, 1e300, -5, None], {"a": {"b": [1.5, True]}}) == (stored.args, stored.kwargs)
    assert isinstance(stored.args[1], float)
    assert ("a.b", JobStatus.SCHEDULED, "mail é", -100, 7, None) == (
        stored.task,
        stored.status,
        stored.queue,
        stored.priority,
        stored.max_attempts,
        stored.timeout,
    )
    assert (NOW, job.run_at, job.expires_at) == (stored.created_at, stored.run_at, stored.expires_at)
    assert (nasty, "affine", 2.5, ["gpu"], {"user": 1}, ["x"], "somebody") == (
        stored.tenant,
        stored.affinity,
        stored.backoff,
        stored.requires,
        stored.metadata,
        stored.tags,
        stored.created_by,
    )
    assert (0, 0, 0, "", None, None) == (
        stored.epoch,
        stored.attempts,
        stored.rank,
        stored.node,
        stored.result,
        stored.finished_at,
    )


@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=5, minutes=30))], ids=["UTC", "elsewhere"])
@pytest.mark.parametrize("microsecond", [0, 1, 999_999])
def test_times_are_found_by_django_as_they_are(alias, zone, microsecond):
    moment = NOW.replace(microsecond=microsecond).astimezone(zone)
    job = make_job(created_at=moment, run_at=moment)
    enqueue_row(alias, job)
    blink = timedelta(microseconds=1)
    stored = Job.objects.using(alias).get(run_at__lt=moment + blink, created_at__gt=moment - blink)
    assert (moment, moment, JobStatus.PENDING) == (stored.created_at, stored.run_at, stored.status)


def test_one_job_counts_once(alias):
    enqueue_row(alias, make_job(queue="a"))
    assert {"a": (1, 1, 0)} == tallies(alias)
    enqueue_row(alias, make_job(queue="b", run_at=NOW + timedelta(seconds=1)))
    assert {"a": (1, 1, 0), "b": (1, 0, 1)} == tallies(alias)


def test_many_jobs_count_in_one_row_for_each_queue(alias):
    later = NOW + timedelta(hours=1)
    enqueue_rows(alias, [make_job(queue="a"), make_job(queue="b", run_at=later), make_job(queue="a", run_at=later)])
    assert {"a": (2, 1, 1), "b": (1, 0, 1)} == tallies(alias)
    assert 2 == Tally.objects.using(alias).count()


def test_the_order_of_ids_is_the_order_of_the_calls(alias, monkeypatch):
    monkeypatch.setattr(enqueue, "BATCH", 10)
    jobs = [make_job(args=f"[{number}]") for number in range(35)]
    enqueue_rows(alias, jobs)
    stored = Job.objects.using(alias).order_by("id")
    assert [([number], jobs[number].id) for number in range(35)] == list(stored.values_list("args", "id"))


@pytest.mark.parametrize("count", [1, 3])
def test_nothing_is_written_but_new_rows(alias, count):
    connection = connections[alias]
    with CaptureQueriesContext(
        connection,
    ) as queries:
        enqueue_rows(alias, [make_job() for _ in range(count)])
    assert queries.captured_queries
    assert not any("UPDATE" in query["sql"] or "DELETE" in query["sql"] for query in queries)
    assert not Queue.objects.using(alias).exists()


@pytest.mark.parametrize("count", [1, 3])
def test_a_rollback_leaves_neither_job_nor_count_nor_ring(alias, bell, count):
    with transaction.atomic(using=alias):
        enqueue_rows(alias, [make_job() for _ in range(count)])
        transaction.set_rollback(True, using=alias)
    assert (0, 0, []) == (Job.objects.using(alias).count(), Tally.objects.using(alias).count(), rings(bell))


@pytest.mark.parametrize("count", [1, 3])
def test_the_bell_rings_once_the_job_can_be_seen(alias, bell, count):
    with transaction.atomic(using=alias):
        enqueue_rows(alias, [make_job() for _ in range(count)])
        assert [] == rings(bell)
    assert [b"jobs"] == rings(bell)


def test_without_a_transaction_the_job_is_there_when_enqueue_returns(alias, bell):
    enqueue_row(alias, make_job())
    assert [b"jobs"] == rings(bell)
    connections[alias].close()
    assert 1 == Job.objects.using(alias).count()


def test_under_manual_transactions_the_callers_commit_decides(alias, bell):
    transaction.set_autocommit(False, using=alias)
    try:
        enqueue_row(alias, make_job())
        transaction.rollback(using=alias)
        enqueue_row(alias, make_job())
        transaction.commit(using=alias)
    finally:
        transaction.set_autocommit(True, using=alias)
    assert 1 == Job.objects.using(alias).count()


def test_missing_tables_are_told_with_the_cure(alias):
    sentence = f"The pool's tables are missing in the database '{alias}': run manage.py migrate."
    with transaction.atomic(using=alias):
        connections[alias].cursor().execute("ALTER TABLE pool_job RENAME TO pool_elsewhere")
        with pytest.raises(NotReady, match=f"^{sentence}$"):
            enqueue_row(alias, make_job())
        transaction.set_rollback(True, using=alias)
