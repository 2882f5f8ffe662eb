"""The stream of a job's events: who may listen, what is sent, and when it ends."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.test import AsyncClient
from django.utils import timezone

from dashboard.api import stream
from pool.domain.ids import new_id
from pool.models import ApiToken, Job, JobLog
from tests.dashboard.people import Api, a_user

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "POLL_S", 0.01)


def a_job(**fields: Any) -> Job:
    now = timezone.now()
    return Job.objects.create(id=new_id(), task="app.send", created_at=now, run_at=now, **fields)


def listen(api: Api, job: Any, act: Callable[[str], None] = lambda text: None, **headers: str) -> tuple[Any, str]:
    """Listen until the stream ends; `act` sees each part as it comes."""

    async def hear() -> tuple[Any, str]:
        client = AsyncClient()
        client.cookies = api.client.cookies
        response: Any = await client.get(f"/api/v1/jobs/{job}/events", headers={**api.headers, **headers})
        if not response.streaming:
            return response, response.content.decode()
        parts: AsyncIterator[bytes] = response.streaming_content
        text = ""
        async with asyncio.timeout(20):
            async for part in parts:
                text += part.decode()
                await sync_to_async(act)(part.decode())
        return response, text

    return asyncio.run(hear())


def event_names(text: str) -> list[str]:
    return [line.removeprefix("event: ") for line in text.split("\n") if line.startswith("event: ")]


def finish(job: Job) -> Callable[[str], None]:
    def act(text: str) -> None:
        if "event: start" in text:
            JobLog.objects.create(job=job, epoch=1, at=timezone.now(), stream="note", text="step: load\n")
            Job.objects.filter(pk=job.pk).update(status="COMPLETED", result=7, finished_at=timezone.now(), progress=1.0)

    return act


def test_job_is_followed_to_its_end(api: Api) -> None:
    job = a_job(status="RUNNING", attempts=1, started_at=timezone.now(), worker="w1")
    response, text = listen(api, job.pk, finish(job))
    assert response["Content-Type"].startswith("text/event-stream")
    assert (response["Cache-Control"], response["X-Accel-Buffering"]) == ("no-store", "no")
    assert response["Content-Security-Policy"].startswith("default-src 'none'")
    assert text.startswith("retry: 1000\n\n")
    assert event_names(text) == ["start", "step", "progress", "complete"]
    assert '"result": 7' in text
    assert stream._reading.streams == 0
    assert stream._reading.aside is None


def test_listener_who_heard_the_end_need_not_come_back(api: Api) -> None:
    job = a_job(status="FAILED", attempts=1, started_at=timezone.now(), error={"type": "ValueError"})
    _, text = listen(api, job.pk)
    assert event_names(text) == ["start", "error"]
    last = [line.removeprefix("id: ") for line in text.split("\n") if line.startswith("id: ")][-1]
    response, text = listen(api, job.pk, **{"Last-Event-ID": last})
    assert (response.status_code, text) == (204, "")


def test_listener_goes_on_where_it_was(api: Api) -> None:
    job = a_job(status="CANCELLED", attempts=1, started_at=timezone.now())
    pieces = [JobLog.objects.create(job=job, epoch=1, at=timezone.now(), stream="stdout", text=text) for text in "ab"]
    _, text = listen(api, job.pk, **{"Last-Event-ID": f"{pieces[0].pk}.1.0"})
    assert event_names(text) == ["log", "cancelled"]
    assert '"text": "b"' in text


def test_stream_ends_after_its_time_and_its_bytes(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    job = a_job()
    monkeypatch.setattr(stream, "LASTS_S", 0.05)
    monkeypatch.setattr(stream, "SIGN_EVERY_S", 0.0)
    assert ": still here\n\n" in listen(api, job.pk)[1]
    monkeypatch.setattr(stream, "LASTS_S", 60.0)
    monkeypatch.setattr(stream, "MOST_BYTES", 100)
    JobLog.objects.create(job=job, epoch=1, at=timezone.now(), stream="stdout", text="x" * 100)
    assert event_names(listen(api, job.pk)[1]) == ["log"]


def test_listener_without_the_right_is_refused(api: Api) -> None:
    job = a_job()
    for caller, status in ((Api(), 401), (Api("x" * 64), 401), (Api.of(a_user("ben", "add_job")), 403)):
        response, _ = listen(caller, job.pk)
        assert response.status_code == status
        assert response["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("job", [new_id(), "no-id", "%00"])
def test_unknown_job_is_404(api: Api, job: Any) -> None:
    assert listen(api, job)[0].status_code == 404


def test_wrong_last_event_is_refused(api: Api) -> None:
    response, _ = listen(api, a_job().pk, **{"Last-Event-ID": "x"})
    assert (response.status_code, response.json()["field"]) == (400, "Last-Event-ID")


def test_right_that_ends_ends_the_stream(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "RIGHTS_EVERY_S", 0.02)
    job = a_job(status="RUNNING", attempts=1, started_at=timezone.now())
    _, text = listen(api, job.pk, lambda text: ApiToken.objects.all().delete() and None)
    assert event_names(text) in ([], ["start"])


def test_session_that_ends_ends_the_stream(ada: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "RIGHTS_EVERY_S", 0.02)
    job = a_job(status="RUNNING", attempts=1, started_at=timezone.now())
    api = Api()
    api.client.force_login(ada)

    def log_out(text: str) -> None:
        if "event: start" in text:
            api.client.session.flush()

    assert event_names(listen(api, job.pk, log_out)[1]) == ["start"]


def test_too_many_listeners_are_told_to_come_back(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "MOST_STREAMS", 0)
    response, _ = listen(api, a_job().pk)
    assert (response.status_code, response["Retry-After"]) == (503, "5")


def test_only_get_is_taken(api: Api) -> None:
    response = api.post(f"jobs/{a_job().pk}/events", {})
    assert (response.status_code, response["Allow"]) == (405, "GET")
