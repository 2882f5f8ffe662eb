"""The page of one job, in each of its states."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from pool.domain.states import JobStatus
from pool.models import Batch, Job, JobDependency, JobLog, PoolEvent, Queue, Tally
from tests.dashboard.rows import a_job, a_node, a_second, an_attempt, an_error

pytestmark = pytest.mark.django_db

TRACE = """Traceback (most recent call last):
  File "/srv/shop/tasks.py", line 12, in send
    connect(address)
  File "/usr/lib/python3/site-packages/mail/client.py", line 88, in connect
    raise Declined("No money left")
shop.errors.Declined: No money left"""


def page_of(client: Client, job: Job) -> str:
    response = client.get(f"/dashboard/jobs/{job.pk}/")
    assert response.status_code == 200
    return str(response.content.decode())


def test_every_state_has_its_page_and_its_verbs(operator: Client) -> None:
    verbs = {
        JobStatus.PENDING: ["cancel"],
        JobStatus.SCHEDULED: ["cancel"],
        JobStatus.BLOCKED: ["cancel"],
        JobStatus.ASSIGNED: ["cancel"],
        JobStatus.RUNNING: ["cancel"],
        JobStatus.COMPLETED: [],
        JobStatus.FAILED: ["retry", "discard"],
        JobStatus.TIMEOUT: ["retry", "discard"],
        JobStatus.CANCELLED: ["retry"],
    }
    for status in JobStatus:
        job = a_job(status)
        page = page_of(operator, job)
        assert f"is-{status.lower()}" in page
        assert re.findall(rf'action="/dashboard/jobs/{job.pk}/(\w+)"', page) == verbs[status], status


def test_what_was_asked_or_done_already_is_not_offered_again(operator: Client) -> None:
    asked = a_job(JobStatus.RUNNING, cancel_requested_at=timezone.now())
    assert "/cancel" not in page_of(operator, asked)
    thrown_away = a_job(JobStatus.FAILED, discarded_at=timezone.now())
    assert "/discard" not in page_of(operator, thrown_away)


def test_message_comes_before_the_traceback_which_is_folded(operator: Client) -> None:
    page = page_of(operator, a_job(JobStatus.FAILED, error=an_error(trace=TRACE)))
    message, own, foreign = page.index("No money left"), page.index("shop/tasks.py"), page.index("mail/client.py")
    assert message < own < foreign
    assert '<details class="folded"><summary>1 frame of libraries' in page
    assert page.count("shop.errors.Declined: No money left") == 0


def test_result_is_shown_as_json_and_cut_when_long(operator: Client) -> None:
    assert "&quot;größe&quot;: 3" in page_of(operator, a_job(JobStatus.COMPLETED, result={"größe": 3}))
    assert "It returned nothing" in page_of(operator, a_job(JobStatus.COMPLETED))
    long = page_of(operator, a_job(JobStatus.COMPLETED, result=["x" * 50_000]))
    assert "more characters" in long
    assert len(long) < 50_000


def test_arguments_read_like_a_call(operator: Client) -> None:
    page = page_of(operator, a_job(args=[7, "a"], kwargs={"width": 800}))
    assert "send(7, &quot;a&quot;, width=800)" in page
    assert "without arguments" in page_of(operator, a_job())


def test_attempts_are_on_the_timeline_to_scale(operator: Client) -> None:
    begun = timezone.now() - timedelta(seconds=100)
    job = a_job(JobStatus.FAILED, at=begun, attempts=2, finished_at=begun + timedelta(seconds=22))
    for number in (1, 2):
        an_attempt(job, number, error_message=f"failed {number}")
    page = page_of(operator, job)
    bars = re.findall(r'<rect class="bar-(\w+)" x="([\d.]+)" width="([\d.]+)"', page)
    assert [kind for kind, _, _ in bars] == ["waited", "error", "waited", "error"]
    # Of 22 s: 10 s waited, 2 s run, 8 s waited, 2 s run.
    assert [round(float(width)) for _, _, width in bars] == [455, 91, 364, 91]
    assert page.index("failed 2") < page.index("failed 1")


def test_running_job_shows_progress_and_log(operator: Client) -> None:
    job = a_job(JobStatus.RUNNING, progress=0.25, progress_message="a quarter")
    for text in ("one", "two"):
        piece = JobLog.objects.create(job=job, epoch=1, at=timezone.now(), stream="stdout", text=text)
    page = page_of(operator, job)
    assert 'value="25.0"' in page
    assert "a quarter" in page
    assert page.index(">one<") < page.index(">two<")
    assert f'data-cursor="{piece.pk}"' in page


def test_stages_of_a_cancel_are_shown(operator: Client) -> None:
    asked = timezone.now() - timedelta(seconds=2)
    page = page_of(operator, a_job(JobStatus.RUNNING, cancel_requested_at=asked, cancelled_by="ada"))
    stages = re.findall(r'<li data-after="([\d.]+)"( class="reached")?><b>(\w+)', page)
    assert [(name, bool(reached)) for _, reached, name in stages] == [
        ("Asked", True),
        ("Exception", True),
        ("SIGTERM", False),
        ("SIGKILL", False),
    ]
    assert "<b>ada</b> asked to cancel it" in page


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"status": JobStatus.SCHEDULED, "run_at": timezone.now() + timedelta(hours=5)}, "It waits for its time"),
        (
            {"status": JobStatus.SCHEDULED, "attempts": 2, "run_at": timezone.now() + timedelta(hours=5)},
            "Attempt 2 failed. The next one starts",
        ),
        ({"status": JobStatus.BLOCKED}, "waits for other jobs"),
        ({"status": JobStatus.ASSIGNED}, "A node holds it"),
        ({"queue": "mail"}, "Queue &#x27;mail&#x27; is paused"),
        ({}, "It is next"),
    ],
)
def test_waiting_job_says_why(operator: Client, fields: dict[str, object], words: str) -> None:
    a_node()
    a_second(timezone.now())
    Queue.objects.create(name="mail", paused=True)
    assert words in page_of(operator, a_job(**fields))  # type: ignore[arg-type]


def why_of(client: Client, job: Job) -> str:
    return page_of(client, job).partition("Why it waits")[2].partition("</section>")[0]


def test_a_queue_that_holds_it_is_resumed_or_changed_from_there(operator: Client, viewer: Client) -> None:
    a_node()
    a_second(timezone.now())
    Queue.objects.create(name="mail", paused=True, paused_at=timezone.now() - timedelta(minutes=3))
    Queue.objects.create(name="reports", max_running=1)
    Tally.objects.create(queue="reports", executing=1, pending=1)
    paused, limited = a_job(queue="mail"), a_job(queue="reports")
    why = why_of(operator, paused)
    assert 'action="/dashboard/queues/resume"' in why
    assert 'data-time="for">3 min</time>' in why
    assert 'href="/dashboard/queues/?tune=reports#limits"' in why_of(operator, limited)
    for job in (paused, limited):
        assert not {"<form", "?tune="} & {part for part in ("<form", "?tune=") if part in why_of(viewer, job)}


def test_a_rate_that_rounds_to_nothing_is_not_told(operator: Client) -> None:
    a_node()
    a_second(timezone.now(), rates={"throughput": 0.001}, queues={"default": {"jobs": 5}})
    a_job()
    assert "at the present rate" not in why_of(operator, a_job())


def test_job_that_nobody_can_run_says_so(operator: Client) -> None:
    assert "No node is running, so nothing can start" in page_of(operator, a_job())


def test_place_in_the_queue_is_told(operator: Client) -> None:
    a_node()
    a_second(timezone.now(), rates={"throughput": 2.0}, queues={"default": {"jobs": 5}})
    for _ in range(6):
        a_job()
    page = page_of(operator, a_job())
    assert "6 jobs of its queue come first." in page
    assert "It starts in about 3 s, at the present rate of 2 /s in its queue. Few jobs of it ended lately" in page


def test_nobody_promises_a_start_that_nobody_knows(operator: Client) -> None:
    assert "Nobody can say yet when it starts." in page_of(operator, a_job())


def test_the_jobs_that_it_waits_for_are_linked(operator: Client) -> None:
    parents = [a_job(JobStatus.COMPLETED), a_job(JobStatus.RUNNING)]
    batch = Batch.objects.create(name="nightly", total=10, completed=4, created_at=timezone.now())
    child = a_job(JobStatus.BLOCKED, waits_for=2)
    for parent, is_met in (*zip([one.pk for one in parents], (True, False), strict=True), (batch.pk, False)):
        JobDependency.objects.create(child=child.pk, parent=parent, met=is_met)
    why = page_of(operator, child).partition("Why it waits")[2].partition("</section>")[0]
    assert "1 of 3 jobs and batches that it waits for are done." in why
    assert f"/dashboard/jobs/{parents[1].pk}/" in why
    assert f"/dashboard/jobs/{parents[0].pk}/" not in why
    assert "batch nightly" in why
    assert "4 of 10" in why


def test_what_people_did_with_it_is_told(operator: Client) -> None:
    job = a_job(JobStatus.CANCELLED)
    PoolEvent.objects.create(at=timezone.now(), name="job.cancelled", actor="ada", source="page 127.0.0.1", job=job.pk)
    page = page_of(operator, job)
    assert "ada cancelled a job." in page
    assert "page 127.0.0.1" in page


def test_a_running_job_shows_where_it_is_apart_from_what_it_said(operator: Client) -> None:
    job = a_job(JobStatus.RUNNING)
    where = '  File "/srv/shop/tasks.py", line 12, in send\n    connect(address)\n'
    JobLog.objects.create(job=job, epoch=job.epoch, at=timezone.now(), stream="stdout", text="Hello.")
    JobLog.objects.create(job=job, epoch=job.epoch, at=timezone.now(), stream="stack", text=where)
    page = page_of(operator, job)
    assert "Where it is" in page
    assert "connect(address)" in page
    assert 1 == page.count('<span class="said">')


def test_where_an_earlier_attempt_was_is_not_shown(operator: Client) -> None:
    job = a_job(JobStatus.RUNNING, epoch=2)
    JobLog.objects.create(job=job, epoch=1, at=timezone.now(), stream="stack", text="elsewhere")
    assert "Where it is" not in page_of(operator, job)
