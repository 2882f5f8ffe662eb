"""What the live view reads beside the figures, in a bounded number of statements."""

from datetime import timedelta

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from pool.conf import database_alias
from pool.domain.event_words import SENTENCES, in_words
from pool.domain.states import JobStatus, WorkerState
from pool.models import Job, PoolEvent, PoolSnapshot, WorkerSnapshot
from pool.store import live
from pool.store.actor import Actor
from pool.store.operate import pause
from pool.store.status import pool_status
from tests.store.test_read import a_job, a_node, a_worker, rows

STATEMENTS = 20


@pytest.fixture(autouse=True)
def _own_database(alias):
    """Every test here has an empty one."""


def a_snapshot(node="n1", age_s=0.0, lanes=()):
    return rows(PoolSnapshot).create(
        at=timezone.now() - timedelta(seconds=age_s), node=node, data={"lanes": [*lanes], "ready": True}
    )


def a_lane(worker, **fields):
    return {"id": worker, "state": "BUSY", "job": None, "rss": 100, "cpu": 0.5, **fields}


def test_without_a_node_there_are_no_lanes():
    status = live.live_status()
    assert {"at": None, "lanes": [], "running": [], "events": []} == status["live"]
    assert "critical" == status["health"]["status"]


def test_it_is_the_status_and_nothing_else_beside_it():
    a_node()
    a_snapshot()
    now = timezone.now()
    status = live.live_status(now)
    del status["live"]
    assert pool_status(now) == status


def test_the_number_of_the_newest_snapshot_moves_with_each():
    assert 0 == live.newest_snapshot()
    first = a_snapshot().pk
    assert first == live.newest_snapshot()
    assert a_snapshot(node="n2").pk == live.newest_snapshot() > first


def test_a_lane_has_its_job_and_what_the_snapshot_measured():
    now = timezone.now()
    a_node()
    job = a_job(task="a.b", status=JobStatus.RUNNING, started_at=now - timedelta(seconds=5), worker="w0")
    a_worker("w0", state=WorkerState.BUSY, current_jobs=[job.pk.hex], rss=1, cpu=None, jobs_completed=3)
    newest = a_snapshot(lanes=[a_lane("w0", job=str(job.pk))])
    found = live.live_status(now)["live"]
    (lane,) = found["lanes"]
    assert {
        "id": "w0", "node": "n1", "slot": 0, "pid": 8, "state": "BUSY", "healthy": True, "job": str(job.pk),
        "task": "a.b", "since": 5.0, "rss": 100, "cpu": 0.5, "jobs_completed": 3, "jobs_failed": 0,
    } == lane  # fmt: skip
    assert newest.at.isoformat() == found["at"]


def test_a_job_that_has_ended_meanwhile_runs_since_no_time():
    a_node()
    job = a_job(task="a.b", status=JobStatus.COMPLETED, started_at=timezone.now())
    a_worker("w0", state=WorkerState.BUSY, current_jobs=[str(job.pk)])
    a_worker("w1", state=WorkerState.BUSY, current_jobs=["00000000-0000-7000-8000-000000000000"])
    a_snapshot()
    ended, pruned = live.live_status()["live"]["lanes"]
    assert ("a.b", None) == (ended["task"], ended["since"])
    assert (None, None) == (pruned["task"], pruned["since"])


def test_workers_that_ended_or_whose_node_is_silent_have_no_lane():
    now = timezone.now()
    a_node("n1")
    a_node("n2")
    a_worker("here")
    a_worker("gone", ended_at=now)
    a_worker("terminated", state=WorkerState.TERMINATED)
    a_worker("silent", node="n2")
    a_snapshot("n1")
    a_snapshot("n2", age_s=60)
    assert ["here"] == [lane["id"] for lane in live.live_status(now)["live"]["lanes"]]


def test_running_jobs_come_longest_first_and_not_too_many():
    now = timezone.now()
    for age in range(live.MOST_RUNNING + 5):
        a_job(status=JobStatus.RUNNING, started_at=now - timedelta(seconds=age), progress=0.5, progress_message="half")
    rows(Job).filter(started_at=now).update(cancel_requested_at=now)
    found = live.live_status(now)["live"]["running"]
    assert live.MOST_RUNNING == len(found)
    assert [54.0, 53.0, 52.0] == [job["since"] for job in found[:3]]
    assert {"progress": 0.5, "progress_message": "half", "cancelling": False}.items() <= found[0].items()


def test_events_come_newest_first_in_words():
    pause("mail", Actor("ada", "test"))
    for number in range(live.MOST_EVENTS):
        rows(PoolEvent).create(at=timezone.now(), name="pool.scaled", data={"from": number, "to": number + 1})
    found = live.live_status()["live"]["events"]
    assert live.MOST_EVENTS == len(found)
    assert "Workers scaled from 19 to 20." == found[0]["text"]


def test_every_event_reads_as_a_sentence():
    for name in [*SENTENCES, "some.new_one"]:
        text = in_words(name, "", {})
        assert text[0].isupper()
        assert text.endswith(".")
    assert "ada paused queue mail." == in_words("queue.paused", "ada", {"queue": "mail"})
    assert "Some new one." == in_words("some.new_one", "ada", {})


def test_the_number_of_statements_does_not_grow_with_the_pool():
    counts = []
    for size in (1, 30):
        rows(WorkerSnapshot).all().delete()
        for number in range(size):
            job = a_job(status=JobStatus.RUNNING, started_at=timezone.now())
            a_worker(f"w{number}", current_jobs=[str(job.pk)])
        if size == 1:
            a_node()
        a_snapshot()
        with CaptureQueriesContext(connections[database_alias()]) as queries:
            live.live_status()
        counts.append(len(queries))
    assert counts[0] == counts[1] <= STATEMENTS
