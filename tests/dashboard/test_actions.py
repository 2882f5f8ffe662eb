"""What people do from the pages: by form and by script, with the right to do so and an entry that tells of it."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from dashboard.actions import many_jobs
from pool.domain.ids import new_id
from pool.domain.states import JobStatus, NodeState
from pool.models import Job, Node, PoolEvent, Queue
from tests.dashboard.conftest import signed_in
from tests.dashboard.people import a_user
from tests.dashboard.rows import a_job, a_node, an_error

pytestmark = pytest.mark.django_db

JSON = {"Accept": "application/json"}


def post(client: Client, name: str, *args: Any, **fields: Any) -> Any:
    return client.post(reverse(f"dashboard:{name}", args=args), fields)


def asked(client: Client, name: str, *args: Any, **fields: Any) -> Any:
    """The same by a script."""
    return client.post(reverse(f"dashboard:{name}", args=args), fields, headers=JSON)


def status_of(job: Job) -> str:
    job.refresh_from_db()
    return job.status


def audit() -> list[tuple[str, str, str]]:
    return list(PoolEvent.objects.order_by("id").values_list("name", "actor", "source"))


def notices(response: Any) -> list[str]:
    return [str(message) for message in response.context["notices"]]


def said(client: Client) -> str:
    """What the next page tells."""
    return str(client.get("/dashboard/schedules/").content.decode()).split('<div class="toasts"')[1]


def test_waiting_job_is_cancelled_and_brought_back(operator: Client) -> None:
    job = a_job()
    response = post(operator, "cancel", job.pk, next="/dashboard/jobs/?queue=mail")
    assert (response.status_code, response["Location"]) == (303, "/dashboard/jobs/?queue=mail")
    assert status_of(job) == JobStatus.CANCELLED
    assert audit() == [("job.cancelled", "ada", "page 127.0.0.1")]
    page = said(operator)
    assert "Job cancelled." in page
    assert f'action="/dashboard/jobs/{job.pk}/retry"' in page
    post(operator, "retry", job.pk)
    assert status_of(job) == JobStatus.PENDING


def test_running_job_is_asked_to_end(operator: Client) -> None:
    job = a_job(JobStatus.RUNNING)
    answer = asked(operator, "cancel", job.pk).json()
    assert answer == {"text": answer["text"], "level": "success", "undo": None}
    job.refresh_from_db()
    assert (job.status, job.cancelled_by) == (JobStatus.RUNNING, "ada")
    assert job.cancel_requested_at is not None


def test_what_cannot_be_done_is_said_in_a_sentence(operator: Client) -> None:
    job = a_job(JobStatus.COMPLETED)
    assert asked(operator, "cancel", job.pk).json()["level"] == "warning"
    refused = asked(operator, "retry", job.pk)
    assert refused.status_code == 409
    assert "Only a failed" in refused.json()["detail"]
    assert post(operator, "retry", job.pk).status_code == 303
    assert "Only a failed" in said(operator)
    for verb in ("cancel", "retry", "discard"):
        assert post(operator, verb, new_id()).status_code == 404
        assert asked(operator, verb, new_id()).status_code == 404


def test_dead_letter_is_discarded(operator: Client) -> None:
    job = a_job(JobStatus.FAILED)
    post(operator, "discard", job.pk)
    job.refresh_from_db()
    assert job.discarded_at is not None
    assert [name for name, _, _ in audit()] == ["job.discarded"]


@pytest.mark.parametrize("verb", ["cancel", "retry", "discard"])
def test_many_are_confirmed_with_their_number_first(operator: Client, verb: str) -> None:
    jobs = [a_job(JobStatus.PENDING if verb == "cancel" else JobStatus.FAILED) for _ in range(3)]
    fields = {"id": [str(job.pk) for job in jobs], "next": "/dashboard/jobs/"}
    question = post(operator, f"{verb}-selected", **fields)
    assert question.status_code == 200
    assert f"{verb.capitalize()} 3 jobs?" in question.content.decode()
    assert all(str(job.pk) in question.content.decode() for job in jobs)
    assert audit() == []
    answer = post(operator, f"{verb}-selected", **fields, confirmed="1")
    assert answer["Location"] == "/dashboard/jobs/"
    assert "3 jobs" in said(operator)
    assert len({status_of(job) for job in jobs}) == 1
    assert {actor for _, actor, _ in audit()} == {"ada"}


def test_selection_leaves_alone_what_does_not_fit(operator: Client) -> None:
    dead, done = a_job(JobStatus.FAILED), a_job(JobStatus.COMPLETED)
    fields = {"id": [str(dead.pk), str(done.pk), str(new_id()), "nonsense"], "confirmed": "1"}
    assert (
        asked(operator, "retry-selected", **fields).json()["text"] == "1 job waiting again, 2 jobs left as they were."
    )
    assert (status_of(dead), status_of(done)) == (JobStatus.PENDING, JobStatus.COMPLETED)
    assert asked(operator, "retry-selected").json()["text"] == "No job is selected."


def test_group_of_dead_letters_is_retried_or_discarded(operator: Client) -> None:
    declined = [a_job(JobStatus.FAILED, error=an_error("Declined")) for _ in range(2)]
    other = a_job(JobStatus.FAILED, error=an_error("Lost"))
    late = a_job(JobStatus.TIMEOUT, error=an_error("Declined"))
    post(operator, "retry-group", task="shop.tasks.send", error="Declined")
    assert {status_of(job) for job in (*declined, late)} == {JobStatus.PENDING}
    post(operator, "discard-group", task="shop.tasks.send", error="Lost")
    other.refresh_from_db()
    assert other.discarded_at is not None
    assert "no such dead letters" in asked(operator, "retry-group", task="x", error="y").json()["text"]


def test_large_group_is_done_in_parts_and_says_so(operator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(many_jobs, "MOST_AT_ONCE", 2)
    for _ in range(3):
        a_job(JobStatus.FAILED, error=an_error("Declined"))
    first = asked(operator, "retry-group", task="shop.tasks.send", error="Declined").json()["text"]
    assert first == "2 jobs waiting again. There are more: press again for the next ones."
    second = asked(operator, "retry-group", task="shop.tasks.send", error="Declined").json()["text"]
    assert second == "1 job waiting again."


def test_queue_is_paused_and_resumed_with_a_way_back(operator: Client) -> None:
    answer = asked(operator, "pause", queue="mail").json()
    assert answer["undo"] == {"url": "/dashboard/queues/resume", "fields": {"queue": "mail"}}
    assert Queue.objects.get(name="mail").paused
    assert asked(operator, "pause", queue="mail").json()["level"] == "warning"
    assert operator.post(answer["undo"]["url"], answer["undo"]["fields"]).status_code == 303
    assert not Queue.objects.get(name="mail").paused
    assert [name for name, _, _ in audit()] == ["queue.paused", "queue.resumed"]
    assert asked(operator, "pause", queue="").status_code == 400


def test_pool_is_scaled_by_number_and_by_steps(operator: Client) -> None:
    a_node(wanted=4)
    answer = asked(operator, "scale", size=6).json()
    assert answer["text"] == "Scaling to 6 workers."
    assert answer["undo"] == {"url": "/dashboard/pool/scale", "fields": {"size": 4}}
    post(operator, "scale", step="-1", size="6")
    assert Node.objects.get().wanted == 5
    for wrong in ({"size": "many"}, {"size": "0"}, {"size": "129"}, {}, {"step": "1e3"}):
        assert asked(operator, "scale", **wrong).status_code == 400, wrong
    Node.objects.update(state=NodeState.STOPPED)
    assert asked(operator, "scale", size=2).status_code == 409


def test_workers_are_replaced_on_one_node_or_all(operator: Client) -> None:
    for name in ("a", "b"):
        a_node(id=name)
    post(operator, "restart", node="a")
    assert [node.restart_requested_at is None for node in Node.objects.order_by("id")] == [False, True]
    post(operator, "restart")
    assert not Node.objects.filter(restart_requested_at=None)
    assert asked(operator, "restart", node="nowhere").status_code == 409


ROUTES = [
    ("cancel", 1), ("retry", 1), ("discard", 1), ("cancel-selected", 0), ("retry-selected", 0), ("discard-selected", 0),
    ("retry-group", 0), ("discard-group", 0), ("pause", 0), ("resume", 0), ("scale", 0), ("restart", 0),
]  # fmt: skip


@pytest.mark.parametrize(("name", "takes_job"), ROUTES)
def test_nothing_is_done_for_those_who_may_not(viewer: Client, outsider: Client, name: str, takes_job: int) -> None:
    job = a_job(JobStatus.FAILED)
    a_node(wanted=3)
    args = [job.pk] if takes_job else []
    fields = {"queue": "mail", "size": 9, "id": str(job.pk), "confirmed": "1", "task": job.task, "error": "E"}
    for client in (viewer, outsider):
        assert post(client, name, *args, **fields).status_code == 403
        refused = asked(client, name, *args, **fields)
        assert refused.status_code == 403
        assert refused["Content-Type"] == "application/problem+json"
    stranger = Client()
    assert post(stranger, name, *args, **fields)["Location"].startswith("/admin/login/")
    assert asked(stranger, name, *args, **fields).status_code == 401
    assert (status_of(job), Node.objects.get().wanted, audit()) == (JobStatus.FAILED, 3, [])


@pytest.mark.parametrize(("name", "takes_job"), ROUTES)
def test_forms_need_their_token_and_post(name: str, takes_job: int) -> None:
    url = reverse(f"dashboard:{name}", args=[new_id()] if takes_job else [])
    operator = a_user("ada", "view_job", "change_job")
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(operator)
    assert strict.post(url, {"size": 3}).status_code == 403
    assert signed_in(operator).get(url).status_code == 405


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", ""]
)
def test_nobody_is_led_to_another_site(operator: Client, elsewhere: str) -> None:
    assert post(operator, "pause", queue="mail", next=elsewhere)["Location"] == "/dashboard/"
    operator.post(reverse("dashboard:resume"), {"queue": "mail"})


def test_way_back_in_a_notice_is_a_form_of_ours(operator: Client) -> None:
    post(operator, "pause", queue='a"&<b>=c')
    page = said(operator)
    assert 'action="/dashboard/queues/resume"' in page
    assert 'name="queue" value="a&quot;&amp;&lt;b&gt;=c"' in page
    assert "csrfmiddlewaretoken" in page
