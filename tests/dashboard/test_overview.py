"""The overview: for staff, drawn by the server, strict towards the browser."""

import re
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from dashboard import wording
from pool.domain.ids import new_id
from pool.domain.states import JobStatus, NodeState, WorkerState
from pool.models import Job, Node, Queue, Tally, WorkerSnapshot

FORBIDDEN = re.compile(r"<script|<style|\son[a-z]+=|\sstyle=|javascript:", re.IGNORECASE)


@pytest.fixture
def staff(client: Client, django_user_model: Any) -> Client:
    client.force_login(django_user_model.objects.create_superuser("ada"))
    return client


@pytest.fixture
def busy_pool() -> None:
    now = timezone.now()
    Node.objects.create(id="n1", host="h", pid=1, state=NodeState.RUNNING, started_at=now, last_beat=now)
    WorkerSnapshot.objects.create(
        id="n1-w0", node="n1", slot=0, pid=2, state=WorkerState.BUSY, started_at=now, last_beat=now
    )
    Queue.objects.create(name="mail", paused=True)
    Tally.objects.create(queue="mail", pending=12345)
    for status in JobStatus:
        Job.objects.create(
            id=new_id(), task=f"app.<b>{status}", queue="mail", status=status, created_at=now, run_at=now
        )


@pytest.mark.django_db
def test_empty_pool_says_what_will_be_here(staff: Client) -> None:
    page = staff.get("/dashboard/").content.decode()
    assert "manage.py pool start" in page
    assert "manage.py pool demo" in page
    assert "<dd>–</dd>" in page


@pytest.mark.django_db
def test_pool_is_shown_with_its_queues_workers_and_jobs(staff: Client, busy_pool: None) -> None:
    page = staff.get("/dashboard/").content.decode()
    assert "12,345" in page
    assert "n1-w0" in page
    assert "paused" in page
    assert all(f"job-{status.lower()}" in page for status in JobStatus)
    assert "app.&lt;b&gt;FAILED" in page


@pytest.mark.django_db
def test_page_needs_nothing_that_the_policy_forbids(staff: Client, busy_pool: None) -> None:
    response = staff.get("/dashboard/")
    assert FORBIDDEN.findall(response.content.decode()) == []
    assert "default-src 'none'" in response["Content-Security-Policy"]
    assert "unsafe" not in response["Content-Security-Policy"]
    assert "no-store" in response["Cache-Control"]


@pytest.mark.django_db
def test_stranger_is_led_to_the_login(client: Client) -> None:
    response = client.get("/dashboard/")
    assert response.status_code == 302
    assert response["Location"] == "/admin/login/?next=/dashboard/"


@pytest.mark.django_db
def test_user_who_is_not_staff_is_refused(client: Client, django_user_model: Any) -> None:
    client.force_login(django_user_model.objects.create_user("ben"))
    assert client.get("/dashboard/").status_code == 403


@pytest.mark.parametrize(
    ("word", "value", "text"),
    [
        (wording.number, None, "–"),
        (wording.number, 0, "0"),
        (wording.number, 1234567, "1,234,567"),
        (wording.number, 12.345, "12.3"),
        (wording.rate, 1240.4, "1,240 /s"),
        (wording.milliseconds, 0.25, "250 µs"),
        (wording.milliseconds, 38.04, "38 ms"),
        (wording.milliseconds, 1530.0, "1.53 s"),
        (wording.milliseconds, 240_000.0, "4 min"),
        (wording.age, 0.2, "< 1 s"),
        (wording.age, 3599.0, "59 min"),
        (wording.age, 90_000.0, "1 d"),
        (wording.size, 999, "999 B"),
        (wording.size, 48_200_000, "48.2 MB"),
        (wording.percent, 0.613, "61.3 %"),
        (wording.percent, 1.0, "100 %"),
        (wording.percent, None, "–"),
    ],
)
def test_figures_are_written_with_unit_and_three_digits(word: Any, value: Any, text: str) -> None:
    assert word(value) == text
