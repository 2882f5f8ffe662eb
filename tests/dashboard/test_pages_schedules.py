"""The page of schedules: what it answers, what one can do there, and how it is without django-q2."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_q.models import Schedule

from dashboard.pages import schedules
from pool.domain.states import JobStatus
from pool.models import Job, PoolEvent, ScheduleState
from pool.registry import discover
from pool.store.schedules import pause
from tests.dashboard.conftest import signed_in
from tests.dashboard.rows import a_job
from tests.dashboard.test_pages import INJECTIONS, assert_harmless, text_of

pytestmark = pytest.mark.django_db

PATH = "schedules/"
ADD = "tests.contract.tasks.add"


@pytest.fixture(autouse=True)
def _known_tasks(settings: Any) -> None:
    settings.POOL = {**settings.POOL, "task_modules": ["tests.contract.tasks"]}
    discover.cache_clear()


def a_schedule(**fields: Any) -> Schedule:
    values = {"func": ADD, "args": "1", "next_run": timezone.now() + timedelta(hours=1), "schedule_type": "D"}
    return Schedule.objects.create(**{**values, **fields})


def row_of(page: str, row: Schedule) -> str:
    found = re.search(rf'(?s)<tr data-region="schedule {row.pk}">.*?</tr>', page)
    assert found is not None
    return found[0]


def test_each_schedule_tells_its_rhythm_its_next_run_and_its_last(operator: Client) -> None:
    now = timezone.now()
    job = a_job(JobStatus.FAILED)
    row = a_schedule(name="Nightly import", schedule_type="I", minutes=90)
    ScheduleState.objects.create(
        schedule=row.pk, last_due_at=now - timedelta(minutes=9), last_fired_at=now, last_job=job.pk, missed=3
    )
    line = row_of(text_of(operator, PATH), row)
    for words in ("Nightly import", "every 90 minutes", "Active", ">in ", "9 min late", "Failed", ">3<"):
        assert words in line, words
    assert f'href="/dashboard/jobs/{job.pk}/"' in line


def test_what_is_late_paused_or_finished_says_so_and_the_soonest_come_first(operator: Client) -> None:
    now = timezone.now()
    finished = a_schedule(name="over", repeats=0, next_run=now - timedelta(days=3))
    resting = a_schedule(name="resting", next_run=now + timedelta(days=1))
    late = a_schedule(name="overdue", next_run=now - timedelta(minutes=14))
    pause(resting.pk)
    page = text_of(operator, PATH)
    assert [late.pk, resting.pk, finished.pk] == [int(pk) for pk in re.findall(r'"schedule (\d+)"', page)]
    assert "is-late" in row_of(page, late)
    assert "for 14 min" in row_of(page, late)
    assert "is-paused" in row_of(page, resting)
    assert "is-finished" in row_of(page, finished)
    assert "/resume" in row_of(page, resting)
    assert "/pause" not in row_of(page, finished)


def test_one_that_cannot_be_run_says_why(operator: Client) -> None:
    row = a_schedule(func="os.system")
    assert "There is no task &#x27;os.system&#x27;" in row_of(text_of(operator, PATH), row)


def test_those_of_other_clusters_are_told_of(operator: Client) -> None:
    a_schedule(cluster="reports")
    page = text_of(operator, PATH)
    assert "No schedules yet" in page
    assert "Other schedules belong to clusters of django-q2" in page


def test_many_are_searched(operator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    a_schedule(name="alpha")
    a_schedule(name="beta")
    page = text_of(operator, f"{PATH}?search=ALP")
    assert "alpha" in page
    assert "beta" not in page
    assert "No schedule is called like that" in text_of(operator, f"{PATH}?search=gamma")


def test_schedule_is_paused_resumed_and_run_from_the_page(operator: Client) -> None:
    row = a_schedule(name="nightly")
    paused = operator.post(reverse("dashboard:pause-schedule", args=[row.pk]), {"next": "/dashboard/schedules/"})
    assert (303, "/dashboard/schedules/") == (paused.status_code, paused["Location"])
    page = text_of(operator, PATH)
    assert "Schedule nightly is paused." in page
    assert f'action="/dashboard/schedules/{row.pk}/resume"' in page
    operator.post(reverse("dashboard:run-schedule", args=[row.pk]))
    assert [ADD] == [job.task for job in Job.objects.all()]
    operator.post(reverse("dashboard:resume-schedule", args=[row.pk]))
    names = list(PoolEvent.objects.order_by("id").values_list("name", flat=True))
    assert ["schedule.paused", "schedule.run", "schedule.resumed"] == names
    audit = text_of(operator, "events/")
    for words in ("ada paused schedule nightly.", "ada ran nightly now.", "ada resumed schedule nightly."):
        assert words in audit


@pytest.mark.parametrize("verb", ["pause", "resume", "run"])
def test_what_cannot_be_done_is_said(operator: Client, verb: str) -> None:
    unknown = operator.post(f"/dashboard/schedules/99/{verb}", headers={"Accept": "application/json"})
    assert 404 == unknown.status_code
    assert "no schedule" in unknown.json()["detail"]
    if verb == "run":
        row = a_schedule(args="1 +")
        assert (
            409
            == operator.post(f"/dashboard/schedules/{row.pk}/run", headers={"Accept": "application/json"}).status_code
        )


@pytest.mark.parametrize("verb", ["pause", "resume", "run"])
def test_who_may_only_look_does_nothing(viewer: Client, verb: str) -> None:
    row = a_schedule()
    assert 403 == viewer.post(f"/dashboard/schedules/{row.pk}/{verb}").status_code
    assert 'method="post"' not in row_of(text_of(viewer, PATH), row)
    assert not Job.objects.exists()
    assert not ScheduleState.objects.exists()


def test_way_to_the_admin_is_shown_to_those_who_may_use_it(operator: Client, django_user_model: Any) -> None:
    row = a_schedule()
    assert "/admin/" not in row_of(text_of(operator, PATH), row)
    boss = signed_in(django_user_model.objects.create_superuser("boss"))
    page = text_of(boss, PATH)
    assert f'href="/admin/django_q/schedule/{row.pk}/change/"' in row_of(page, row)
    assert 'href="/admin/django_q/schedule/add/"' in page


def test_admin_of_what_was_noted_leads_to_the_schedule(django_user_model: Any) -> None:
    row = a_schedule()
    ScheduleState.objects.create(schedule=row.pk)
    boss = signed_in(django_user_model.objects.create_superuser("boss"))
    page = boss.get("/admin/pool/schedulestate/").content.decode()
    assert f'href="/admin/django_q/schedule/{row.pk}/change/"' in page


@pytest.mark.parametrize("text", INJECTIONS)
def test_hostile_texts_are_shown_as_they_are(operator: Client, text: str) -> None:
    now = timezone.now()
    row = a_schedule(name=text, func=text, args=repr(text), kwargs=text, next_run=now - timedelta(hours=1))
    Schedule.objects.bulk_create([Schedule(name=text, func=text, schedule_type="C", cron=text, next_run=now)])
    ScheduleState.objects.create(schedule=row.pk, paused_by=text, paused_at=now)
    page = text_of(operator, PATH)
    assert_harmless(page, text)
    assert_harmless(operator.get("/dashboard/schedules/", {"search": text}).content.decode(), text)


def test_without_django_q2_the_page_says_what_to_do(operator: Client, settings: Any) -> None:
    settings.INSTALLED_APPS = [app for app in settings.INSTALLED_APPS if app != "django_q"]
    page = text_of(operator, PATH)
    assert "add &quot;django_q&quot; to INSTALLED_APPS" in page
    assert 404 == operator.post("/dashboard/schedules/1/pause", headers={"Accept": "application/json"}).status_code


def test_only_a_part_of_very_many_is_shown(operator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedules, "listed", lambda *given, **more: _listed(*given, **more, limit=1))
    a_schedule()
    a_schedule()
    assert "These are the" in text_of(operator, PATH)


_listed = schedules.listed
