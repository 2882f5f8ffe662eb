"""An operator's verbs in Django admin: offered to those who may, confirmed, carried out, written down."""

import re
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from dashboard.admin import verbs
from pool.domain.ids import new_id
from pool.domain.states import JobStatus
from pool.models import ApiToken, Job, PoolEvent, Queue
from pool.store.tokens import create_token
from tests.dashboard.people import a_user

pytestmark = pytest.mark.django_db

JOBS = "/admin/pool/job/"
QUEUES = "/admin/pool/queue/"
HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)"')


@pytest.fixture
def ada(django_user_model: Any) -> Any:
    return django_user_model.objects.create_superuser("ada")


@pytest.fixture
def browser(client: Client, ada: Any) -> Client:
    client.force_login(ada)
    return client


def a_job(status: JobStatus = JobStatus.PENDING, **fields: Any) -> Job:
    now = timezone.now()
    return Job.objects.create(id=new_id(), task="app.<b>send", status=status, created_at=now, run_at=now, **fields)


def choose(browser: Client, address: str, action: str, *keys: Any, **more: Any) -> Any:
    return browser.post(address, {"action": action, "_selected_action": [str(key) for key in keys], **more})


def confirm(browser: Client, page: Any) -> str:
    """Press the button of the page that asks; what came of it."""
    fields = {name: unescape(value) for name, value in HIDDEN.findall(page.content.decode())}
    answer = browser.post(page.request["PATH_INFO"], fields, follow=True)
    assert answer.redirect_chain
    return " ".join(str(message) for message in answer.context["messages"])


@pytest.mark.parametrize(
    ("action", "status", "becomes", "event"),
    [
        ("cancel", JobStatus.PENDING, JobStatus.CANCELLED, "job.cancelled"),
        ("cancel", JobStatus.RUNNING, JobStatus.RUNNING, "job.cancel_requested"),
        ("retry", JobStatus.FAILED, JobStatus.PENDING, "jobs.retried"),
        ("discard", JobStatus.TIMEOUT, JobStatus.TIMEOUT, "jobs.discarded"),
    ],
)
def test_jobs_are_changed_after_a_page_has_asked(
    browser: Client, action: str, status: JobStatus, becomes: JobStatus, event: str
) -> None:
    chosen, other = a_job(status), a_job(status)
    page = choose(browser, JOBS, action, chosen.pk)
    assert str(chosen.pk) in page.content.decode()
    assert "app.&lt;b&gt;send" in page.content.decode()
    assert str(other.pk) not in page.content.decode()
    assert not PoolEvent.objects.exists()
    assert "Jobs: " in confirm(browser, page)
    chosen.refresh_from_db()
    assert chosen.status == becomes
    assert (chosen.discarded_at is not None) == (action == "discard")
    assert (chosen.cancel_requested_at is not None) == (action == "cancel")
    written = PoolEvent.objects.get()
    assert (written.name, written.actor, written.source) == (event, "ada", "admin 127.0.0.1")


def test_jobs_that_cannot_be_changed_are_counted(browser: Client) -> None:
    jobs = [a_job(JobStatus.COMPLETED), a_job(JobStatus.PENDING)]
    page = choose(browser, JOBS, "cancel", *(job.pk for job in jobs))
    assert confirm(browser, page) == "Jobs: 1 cancelled, 1 left as they were."


def test_of_all_that_match_a_bounded_number_is_taken(browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verbs, "MOST_AT_ONCE", 3)
    monkeypatch.setattr(verbs, "SHOWN", 2)
    jobs = [a_job() for _ in range(5)]
    page = choose(browser, JOBS, "cancel", jobs[0].pk, select_across="1")
    assert "and 1 more" in page.content.decode()
    assert "More were chosen" in page.content.decode()
    assert confirm(browser, page) == "Jobs: 3 cancelled."
    assert [job.status for job in Job.objects.order_by("pk")] == ["PENDING"] * 2 + ["CANCELLED"] * 3


def test_queues_are_paused_and_resumed(browser: Client) -> None:
    for name in ("mail", "a b, ü"):
        Queue.objects.create(name=name)
    assert "1 paused" in confirm(browser, choose(browser, QUEUES, "pause", "a b, ü"))
    assert list(Queue.objects.filter(paused=True).values_list("name", "paused_by")) == [("a b, ü", "ada")]
    said = confirm(browser, choose(browser, QUEUES, "resume", "mail", "a b, ü"))
    assert said == "Queues: 1 open again, 1 were so already."
    assert list(PoolEvent.objects.order_by("pk").values_list("name", flat=True)) == ["queue.paused", "queue.resumed"]


