"""Since when the oldest job of each queue waits."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from pool.domain.ids import new_id
from pool.domain.states import JobStatus
from pool.models import Job, Tally
from pool.store import oldest, read
from pool.store.oldest import oldest_run_at

NOW = timezone.now()


def a_job(alias: str, queue: str, waits_s: float, **fields: Any) -> datetime:
    at = NOW - timedelta(seconds=waits_s)
    values = {"id": new_id(), "task": "t", "queue": queue, "created_at": at, "run_at": at, **fields}
    Job.objects.using(alias).create(**values)
    return at


def test_each_queue_has_its_own_oldest_job_of_any_priority(alias: str) -> None:
    mail = [a_job(alias, "mail", waits_s, priority=priority) for waits_s, priority in ((5, 50), (9, -100), (7, 0))]
    images = a_job(alias, "images", 3)
    a_job(alias, "images", 100, status=JobStatus.RUNNING)
    assert {"mail": mail[1], "images": images} == oldest_run_at(alias, ["mail", "images", "empty"])
    assert {"images": images} == oldest_run_at(alias, ["images"])


def test_without_queues_nothing_is_asked(alias: str) -> None:
    with CaptureQueriesContext(connections[alias]) as queries:
        assert {} == oldest_run_at(alias, [])
    assert 0 == len(queries)


def test_a_retried_job_at_the_front_does_not_hide_an_older_one_behind_it(alias: str) -> None:
    a_job(alias, "mail", 1, rank=0)
    waiting = a_job(alias, "mail", 60, rank=5)
    assert {"mail": waiting} == oldest_run_at(alias, ["mail"])


def test_only_the_front_is_looked_at(alias: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oldest, "FRONTS", oldest.FRONTS.replace(f"LIMIT {oldest.HEAD})", "LIMIT 2)"))
    front = [a_job(alias, "mail", 10 + rank, rank=rank) for rank in range(2)]
    a_job(alias, "mail", 60, rank=5)
    assert {"mail": front[1]} == oldest_run_at(alias, ["mail"])


def test_names_of_queues_may_be_anything(alias: str) -> None:
    names = ['a"b', "a'b", "a,b", "{a}", "ü", "a\\b", "%s"]
    waits = {name: a_job(alias, name, 1 + place) for place, name in enumerate(names)}
    assert waits == oldest_run_at(alias, names)


def test_more_queues_and_priorities_are_no_more_statements(alias: str) -> None:
    def statements() -> int:
        with CaptureQueriesContext(connections[alias]) as queries:
            read.pool_status()
        return len(queries)

    def fill(queues: range) -> None:
        for queue in queues:
            Tally.objects.using(alias).create(queue=f"q{queue}", pending=3)
            for priority in (0, 10, 50):
                a_job(alias, f"q{queue}", 1, priority=priority)

    fill(range(1))
    before = statements()
    fill(range(1, 8))
    assert before == statements()
