"""Watched jobs: told whole at first, then only when something changed, with the log going on where it stood."""

from datetime import timedelta

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from pool.conf import database_alias
from pool.domain.ids import new_id
from pool.domain.states import JobStatus
from pool.models import Attempt, Job, JobLog
from pool.store import watched
from pool.store.watched import Watch
from tests.store.test_read import a_job, rows


@pytest.fixture(autouse=True)
def _own_database(alias):
    """Every test here has an empty one."""


@pytest.fixture
def watch(alias):
    return Watch()


def say(job, *texts):
    for text in texts:
        rows(JobLog).create(job=job, epoch=1, at=timezone.now(), stream="stdout", text=text)


def texts(news):
    return [piece["text"] for piece in news.pieces]


def test_the_first_look_tells_everything(watch):
    job = a_job(status=JobStatus.RUNNING, started_at=timezone.now())
    rows(Attempt).create(
        job=job, epoch=1, number=1, outcome="error", finished_at=timezone.now(), error_type="ValueError"
    )
    say(job, "a", "b")
    (news,) = watch.look({job.pk}, 0.0)
    assert ("RUNNING", ["error"], ["a", "b"], False) == (
        news.job["status"], [attempt["outcome"] for attempt in news.attempts], texts(news), news.is_cut,
    )  # fmt: skip


def test_nothing_new_is_not_told(watch):
    job = a_job(status=JobStatus.RUNNING, started_at=timezone.now())
    watch.look({job.pk}, 0.0)
    assert [] == watch.look({job.pk}, 1.0)
    assert [] == watch.look({job.pk}, 1000.0)


def test_progress_is_told(watch):
    job = a_job(status=JobStatus.RUNNING, started_at=timezone.now())
    watch.look({job.pk}, 0.0)
    rows(Job).update(progress=0.5, progress_message="half")
    (news,) = watch.look({job.pk}, 1.0)
    assert (0.5, "half", []) == (news.job["progress"], news.job["progress_message"], news.pieces)


def test_the_log_goes_on_for_each_job(watch):
    first, second = a_job(status=JobStatus.RUNNING), a_job(status=JobStatus.RUNNING)
    say(first, "a")
    watch.look({first.pk, second.pk}, 0.0)
    say(second, "x")
    say(first, "b", "c")
    found = {news.id: texts(news) for news in watch.look({first.pk, second.pk}, 1.0)}
    assert {first.pk: ["b", "c"], second.pk: ["x"]} == found
    assert [] == watch.look({first.pk, second.pk}, 2.0)


def test_a_long_log_is_cut_at_its_beginning(watch, monkeypatch):
    monkeypatch.setattr(watched, "MOST_PIECES", 3)
    job = a_job(status=JobStatus.RUNNING)
    say(job, *"abcde")
    (news,) = watch.look({job.pk}, 0.0)
    assert (["c", "d", "e"], True) == (texts(news), news.is_cut)


def test_a_job_that_is_not_there_is_told_as_gone(watch):
    missing = new_id()
    (news,) = watch.look({missing}, 0.0)
    assert (missing, None) == (news.id, news.job)


def test_a_job_that_was_forgotten_is_told_again(watch):
    job = a_job(status=JobStatus.RUNNING)
    say(job, "a")
    watch.look({job.pk}, 0.0)
    watch.forget([job.pk])
    (news,) = watch.look({job.pk}, 1.0)
    assert ["a"] == texts(news)


def test_a_job_nobody_watches_any_more_is_forgotten(watch):
    job = a_job(status=JobStatus.RUNNING)
    watch.look({job.pk}, 0.0)
    watch.look(set(), 1.0)
    assert 1 == len(watch.look({job.pk}, 2.0))


def test_the_place_of_a_waiting_job_is_looked_up_now_and_then(watch):
    before, job = a_job(), a_job()
    (news,) = watch.look({job.pk}, 0.0)
    assert 1 == news.job["position"]
    rows(Job).filter(pk=before.pk).update(status=JobStatus.COMPLETED)
    assert [] == watch.look({job.pk}, 1.0)
    (news,) = watch.look({job.pk}, 1.0 + watched.WAITING_EVERY_S)
    assert 0 == news.job["position"]


def test_a_look_at_many_quiet_jobs_is_two_statements(watch):
    jobs = {a_job(status=JobStatus.RUNNING, started_at=timezone.now() - timedelta(seconds=1)).pk for _ in range(30)}
    watch.look(jobs, 0.0)
    with CaptureQueriesContext(connections[database_alias()]) as queries:
        assert [] == watch.look(jobs, 1.0)
    assert 2 == len(queries)


def test_logs_of_very_many_jobs_are_asked_for_in_portions(watch, monkeypatch):
    monkeypatch.setattr(watched, "LOGS_AT_ONCE", 2)
    jobs = [a_job(status=JobStatus.RUNNING) for _ in range(5)]
    ids = {job.pk for job in jobs}
    watch.look(ids, 0.0)
    for job in jobs:
        say(job, "a")
    assert [["a"]] * 5 == [texts(news) for news in watch.look(ids, 1.0)]
