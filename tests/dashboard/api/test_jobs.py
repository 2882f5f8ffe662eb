"""Jobs over the API: lists with filters and pages, one job, and what can be done to it."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from pool.domain.ids import new_id
from pool.domain.states import JobStatus
from pool.models import Attempt, Job, JobLog, PoolEvent
from tests.dashboard.people import Api, problem_of

pytestmark = pytest.mark.django_db


def a_job(**fields: Any) -> Job:
    now = timezone.now()
    return Job.objects.create(**{"id": new_id(), "task": "app.send", "created_at": now, "run_at": now, **fields})


def ids(response: Any) -> list[str]:
    assert response.status_code == 200, response.content
    return [job["id"] for job in response.json()["results"]]


def names(*jobs: Job) -> list[str]:
    return [str(job.pk) for job in jobs]


def test_list_pages_both_ways_by_the_addresses_it_gives(api: Api) -> None:
    jobs = [a_job(queue="a b&c") for _ in range(5)][::-1]
    first = api.get("jobs", limit=2, queue="a b&c")
    assert (ids(first), first.json()["previous"]) == (names(*jobs[:2]), None)
    assert first.json()["next"].startswith("http://testserver/api/v1/jobs?")
    second = api.client.get(first.json()["next"], headers=api.headers)
    assert ids(second) == names(*jobs[2:4])
    third = api.client.get(second.json()["next"], headers=api.headers)
    assert (ids(third), third.json()["next"]) == (names(jobs[4]), None)
    assert ids(api.client.get(third.json()["previous"], headers=api.headers)) == names(*jobs[2:4])


def test_list_is_filtered(api: Api) -> None:
    now = timezone.now()
    old = a_job(id=uuid.UUID("018cc251-f400-7000-8000-000000000001"), created_at=now.replace(2024, 1, 1))
    mine = a_job(queue="mail", task="app.mail", tenant="acme", tags=["x", "y"], status=JobStatus.FAILED)
    hour = (now - timedelta(hours=1)).isoformat()
    for filters, expected in (
        ({"status": "failed"}, [mine]),
        ({"queue": "mail"}, [mine]),
        ({"task": "app.mail"}, [mine]),
        ({"tenant": "acme"}, [mine]),
        ({"tag": "x"}, [mine]),
        ({"tag": "z"}, []),
        ({"search": "mai"}, [mine]),
        ({"created_after": hour}, [mine]),
        ({"created_before": hour}, [old]),
        ({"created_before": "2025-01-01T00:00:00Z", "created_after": "2023-01-01T00:00:00+01:00"}, [old]),
        ({"queue": ""}, [mine, old]),
    ):
        assert ids(api.get("jobs", **filters)) == names(*expected), filters


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("status", "DONE"),
        ("queue", "\x00"),
        ("tag", "a\nb"),
        ("cursor", "x"),
        ("limit", "0"),
        ("limit", "201"),
        ("limit", "²"),
        ("limit", "1" * 30),
        ("created_after", "yesterday"),
        ("created_after", "2030-01-31"),
        ("created_before", "0001-01-01T00:00:00Z"),
        ("state", "FAILED"),
        ("order_by", "id"),
        ("queue__startswith", "x"),
    ],
)
def test_wrong_parameter_is_refused_with_its_name(api: Api, name: str, value: str) -> None:
    assert problem_of(api.get("jobs", **{name: value}), 400)["field"] == name
    assert problem_of(api.get("dead-letters", **{name: value}), 400)["field"] == name


def test_parameter_given_twice_is_refused(api: Api) -> None:
    response = api.client.get("/api/v1/jobs?queue=a&queue=b", headers=api.headers)
    assert problem_of(response, 400)["field"] == "queue"


def test_dead_letters_are_those_nobody_discarded(api: Api) -> None:
    failed, late = a_job(status=JobStatus.FAILED, queue="a"), a_job(status=JobStatus.TIMEOUT, queue="b")
    a_job(status=JobStatus.FAILED, discarded_at=timezone.now())
    a_job(status=JobStatus.CANCELLED)
    assert ids(api.get("dead-letters")) == names(late, failed)
    assert ids(api.get("dead-letters", queue="a")) == names(failed)


def test_job_is_shown_by_any_spelling_of_its_id(api: Api) -> None:
    job = a_job(status=JobStatus.FAILED, error={"type": "ValueError", "message": "ü", "traceback": "…"})
    for spelling in (str(job.pk), job.pk.hex, str(job.pk).upper()):
        shown = api.get(f"jobs/{spelling}").json()
        assert (shown["id"], shown["error"]["message"]) == (str(job.pk), "ü")


def test_waiting_job_says_where_it_stands_and_why(api: Api) -> None:
    first, second = a_job(), a_job()
    api.post("queues/default/pause")
    assert api.get(f"jobs/{first.pk}").json()["position"] == 0
    shown = api.get(f"jobs/{second.pk}").json()
    assert shown["position"] == 1
    assert "is paused" in shown["explanation"]


@pytest.mark.parametrize("what", ["", "/attempts", "/logs", "/explain", "/stack"])
@pytest.mark.parametrize("name", [str(uuid.uuid4()), "no-id", "%00", "%ED%A0%80", "x" * 3000])
def test_unknown_job_is_404(api: Api, name: str, what: str) -> None:
    problem_of(api.get(f"jobs/{name}{what}"), 404)


@pytest.mark.parametrize("status", [JobStatus.PENDING, JobStatus.SCHEDULED])
def test_waiting_job_is_cancelled_at_once(api: Api, status: JobStatus) -> None:
    job = a_job(status=status)
    response = api.delete(f"jobs/{job.pk}")
    assert (response.status_code, response.json()["status"]) == (200, "CANCELLED")
    event = PoolEvent.objects.get()
    assert (event.name, event.job, event.actor) == ("job.cancelled", job.pk, "ada (token laptop)")
    assert event.source == "api 127.0.0.1"
    assert "already ended: it is CANCELLED" in problem_of(api.delete(f"jobs/{job.pk}"), 409)["detail"]


@pytest.mark.parametrize("status", [JobStatus.ASSIGNED, JobStatus.RUNNING])
def test_cancel_of_a_running_job_is_requested(api: Api, status: JobStatus) -> None:
    job = a_job(status=status, node="n1")
    for _ in range(2):
        response = api.delete(f"jobs/{job.pk}")
        assert (response.status_code, response.json()["status"]) == (202, status)
    job.refresh_from_db()
    assert job.cancel_requested_at is not None
    assert PoolEvent.objects.get().name == "job.cancel_requested"


@pytest.mark.parametrize("status", [JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.TIMEOUT])
def test_job_that_has_ended_cannot_be_cancelled(api: Api, status: JobStatus) -> None:
    job = a_job(status=status)
    problem_of(api.delete(f"jobs/{job.pk}"), 409)
    job.refresh_from_db()
    assert job.status == status


@pytest.mark.parametrize("status", [JobStatus.FAILED, JobStatus.TIMEOUT, JobStatus.CANCELLED])
def test_job_that_did_not_complete_is_retried(api: Api, status: JobStatus) -> None:
    job = a_job(status=status, attempts=4)
    response = api.post(f"jobs/{job.pk}/retry")
    assert (response.status_code, response.json()["status"]) == (200, "PENDING")
    assert PoolEvent.objects.get().name == "job.retried"
    problem_of(api.post(f"jobs/{job.pk}/retry"), 409)


def test_dead_letter_is_discarded_once(api: Api) -> None:
    job = a_job(status=JobStatus.FAILED)
    assert api.post(f"jobs/{job.pk}/discard").status_code == 200
    assert PoolEvent.objects.get().name == "job.discarded"
    problem_of(api.post(f"jobs/{job.pk}/discard"), 409)
    problem_of(api.post(f"jobs/{a_job().pk}/discard"), 409)


def test_verbs_on_an_unknown_job_are_404(api: Api) -> None:
    problem_of(api.delete(f"jobs/{new_id()}"), 404)
    for verb in ("retry", "discard"):
        problem_of(api.post(f"jobs/{new_id()}/{verb}"), 404)
        problem_of(api.post(f"jobs/x/{verb}"), 404)


def test_attempts_and_logs_are_listed(api: Api) -> None:
    job, now = a_job(), timezone.now()
    Attempt.objects.create(job=job, epoch=1, number=1, outcome="error", finished_at=now, error_type="ValueError")
    pieces = [JobLog.objects.create(job=job, epoch=1, at=now, stream="stdout", text=text) for text in "abc"]
    (attempt,) = api.get(f"jobs/{job.pk}/attempts").json()["results"]
    assert (attempt["number"], attempt["error"]["type"]) == (1, "ValueError")
    first = api.get(f"jobs/{job.pk}/logs", limit=2).json()
    assert [piece["text"] for piece in first["results"]] == ["a", "b"]
    second = api.client.get(first["next"], headers=api.headers).json()
    assert ([piece["text"] for piece in second["results"]], second["next"]) == (["c"], None)
    assert api.get(f"jobs/{job.pk}/logs", after=pieces[-1].pk).json()["results"] == []
    assert problem_of(api.get(f"jobs/{job.pk}/logs", after="x"), 400)["field"] == "after"
    assert problem_of(api.get(f"jobs/{job.pk}/logs", after=2**63), 400)["field"] == "after"
