"""The API describes itself: completely, in valid OpenAPI, and with the shapes that it has."""

import re
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from django_q.models import Schedule
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.settings import spectacular_settings
from drf_spectacular.validation import validate_schema

from dashboard.api import documents, job_shapes, order, pool_shapes, urls
from dashboard.api.lists import JOB_QUERY
from dashboard.api.schema import Problem
from pool.domain.ids import new_id
from pool.domain.states import NodeState, WorkerState
from pool.models import Attempt, Batch, Job, JobLog, Node, Tally, WorkerSnapshot
from pool.schedules import shown as schedule_dict
from pool.store import read
from tests.dashboard.people import Api

pytestmark = pytest.mark.django_db


@pytest.fixture
def schema(api: Api) -> dict[str, Any]:
    documents.description.cache_clear()
    response = api.get("schema")
    assert response.status_code == 200
    described: dict[str, Any] = response.json()
    return described


def test_schema_is_valid_and_was_made_without_a_warning(schema: dict[str, Any]) -> None:
    validate_schema(schema)
    assert not GENERATOR_STATS
    assert schema["openapi"].startswith("3.")


def test_every_endpoint_and_method_is_described(schema: dict[str, Any]) -> None:
    expected = {}
    for pattern in urls.endpoints:
        route = re.sub(r"<\w+:(\w+)>", r"{\1}", str(pattern.pattern))
        expected[f"/api/v1/{route}"] = {method.lower() for method in pattern.callback.view_class.needs}
    assert {path: set(methods) for path, methods in schema["paths"].items()} == expected


def test_callers_show_who_they_are_by_token_or_session(schema: dict[str, Any]) -> None:
    schemes = schema["components"]["securitySchemes"]
    assert schemes["token"] == {"type": "http", "scheme": "bearer"}
    assert schemes["session"]["in"] == "cookie"
    for methods in schema["paths"].values():
        for operation in methods.values():
            assert operation["security"] == [{"token": []}, {"session": []}]
            assert operation["description"]


def test_settings_of_the_project_are_as_they_were(schema: dict[str, Any]) -> None:
    assert spectacular_settings.TITLE == ""


def test_parameters_of_lists_are_described(schema: dict[str, Any]) -> None:
    for path in ("jobs", "dead-letters"):
        names = {parameter["name"] for parameter in schema["paths"][f"/api/v1/{path}"]["get"]["parameters"]}
        assert names == set(JOB_QUERY)


def test_fields_of_a_job_to_submit_are_those_that_are_read() -> None:
    assert set(job_shapes.Order().fields) == set(order.FIELDS)


def test_shapes_are_those_of_the_answers(api: Api) -> None:
    now = timezone.now()
    job = Job.objects.create(id=new_id(), task="t", created_at=now, run_at=now)
    Attempt.objects.create(job=job, epoch=1, number=1, outcome="error", finished_at=now)
    JobLog.objects.create(job=job, epoch=1, at=now, stream="stdout", text="x")
    Tally.objects.create(queue="mail")
    Node.objects.create(id="n1", host="h", pid=1, state=NodeState.RUNNING, started_at=now, last_beat=now)
    WorkerSnapshot.objects.create(
        id="w1", node="n1", slot=0, pid=2, state=WorkerState.IDLE, started_at=now, last_beat=now
    )
    for shape, shown in (
        (job_shapes.Job, read.job_dict(job)),
        (job_shapes.Attempt, read.attempts(job.pk)[0]),
        (job_shapes.LogPiece, read.logs(job.pk)[0]),
        (pool_shapes.Task, api.get("tasks").json()["results"][0]),
        (job_shapes.BatchCounts, read.batch_dict(Batch.objects.create(created_at=now))),
        (pool_shapes.Schedule, schedule_dict(Schedule.objects.create(func="t").pk)),
        (pool_shapes.Queue, read.queues()[0]),
        (pool_shapes.Worker, read.workers()[0]),
        (pool_shapes.Node, read.nodes()[0]),
        (pool_shapes.Figures, read.pool_status()),
        (Problem, {**api.get("jobs/x").json(), "field": "x"}),
    ):
        assert set(shape().fields) == set(shown), shape


def test_page_to_try_it_out_says_what_is_missing(ada: Any, settings: Any) -> None:
    settings.INSTALLED_APPS = [app for app in settings.INSTALLED_APPS if app != documents.SWAGGER]
    browser = Client()
    browser.force_login(ada)
    response = browser.get("/api/v1/docs")
    assert response.status_code == 404
    assert documents.SWAGGER in response.content.decode()


def test_page_to_try_it_out_loads_only_files_of_our_own(ada: Any) -> None:
    browser = Client()
    browser.force_login(ada)
    response = browser.get("/api/v1/docs")
    page = response.content.decode()
    assert 'data-schema="/api/v1/schema"' in page
    assert not re.search(r"<script(?![^>]*\bsrc=\"/static/)|<style|\son[a-z]+=|\sstyle=|https?://", page)
    assert "unsafe" not in response["Content-Security-Policy"]
    assert "script-src 'self'" in response["Content-Security-Policy"]
