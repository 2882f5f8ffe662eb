"""POST of a job: what is stored, and what is refused with the name of the field."""

import json
from typing import Any
from uuid import UUID

import pytest
from django.test import Client

from dashboard.api import jobs as endpoints
from dashboard.api import order
from pool.adapters.tasks_api import task_enqueued
from pool.models import Job, PoolEvent, Tally
from pool.store.event_list import list_events
from pool.store.live import live_status
from tests.dashboard.people import Api, problem_of

pytestmark = pytest.mark.django_db

ADD = "tests.contract.tasks.add"
OPTIONS = {
    "queue": "mail",
    "priority": "high",
    "run_after": "2100-01-31T12:00:00+01:00",
    "expires_at": "2100-02-01T12:00:00Z",
    "timeout": 2.5,
    "max_attempts": 7,
    "backoff": {"base": 2, "cap": 60},
    "tenant": "acme",
    "affinity": "customer-7",
    "requires": ["gpu"],
    "metadata": {"order": 7},
    "tags": ["nightly", "ü"],
}


def refused(api: Api, field: str, **fields: Any) -> str:
    """The sentence about a wrong field; nothing was stored."""
    body = problem_of(api.post("jobs", {"task": ADD, **fields}), 400)
    assert body["field"] == field
    assert not Job.objects.exists()
    return str(body["detail"])


def test_job_is_stored_and_shown(api: Api) -> None:
    response = api.post("jobs", {"task": ADD, "args": [1, None], "kwargs": {"self": "x", "ü": [1.5]}})
    assert response.status_code == 201
    shown = response.json()
    job = Job.objects.get()
    assert (shown["id"], shown["status"], shown["queue"]) == (str(job.pk), "PENDING", "default")
    assert (shown["args"], shown["kwargs"]) == ([1, None], {"self": "x", "ü": [1.5]})
    assert shown["position"] == 0
    assert response["Location"] == f"http://testserver/api/v1/jobs/{job.pk}"
    assert Tally.objects.get().submitted == 1


def test_every_option_reaches_the_job(api: Api) -> None:
    shown = api.post("jobs", {"task": ADD, **OPTIONS}).json()
    assert (shown["status"], shown["queue"], shown["priority"], shown["tenant"]) == ("SCHEDULED", "mail", 50, "acme")
    assert (shown["timeout"], shown["max_attempts"]) == (2.5, 7)
    assert shown["run_at"] == "2100-01-31T11:00:00+00:00"
    assert (shown["metadata"], shown["tags"]) == ({"order": 7}, ["nightly", "ü"])
    job = Job.objects.get()
    assert (job.affinity, job.requires, job.backoff) == ("customer-7", ["gpu"], {"base": 2.0, "cap": 60.0})
    assert job.expires_at is not None


def test_options_of_the_task_hold_unless_the_caller_says_otherwise(api: Api) -> None:
    tell = "tests.contract.tasks.tell"
    own = api.post("jobs", {"task": tell, "args": ["x"]}).json()
    assert (own["timeout"], own["max_attempts"], own["priority"], own["queue"]) == (5, 2, 50, "slow")
    other = api.post("jobs", {"task": tell, "timeout": None, "max_attempts": None, "queue": None}).json()
    assert (other["timeout"], other["max_attempts"], other["queue"]) == (None, 4, "slow")


def test_who_submitted_is_written_down(api: Api) -> None:
    shown = api.post("jobs", {"task": ADD}).json()
    assert Job.objects.get().created_by == "ada (token laptop)"
    event = PoolEvent.objects.get()
    assert (event.name, event.actor, event.source) == ("job.submitted", "ada (token laptop)", "api 127.0.0.1")
    assert (str(event.job), event.level) == (shown["id"], "debug")


def test_submissions_do_not_crowd_out_other_events(api: Api) -> None:
    job = api.post("jobs", {"task": ADD}).json()["id"]
    api.post("queues/mail/pause")
    assert [event["name"] for event in list_events().events] == ["queue.paused"]
    assert [event["name"] for event in live_status()["live"]["events"]] == ["queue.paused"]
    assert [event["name"] for event in list_events(job=UUID(job)).events] == ["job.submitted"]
    assert [event["name"] for event in list_events(level="debug").events] == ["job.submitted"]


