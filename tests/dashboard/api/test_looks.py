"""A closer look at one job over the API: why it waits, where it is."""

from datetime import timedelta

import pytest
from django.utils import timezone

from dashboard.api import looks
from pool.domain.states import JobStatus
from pool.models import Batch, JobDependency, JobLog, Queue
from tests.dashboard.people import Api, problem_of
from tests.dashboard.rows import a_job, a_node, a_second

pytestmark = pytest.mark.django_db


def test_a_waiting_job_tells_what_holds_it(api: Api) -> None:
    a_node()
    a_second(timezone.now(), rates={"throughput": 2.0}, queues={"default": {"jobs": 120}})
    jobs = [a_job() for _ in range(7)]
    told = api.get(f"jobs/{jobs[6].pk}/explain").json()
    assert (told["position"], told["more_before"], told["summary"]) == (6, False, "6 jobs of its queue come first.")
    assert {"seconds": 3.0, "sure": "high", "rate": 2.0, "at_least": False}.items() <= told["estimate"].items()
    (place,) = told["blockers"]
    assert (place["code"], place["blocks"], place["until"]) == ("place", True, None)


def test_what_holds_it_comes_with_its_times(api: Api) -> None:
    now = timezone.now()
    Queue.objects.create(name="mail", paused=True, paused_at=now)
    job = a_job(JobStatus.SCHEDULED, queue="mail", run_at=now + timedelta(hours=1))
    first, second, third = api.get(f"jobs/{job.pk}/explain").json()["blockers"]
    assert (first["code"], first["until"]) == ("scheduled", job.run_at.isoformat())
    assert (second["code"], second["subject"], second["since"]) == ("queue_paused", "mail", now.isoformat())
    assert third["code"] == "no_node"


def test_an_ended_job_is_explained_as_well(api: Api) -> None:
    told = api.get(f"jobs/{a_job(JobStatus.COMPLETED).pk}/explain").json()
    assert (told["summary"], told["blockers"], told["estimate"]) == ("It has ended: it is COMPLETED.", [], None)


def test_the_stack_of_a_running_job_is_asked_for_and_then_shown(api: Api) -> None:
    job = a_job(JobStatus.RUNNING)
    asked = api.get(f"jobs/{job.pk}/stack")
    assert (asked.status_code, asked.json()["text"], asked.json()["at"]) == (202, None, None)
    at = timezone.now()
    JobLog.objects.create(job=job, epoch=job.epoch, at=at, stream="stack", text='  File "a.py", line 1, in b\n')
    known = api.get(f"jobs/{job.pk}/stack")
    assert (known.status_code, known.json()["at"], known.json()["worker"]) == (200, at.isoformat(), "w0")
    assert known.json()["text"].startswith('  File "a.py"')


@pytest.mark.parametrize("status", [JobStatus.PENDING, JobStatus.ASSIGNED, JobStatus.COMPLETED])
def test_a_job_that_does_not_run_has_no_stack(api: Api, status: JobStatus) -> None:
    assert status in problem_of(api.get(f"jobs/{a_job(status).pk}/stack"), 409)["detail"]


def test_shapes_are_those_of_the_answers(api: Api) -> None:
    a_node()
    a_second(timezone.now(), rates={"throughput": 2.0}, queues={"default": {"jobs": 120}})
    child = a_job(JobStatus.BLOCKED, waits_for=1)
    batch = Batch.objects.create(total=2, created_at=timezone.now())
    JobDependency.objects.create(child=child.pk, parent=batch.pk)
    told, next_one = (api.get(f"jobs/{job.pk}/explain").json() for job in (child, a_job()))
    running = a_job(JobStatus.RUNNING)
    for shape, shown in (
        (looks.Explanation, told),
        (looks.Blocker, told["blockers"][0]),
        (looks.Parents, told["parents"]),
        (looks.UnmetParent, told["parents"]["unmet"][0]),
        (looks.Estimate, next_one["estimate"]),
        (looks.Stack, api.get(f"jobs/{running.pk}/stack").json()),
    ):
        assert set(shape().fields) == set(shown), shape
