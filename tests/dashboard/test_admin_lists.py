"""Lists in Django admin over long tables: newest first along an index, and what is rare is looked for in a part."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from pool.admin import read_only
from pool.domain.states import JobStatus
from pool.models import Attempt, Job, PoolEvent, PoolSnapshot, Queue
from tests.dashboard.rows import a_job, an_attempt

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(client: Client, django_user_model: Any) -> Client:
    Queue.objects.create(name="mail")
    client.force_login(django_user_model.objects.create_superuser("ada"))
    return client


@pytest.fixture
def short_of_sight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_only, "MOST_LOOKED_AT", 3)


def listed(browser: Client, model: type, **filters: str) -> list[Any]:
    response = browser.get(f"/admin/pool/{model.__name__.lower()}/", filters)
    assert response.status_code == 200
    return [row.pk for row in response.context["cl"].result_list]


@pytest.fixture
def old_job() -> Job:
    """A failed job with newer ones, which are nothing like it."""
    job = a_job(JobStatus.FAILED, at=timezone.now() - timedelta(hours=1), queue="mail", task="app.rare")
    for _ in range(5):
        a_job()
    return job


@pytest.mark.usefixtures("short_of_sight")
@pytest.mark.parametrize(
    "filters",
    [{}, {"status__exact": "FAILED"}, {"status__exact": "FAILED", "queue": "mail"}, {"age": "day"}, {"o": "1"}],
)
def test_what_has_an_index_is_found_however_old(browser: Client, old_job: Job, filters: dict[str, str]) -> None:
    assert old_job.pk in listed(browser, Job, **filters)


@pytest.mark.usefixtures("short_of_sight")
def test_a_job_is_found_by_its_id_however_old(browser: Client, old_job: Job) -> None:
    assert [old_job.pk] == listed(browser, Job, q=str(old_job.pk)) == listed(browser, Job, q=old_job.pk.hex)


@pytest.mark.usefixtures("short_of_sight")
def test_a_job_that_runs_is_found_however_old(browser: Client) -> None:
    job = a_job(JobStatus.RUNNING, at=timezone.now() - timedelta(days=1), queue="mail")
    for _ in range(5):
        a_job()
    assert [job.pk] == listed(browser, Job, status__exact="RUNNING")
    assert [job.pk] == listed(browser, Job, status__exact="RUNNING", queue="mail", age="week")


@pytest.mark.usefixtures("short_of_sight")
@pytest.mark.parametrize("filters", [{"q": "app.rare"}, {"queue": "mail"}, {"queue": "mail", "age": "week"}])
def test_other_jobs_are_looked_for_among_the_newest(browser: Client, old_job: Job, filters: dict[str, str]) -> None:
    assert [] == listed(browser, Job, **filters)
    newest = a_job(task="app.rare", queue="mail")
    assert [newest.pk] == listed(browser, Job, **filters)


@pytest.mark.usefixtures("short_of_sight")
def test_with_a_state_they_are_looked_for_among_its_newest(browser: Client, old_job: Job) -> None:
    assert [old_job.pk] == listed(browser, Job, status__exact="FAILED", q="app.rare")
    for _ in range(3):
        a_job(JobStatus.FAILED)
    assert [] == listed(browser, Job, status__exact="FAILED", q="app.rare")


def test_a_state_that_does_not_exist_has_no_jobs(browser: Client, old_job: Job) -> None:
    assert [] == listed(browser, Job, status__exact="nonsense")


@pytest.mark.usefixtures("short_of_sight")
def test_attempts_events_and_snapshots_are_looked_for_among_the_newest(browser: Client, old_job: Job) -> None:
    now = timezone.now()
    attempts = [an_attempt(old_job, number, "lost" if number == 1 else "error") for number in range(1, 6)]
    events = [PoolEvent.objects.create(at=now, name="pool.scaled", level=level) for level in ["error", *["info"] * 5]]
    spans = [PoolSnapshot.objects.create(at=now, node="", span=60, data={})]
    spans += [PoolSnapshot.objects.create(at=now, node=f"n{number}", data={}) for number in range(3)]
    assert len(attempts) == len(listed(browser, Attempt))
    assert [] == listed(browser, Attempt, outcome__exact="lost")
    assert 3 == len(listed(browser, Attempt, outcome__exact="error"))
    assert len(attempts) == len(listed(browser, Attempt, q=str(old_job.pk)))
    assert len(events) == len(listed(browser, PoolEvent))
    assert [] == listed(browser, PoolEvent, level__exact="error")
    assert len(spans) == len(listed(browser, PoolSnapshot))
    assert [] == listed(browser, PoolSnapshot, span__exact="60")


@pytest.mark.parametrize("model", [Job, Attempt, PoolEvent, PoolSnapshot])
def test_nothing_is_sorted(browser: Client, old_job: Job, model: type) -> None:
    changes = browser.get(f"/admin/pool/{model.__name__.lower()}/").context["cl"]
    assert "TEMP B-TREE" not in changes.queryset.explain()