def test_djangos_signal_is_sent(api: Api) -> None:
    heard = []

    def listen(task_result: Any, **_: Any) -> None:
        heard.append((task_result.id, task_result.args))
        raise RuntimeError("A listener's own problem.")

    task_enqueued.connect(listen)
    try:
        shown = api.post("jobs", {"task": ADD, "args": [1]}).json()
    finally:
        task_enqueued.disconnect(listen)
    assert heard == [(shown["id"], [1])]


@pytest.mark.parametrize(
    "name", ["os.system", "builtins.eval", "tests.contract.tasks.not_a_task", "a.b:c", "", "ü\ud800"]
)
def test_task_that_is_not_registered_is_refused_and_never_imported(api: Api, name: str) -> None:
    assert refused(api, "task", task=name).startswith("There is no task")


def test_close_matches_of_an_unknown_task_are_named(api: Api) -> None:
    assert f"Did you mean {ADD}" in refused(api, "task", task="tests.contract.tasks.ad")


@pytest.mark.parametrize("name", [None, 7, ["x"], {}, True])
def test_task_must_be_a_text(api: Api, name: Any) -> None:
    assert refused(api, "task", task=name) == "task must be the dotted name of a task."


def test_task_must_be_given(api: Api) -> None:
    assert problem_of(api.post("jobs", {}), 400)["field"] == "task"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("args", {}),
        ("args", "x"),
        ("args", None),
        ("args", ["\x00"]),
        ("args", [{"a": "\ud800"}]),
        ("args", json.loads("[" * 150 + "]" * 150)),
        ("args", ["x" * 300_000]),
        ("kwargs", []),
        ("kwargs", {"a": "\udfff"}),
        ("kwargs", {"a\x00": 1}),
        ("kwargs", {"a": "x" * 300_000}),
        ("priority", 2**63),
        ("priority", 101),
        ("priority", 0.5),
        ("priority", True),
        ("priority", "urgent"),
        ("priority", []),
        ("queue", ""),
        ("queue", "a\x00"),
        ("queue", "a\ud800"),
        ("queue", "x" * 101),
        ("queue", 7),
        ("timeout", 1e308),
        ("timeout", 0),
        ("timeout", -1),
        ("timeout", 2**63),
        ("timeout", "x"),
        ("max_attempts", 0),
        ("max_attempts", 2**31),
        ("max_attempts", 1.5),
        ("backoff", {"base": -1}),
        ("backoff", {"nix": 1}),
        ("backoff", "soon"),
        ("run_after", "soon"),
        ("run_after", 7),
        ("run_after", "2030-01-31T12:00:00"),
        ("run_after", "9999-12-31T23:59:59-12:00"),
        ("expires_at", "0001-01-01T00:00:00+14:00"),
        ("tenant", "a\n"),
        ("tenant", {}),
        ("affinity", 7),
        ("requires", "gpu"),
        ("requires", [7]),
        ("tags", ["x"] * 21),
        ("tags", ["x" * 51]),
        ("tags", ["\x00"]),
        ("metadata", []),
        ("metadata", {"a": "\ud800"}),
        ("metadata", json.loads('{"a":' * 30 + "1" + "}" * 30)),
        ("depends_on", ["x"]),
        ("depends_on", [0]),
        ("depends_on", ["01890000-0000-7000-8000-000000000000"]),
        ("depends_on", {}),
        ("on_parent_failure", "ignore"),
        ("unique_key", ""),
        ("unique_key", "x" * 201),
        ("unique_key", {"key": "a", "scope": "always"}),
        ("unique_key", {"key": "a", "scope": "period"}),
        ("unique_key", {"key": "a", "seconds": 5}),
        ("on_success", "x"),
        ("on_success", 7),
        ("on_failure", {"task": ADD, "args": "x"}),
        ("on_failure", {"task": ADD, "args": ["\x00"]}),
        ("limit_key", "x" * 101),
        ("limit_running", 2),
        ("limit_rate", 0),
    ],
)
def test_wrong_value_is_refused_with_the_name_of_its_field(api: Api, field: str, value: Any) -> None:
    refused(api, field, **{field: value})


