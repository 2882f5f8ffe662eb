"""Lists of jobs over long tables: what has an index is found however far back it is, and the rest in bounded steps."""

import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connections
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from pool.conf import database_alias
from pool.domain.ids import first_id, new_id
from pool.domain.states import JobStatus
from pool.models import Job
from pool.models.job import SELDOM
from pool.store import job_filter, job_list
from pool.store.job_filter import JobFilter
from pool.store.job_list import list_jobs
from tests.store.rows import ON_SQLITE

pytestmark = pytest.mark.usefixtures("alias")


@pytest.fixture(autouse=True)
def short_of_sight(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page looks at three rows."""
    monkeypatch.setattr(job_list, "MOST_LOOKED_AT", 3)


def jobs() -> QuerySet[Job]:
    return Job.objects.using(database_alias())


def a_job(status: JobStatus = JobStatus.COMPLETED, at: datetime | None = None, **fields: Any) -> Job:
    at = at or timezone.now()
    pk = uuid.UUID(int=first_id(at).int | new_id().int & ((1 << 80) - 1))
    return jobs().create(**{"id": pk, "task": "t", "status": status, "created_at": at, "run_at": at, **fields})


def far_back(status: JobStatus = JobStatus.COMPLETED, **fields: Any) -> Job:
    """A job with ten newer ones, which are nothing like it."""
    job = a_job(status, timezone.now() - timedelta(hours=1), **fields)
    for _ in range(10):
        a_job()
    return job


@pytest.mark.parametrize("status", SELDOM)
def test_states_that_are_rare_are_found_however_old(status: JobStatus) -> None:
    job = far_back(status)
    assert [job] == list_jobs(status=status).jobs


def test_jobs_of_a_tenant_are_found_however_old() -> None:
    job = far_back(tenant="acme")
    page = list_jobs(tenant="acme")
    assert ([job], None, None) == (page.jobs, page.next, page.looked_to)


def test_dead_letters_of_a_tenant_are_found_however_old() -> None:
    job = far_back(JobStatus.TIMEOUT, tenant="acme")
    a_job(JobStatus.FAILED)
    a_job(JobStatus.TIMEOUT, tenant="acme", discarded_at=timezone.now())
    assert [job] == list_jobs(tenant="acme", dead=True).jobs
    assert [job] == list_jobs(tenant="acme", dead=True, status="TIMEOUT").jobs


def test_of_a_tenant_with_many_jobs_the_state_is_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_filter, "FEW", 2)
    job = a_job(JobStatus.FAILED, tenant="acme")
    for _ in range(10):
        a_job(tenant="acme")
    assert [job] == list_jobs(tenant="acme", status="FAILED").jobs


def test_a_job_is_found_by_its_whole_id_however_old() -> None:
    job = far_back()
    for search in (str(job.pk), job.pk.hex):
        assert [job] == list_jobs(search=search).jobs
    assert [] == list_jobs(search=str(job.pk), status="FAILED").jobs


def test_a_page_that_gives_up_says_how_far_it_looked() -> None:
    now = timezone.now()
    made = [a_job(at=now - timedelta(minutes=minutes)) for minutes in range(10)]
    page = list_jobs(task="rare")
    assert [] == page.jobs
    assert page.looked_to is not None
    assert abs(page.looked_to - made[2].created_at) < timedelta(milliseconds=2)
    assert f"b{made[2].pk.hex}" == page.next
    assert list_jobs().looked_to is None


def test_a_page_gives_up_when_its_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_list, "MOST_LOOKED_AT", 1000)
    monkeypatch.setattr(job_list, "FIRST_LOOK", 4)
    monkeypatch.setattr(job_list, "LOOK_S", 60.0)
    made = [a_job(tags=["rare"] if number in (0, 19) else None) for number in range(20)]
    assert [made[19], made[0]] == list_jobs(tag="rare").jobs
    monkeypatch.setattr(job_list, "LOOK_S", 0.0)
    first = list_jobs(tag="rare")
    assert [made[19]] == first.jobs
    assert f"b{made[16].pk.hex}" == first.next
    assert first.looked_to is not None


def test_going_on_in_steps_passes_nothing_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_list, "MOST_LOOKED_AT", 10_000)
    monkeypatch.setattr(job_list, "FIRST_LOOK", 1)
    monkeypatch.setattr(job_list, "LOOK_S", 60.0)
    made = [a_job(queue="rare" if number % 3 == 0 else "other") for number in range(40)]
    wanted = made[::-3]
    first = list_jobs(queue="rare", limit=5)
    second = list_jobs(queue="rare", limit=50, cursor=first.next)
    assert wanted == first.jobs + second.jobs
    assert wanted[:5] == list_jobs(queue="rare", limit=5, cursor=second.previous).jobs


@ON_SQLITE
@pytest.mark.parametrize(
    ("filters", "index"),
    [
        *(({"status": status}, f"pool_job_{status.lower()}") for status in SELDOM),
        ({"dead": True}, "pool_job_failed"),
        ({"status": "FAILED", "queue": "mail", "task": "t"}, "pool_job_failed"),
        ({"tenant": "acme"}, "pool_job_tenant"),
        ({"tenant": "acme", "status": "FAILED", "tag": "x"}, "pool_job_tenant"),
        ({"queue": "mail", "status": "PENDING"}, "sqlite_autoindex_pool_job_1"),
    ],
)
def test_each_list_goes_along_its_index(alias: str, filters: dict[str, Any], index: str) -> None:
    search = job_list._Search.of(JobFilter(**filters), None)
    plan = search.queries(new_id(), None)[0][:50].explain()
    assert index in plan
    assert "TEMP B-TREE" not in plan


def test_a_list_without_filters_is_one_statement(alias: str) -> None:
    a_job()
    for filters in ({}, {"status": "FAILED"}, {"tenant": "acme"}):
        with CaptureQueriesContext(connections[alias]) as queries:
            list_jobs(**filters)
        assert 1 == len(queries)