@pytest.mark.parametrize(("address", "action"), [(JOBS, "cancel"), (JOBS, "retry"), (JOBS, "discard")])
def test_who_may_only_look_is_offered_nothing_and_can_force_nothing(client: Client, address: str, action: str) -> None:
    client.force_login(a_user("eve", "view_job", "view_queue"))
    job = a_job(JobStatus.FAILED)
    assert f'value="{action}"' not in client.get(address).content.decode()
    choose(client, address, action, job.pk, keys=str(job.pk))
    job.refresh_from_db()
    assert (job.status, job.discarded_at, job.cancel_requested_at) == ("FAILED", None, None)


def test_who_may_operate_is_offered_the_verbs(client: Client) -> None:
    client.force_login(a_user("ben", "view_job", "change_job", "view_queue"))
    page = client.get(JOBS).content.decode()
    assert all(f'value="{action}"' in page for action in ("cancel", "retry", "discard"))
    job = a_job()
    assert confirm(client, choose(client, JOBS, "cancel", job.pk)) == "Jobs: 1 cancelled."
    assert client.post(f"{JOBS}{job.pk}/change/", {"status": "PENDING"}).status_code == 403


def test_forged_keys_change_nothing_else(browser: Client) -> None:
    job = a_job()
    said = choose(browser, JOBS, "cancel", job.pk, keys="no-id\n'; DROP TABLE pool_job; --\n\x00")
    assert said.status_code == 302
    job.refresh_from_db()
    assert job.status == "PENDING"


def test_page_that_asks_needs_nothing_that_the_policy_forbids(browser: Client) -> None:
    page = choose(browser, JOBS, "cancel", a_job().pk).content.decode()
    content = page[page.index('id="content"') :]
    assert not re.search(r"<style|\son[a-z]+=|\sstyle=|javascript:", content)


def test_admin_leads_to_the_live_pages(browser: Client) -> None:
    job = a_job()
    assert f"/dashboard/jobs/{job.pk}/" in browser.get(f"{JOBS}{job.pk}/change/").content.decode()
    for address in (reverse("admin:index"), reverse("admin:app_list", args=["pool"])):
        page = browser.get(address).content.decode()
        for name in ("overview", "jobs", "queues", "workers", "nodes", "dead-letters", "events"):
            assert f'href="{reverse(f"dashboard:{name}")}"' in page, (address, name)


def test_index_leads_nobody_to_pages_they_may_not_see(client: Client) -> None:
    client.force_login(a_user("eve", "view_queue"))
    assert f'href="{reverse("dashboard:overview")}"' not in client.get(reverse("admin:index")).content.decode()


def test_revoking_a_token_is_written_down(browser: Client, ada: Any) -> None:
    rows = [create_token(ada, name)[0] for name in ("laptop", "phone", "old")]
    browser.post(f"/admin/pool/apitoken/{rows[0].pk}/delete/", {"post": "yes"})
    chosen = {"action": "delete_selected", "_selected_action": [rows[1].pk, rows[2].pk], "post": "yes"}
    browser.post("/admin/pool/apitoken/", chosen)
    assert not ApiToken.objects.exists()
    events = PoolEvent.objects.order_by("pk")
    assert sorted((event.name, event.actor, event.data["token"]) for event in events) == [
        ("token.revoked", "ada", name) for name in ("laptop", "old", "phone")
    ]


@pytest.mark.parametrize("age", ["hour", "day", "week", "nonsense"])
def test_jobs_are_filtered_by_age(browser: Client, age: str) -> None:
    job = a_job()
    assert str(job.pk) in browser.get(JOBS, {"age": age}).content.decode()


def test_events_are_filtered_by_who_and_found_by_job(browser: Client) -> None:
    job = a_job()
    PoolEvent.objects.create(at=timezone.now(), name="worker.crashed", source="node")
    PoolEvent.objects.create(at=timezone.now(), name="job.cancelled", source="admin ::1", job=job.pk)
    address = "/admin/pool/poolevent/"
    for filters, there, away in (
        ({"who": "people"}, "job.cancelled", "worker.crashed"),
        ({"who": "pool"}, "worker.crashed", "job.cancelled"),
        ({"q": str(job.pk)}, "job.cancelled", "worker.crashed"),
        ({"q": "crash"}, "worker.crashed", "job.cancelled"),
    ):
        page = browser.get(address, filters).content.decode()
        assert there in page, filters
        assert away not in page, filters