@pytest.mark.parametrize("name", ["queu", "queue_name", "backend", "id", "status", "created_by", "x" * 1000, "\ud800"])
def test_unknown_field_is_refused(api: Api, name: str) -> None:
    assert refused(api, name[:50], **{name: 1}).startswith("There is no field")


def test_mistyped_field_is_guessed(api: Api) -> None:
    assert refused(api, "priorty", priorty=1).endswith("Did you mean priority?")


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (" ", "not valid JSON"),
        ("{", "not valid JSON"),
        ("[]", "must be a JSON object"),
        ("null", "must be a JSON object"),
        ("\ufeff{}", "not valid JSON"),
        (b'{"task": "\xff"}', "not UTF-8"),
        (b"\x00", "not valid JSON"),
        ('{"task": NaN}', "NaN, which is not JSON"),
        ('{"task": -Infinity}', "-Infinity, which is not JSON"),
        (f'{{"task": {"9" * 5000}}}', "more digits"),
        ('{"task": "a", "task": "b"}', "'task' stands twice"),
        (f'{{"task": "{ADD}", "kwargs": {{"a": 1, "a": 1}}}}', "'a' stands twice"),
    ],
)
def test_body_that_does_not_mean_one_thing_is_refused(api: Api, body: str | bytes, says: str) -> None:
    assert says in problem_of(api.post("jobs", body), 400)["detail"]
    assert not Job.objects.exists()


@pytest.mark.parametrize("field", ["args", "metadata"])
@pytest.mark.parametrize("depth", [1_000, 100_000])
def test_nesting_without_end_is_refused_with_the_name_of_the_field(api: Api, field: str, depth: int) -> None:
    deep = "[" * depth + "]" * depth
    body = f'{{"task": "{ADD}", "kwargs": {{"a": ["]", "\\""]}}, "{field}": {deep}, "tags": []}}'
    assert problem_of(api.post("jobs", body), 400)["field"] == field


def test_number_too_large_for_a_float_is_refused(api: Api) -> None:
    assert problem_of(api.post("jobs", f'{{"task": "{ADD}", "args": [1e400]}}'), 400)["field"] == "args"


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_other_content_is_refused(api: Api, content_type: str) -> None:
    problem_of(api.post("jobs", "{}", content_type=content_type), 415)


def test_content_type_may_have_parameters(api: Api) -> None:
    assert api.post("jobs", {"task": ADD}, content_type="application/json; charset=utf-8").status_code == 201


def test_body_that_is_too_large_is_refused(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoints, "MIB", -6 * 262_144 + 100)
    assert "100 bytes" in problem_of(api.post("jobs", {"task": ADD, "args": ["x" * 100]}), 413)["detail"]
    assert api.post("jobs", {"task": ADD}).status_code == 201


def test_largest_arguments_fit_however_they_are_written(api: Api) -> None:
    body = json.dumps({"task": ADD, "args": ["\x01" * 43_000]})
    assert api.post("jobs", body).status_code == 201


def test_listed_queues_are_the_only_ones(api: Api, settings: Any) -> None:
    settings.TASKS = {"default": {"BACKEND": "pool.backend.PoolBackend", "QUEUES": ["default"]}}
    assert "mail" in refused(api, "queue", queue="mail")
    assert api.post("jobs", {"task": ADD}).status_code == 201


def test_session_may_submit_with_the_csrf_token(ada: Any) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(ada)
    api = Api(client=browser)
    assert "CSRF" in problem_of(api.post("jobs", {"task": ADD}), 403)["detail"]
    problem_of(api.post("jobs", "csrfmiddlewaretoken=x", content_type="application/x-www-form-urlencoded"), 415)
    browser.get("/admin/password_change/")
    api.headers = {"X-CSRFToken": browser.cookies["csrftoken"].value}
    assert api.post("jobs", {"task": ADD}).status_code == 201
    assert Job.objects.get().created_by == "ada"


def test_nothing_is_stored_when_the_audit_cannot_be_written(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("no room")

    monkeypatch.setattr(order, "write_action", broken)
    api.client.raise_request_exception = False
    body = problem_of(api.post("jobs", {"task": ADD}), 500)
    assert "no room" not in json.dumps(body)
    assert not Job.objects.exists()
