"""Schedules over the API."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from django_q.models import Schedule

from pool.models import Job, PoolEvent, ScheduleState
from tests.dashboard.people import Api, problem_of

pytestmark = pytest.mark.django_db


def a_schedule(**fields: Any) -> Schedule:
    values = {"func": "tests.contract.tasks.add", "args": "1", "next_run": timezone.now() + timedelta(hours=1)}
    return Schedule.objects.create(**{**values, "schedule_type": "H", **fields})


def test_schedules_are_listed_page_by_page_and_searched(api: Api) -> None:
    rows = [a_schedule(name=f"nightly {number}") for number in range(3)]
    found = api.get("schedules").json()
    assert ([row.pk for row in rows], None) == ([one["id"] for one in found["results"]], found["next"])
    first = api.get("schedules", limit=2).json()
    assert [row.pk for row in rows[:2]] == [one["id"] for one in first["results"]]
    onward = api.client.get(first["next"], headers=api.headers).json()
    assert ([rows[2].pk], None) == ([one["id"] for one in onward["results"]], onward["next"])
    assert [rows[1].pk] == [one["id"] for one in api.get("schedules", search="LY 1").json()["results"]]
    for wrong in ({"after": "-1"}, {"limit": "0"}, {"limit": "201"}, {"nix": "1"}):
        assert problem_of(api.get("schedules", **wrong), 400)["field"] == next(iter(wrong))


def test_schedule_tells_its_rhythm_and_its_next_runs(api: Api) -> None:
    row = a_schedule(name="nightly", repeats=2)
    one = api.get(f"schedules/{row.pk}").json()
    assert ("nightly", "hourly", 2, "ACTIVE") == tuple(one[key] for key in ("name", "rhythm", "repeats", "status"))
    assert one["next_run"] == one["next_runs"][0]
    assert 2 == len(one["next_runs"])
    assert (None, None, 0) == tuple(one[key] for key in ("problem", "last_job", "missed"))
    assert one == api.get("schedules/nightly").json()


def test_schedule_is_paused_resumed_and_run(api: Api) -> None:
    row = a_schedule()
    paused = api.post(f"schedules/{row.pk}/pause").json()
    assert ("PAUSED", "ada (token laptop)") == (paused["status"], paused["paused_by"])
    ran = api.post(f"schedules/{row.pk}/run")
    assert 201 == ran.status_code
    job = Job.objects.get()
    assert (str(job.pk), [1]) == (ran.json()["id"], ran.json()["args"])
    assert str(job.pk) == api.get(f"schedules/{row.pk}").json()["last_job"]
    assert "ACTIVE" == api.post(f"schedules/{row.pk}/resume").json()["status"]
    names = list(PoolEvent.objects.order_by("pk").values_list("name", "actor"))
    assert [(f"schedule.{verb}", "ada (token laptop)") for verb in ("paused", "run", "resumed")] == names


def test_schedule_that_cannot_be_run_is_refused_with_the_reason(api: Api) -> None:
    row = a_schedule(func="os.system")
    assert "no task 'os.system'" in problem_of(api.post(f"schedules/{row.pk}/run"), 409)["detail"]
    assert not Job.objects.exists()
    assert "no task 'os.system'" in api.get(f"schedules/{row.pk}").json()["problem"]


@pytest.mark.parametrize("id", ["0", "x", "99999999999", "%00", "%ED%A0%80", "a%0Ab", "1.0"])
def test_schedule_that_there_is_not_is_not_found(api: Api, id: str) -> None:
    problem_of(api.get(f"schedules/{id}"), 404)
    for verb in ("pause", "resume", "run"):
        problem_of(api.post(f"schedules/{id}/{verb}"), 404)
    assert not ScheduleState.objects.exists()


def test_without_django_q2_the_reason_is_told(api: Api, settings: Any) -> None:
    settings.INSTALLED_APPS = [app for app in settings.INSTALLED_APPS if app != "django_q"]
    assert 'add "django_q" to INSTALLED_APPS' in problem_of(api.get("schedules"), 404)["detail"]
