"""Who gets past which door: every address and method of the site times every kind of caller, against `doors`.

An address that is not in the table fails the suite, and so does one that is there and no longer exists.
"""

import asyncio
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from django.contrib import admin
from django.contrib.auth.models import Group
from django.core.cache import cache
from django.test import Client
from django.urls import URLPattern, get_resolver
from django.utils import timezone
from django_q.models import Failure, Schedule, Success

from dashboard.policy import RIGHTS, Action
from dashboard.routing import websocket_urlpatterns, websockets
from pool.domain.ids import new_id
from pool.domain.states import NodeState, WorkerState
from pool.models import (
    AlertRecord,
    ApiToken,
    Attempt,
    Batch,
    BatchChange,
    Job,
    JobDependency,
    JobLog,
    KeyRate,
    Node,
    PoolEvent,
    PoolSnapshot,
    Queue,
    ScheduleState,
    Tally,
    Tenant,
    UniqueKey,
    WorkerSnapshot,
)
from pool.store.tokens import create_token
from tests.dashboard.doors import KINDS, METHODS, OPEN, SHOWN, SOCKETS, TABLE, TUNED
from tests.dashboard.people import VIEW_ALL, a_user

CHANGING = {"POST", "PATCH", "DELETE"}

# The doors ---------------------------------------------------------------------


def routes(patterns: Any, before: str = "") -> Iterator[str]:
    for pattern in patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            yield route
        else:
            yield from routes(pattern.url_patterns, route)


def test_every_address_is_declared_and_every_declared_one_exists() -> None:
    known = list(routes(get_resolver().url_patterns))
    assert set(known) - set(TABLE) == set(), "not declared"
    assert set(TABLE) - set(known) == set(), "does not exist"
    assert len(known) == len(set(known))


def test_every_action_has_a_right() -> None:
    assert set(RIGHTS) == set(Action)


def test_every_model_of_ours_is_declared() -> None:
    ours = {model for model in admin.site._registry if model._meta.app_label == "pool"}
    assert ours == {*SHOWN, *TUNED, ApiToken}


# The callers -------------------------------------------------------------------


def with_session(user: Any) -> tuple[Client, dict[str, str]]:
    client = Client()
    client.force_login(user)
    return client, {}


def with_token(text: str) -> tuple[Client, dict[str, str]]:
    return Client(), {"Authorization": f"Bearer {text}"}


@pytest.fixture
def people(django_user_model: Any) -> dict[str, tuple[Client, dict[str, str]]]:
    """A client and its headers for each kind."""
    users = django_user_model.objects
    ada, gone = users.create_superuser("ada"), users.create_superuser("gone")
    callers = {
        "anonymous": (Client(), {}),
        "user": with_session(a_user("user", *VIEW_ALL, "change_job", "add_job", is_staff=False)),
        "staff": with_session(a_user("staff")),
        "viewer": with_session(a_user("viewer", *VIEW_ALL)),
        "submitter": with_session(a_user("submitter", *VIEW_ALL, "add_job")),
        "operator": with_session(a_user("operator", *VIEW_ALL, "change_job")),
        "superuser": with_session(ada),
        "deactivated": with_session(gone),
        "token wrong": with_token("x" * 64),
        "token of somebody deactivated": with_token(create_token(gone)[1]),
    }
    for scope in ("read", "submit", "operate"):
        callers[f"token {scope}"] = with_token(create_token(ada, scopes=[scope])[1])
    for state in ("revoked", "expired"):
        row, text = create_token(ada)
        callers[f"token {state}"] = with_token(text)
        if state == "revoked":
            row.delete()
        else:
            ApiToken.objects.filter(pk=row.pk).update(expiry=timezone.now() - timedelta(seconds=1))
    users.filter(pk=gone.pk).update(is_active=False)
    assert set(callers) == KINDS
    return callers


@pytest.fixture
def examples(django_user_model: Any) -> dict[str, str]:
    """A row of each model, by the address of its admin."""
    now = timezone.now()
    job = Job.objects.create(id=new_id(), task="app.send", created_at=now, run_at=now)
    schedule = Schedule.objects.create(func="app.send", next_run=now + timedelta(days=1))
    ran = {"name": "once", "func": "app.send", "started": now, "stopped": now}
    rows = [
        schedule,
        Success.objects.create(id="1" * 32, **ran),
        Failure.objects.create(id="2" * 32, success=False, **ran),
        ScheduleState.objects.create(schedule=schedule.pk),
        AlertRecord.objects.create(name="late", level="notice", opened_at=now),
        job,
        Attempt.objects.create(job=job, epoch=1, number=1, outcome="error", finished_at=now),
        JobLog.objects.create(job=job, epoch=1, at=now, stream="stdout", text="hello"),
        Queue.objects.create(name="mail"),
        Tenant.objects.create(name="acme"),
        KeyRate.objects.create(key="printer", tokens=1.0, at=now),
        Tally.objects.create(queue="mail"),
        Node.objects.create(id="n1", host="h", pid=1, state=NodeState.RUNNING, started_at=now, last_beat=now, wanted=2),
        WorkerSnapshot.objects.create(
            id="w1", node="n1", slot=0, pid=2, state=WorkerState.IDLE, started_at=now, last_beat=now
        ),
        PoolSnapshot.objects.create(at=now, node="n1", data={"ready": True}),
        PoolEvent.objects.create(at=now, name="pool.scaled"),
        JobDependency.objects.create(child=job.pk, parent=new_id()),
        Batch.objects.create(created_at=now),
        BatchChange.objects.create(batch=new_id()),
        UniqueKey.objects.create(key="one", job=job.pk, scope="running"),
        Group.objects.create(name="group"),
        django_user_model.objects.create_user("somebody"),
        create_token(django_user_model.objects.create_superuser("owner"))[0],
    ]
    return {f"admin/{row._meta.app_label}/{row._meta.model_name}/": str(row.pk) for row in rows} | {
        "job": str(job.pk),
        "schedule": str(schedule.pk),
    }


def address(route: str, examples: dict[str, str]) -> str:
    """An address that leads there."""
    row = next((pk for prefix, pk in examples.items() if route.startswith(prefix)), "1")
    for part, value in (
        (r"^[\s\S]*$", "nix"),
        ("^(?P<app_label>auth|django_q|pool)/$", "pool/"),
        ("(?P<url>.*)$", "nix"),
        ("<str:job_id>", examples["job"]),
        ("<uuid:job_id>", examples["job"]),
        ("<str:schedule_id>", examples["schedule"]),
        ("<int:schedule>", examples["schedule"]),
        ("<str:worker_id>", "w1"),
        ("<str:alert_id>", "1"),
        ("<int:alert>", "1"),
        ("<path:name>", "mail"),
        ("<str:token>", "x"),
        ("<path:content_type_id>", "1"),
        ("<path:object_id>", row),
        ("<id>", row),
    ):
        route = route.replace(part, value)
    return f"/{route}"


def outcome(response: Any) -> str:
    if response.status_code in (301, 302) and response["Location"].startswith("/admin/login/"):
        return "login"
    if response.status_code in (401, 403):
        return str(response.status_code)
    assert response.status_code < 500 or response.status_code == 503, response.status_code
    return "past"


def call(caller: tuple[Client, dict[str, str]], method: str, path: str) -> Any:
    client, headers = caller
    if path.startswith("/api/") and method in ("POST", "PUT", "PATCH"):
        return client.generic(method, path, "{}", content_type="application/json", headers=headers)
    return getattr(client, method.lower())(path, headers=headers)


@pytest.mark.django_db
@pytest.mark.parametrize("route", TABLE)
def test_each_kind_of_caller_gets_past_where_the_table_says(route: str, people: Any, examples: dict[str, str]) -> None:
    cache.clear()
    path, found = address(route, examples), {}
    for method, rule in TABLE[route].items():
        # What one was allowed to do may not be there for the next one, so that nobody who may comes first.
        for kind in sorted(KINDS, key=lambda kind: kind in rule.who):
            response = call(people[kind], method, path)
            found[method, kind] = outcome(response)
            assert response["Content-Security-Policy"]
            assert "unsafe-eval" not in response["Content-Security-Policy"]
            assert not re.search(r"script-src[^;]*(unsafe|http|\*)", response["Content-Security-Policy"])
    expected = {(method, kind): rule.expected(kind) for method, rule in TABLE[route].items() for kind in KINDS}
    assert {key: got for key, got in found.items() if got != expected[key]} == {}


@pytest.mark.django_db
@pytest.mark.parametrize("route", [route for route in TABLE if not route.startswith("admin/")])
def test_no_other_method_does_anything(route: str, people: Any, examples: dict[str, str]) -> None:
    path = address(route, examples)
    for method in METHODS:
        if method not in TABLE[route]:
            response = call(people["superuser"], method, path)
            assert response.status_code == 405, (method, response.status_code)


@pytest.mark.django_db
@pytest.mark.parametrize("route", [route for route, rules in TABLE.items() if CHANGING & set(rules)])
def test_session_changes_nothing_from_another_site(route: str, people: Any, examples: dict[str, str]) -> None:
    people["superuser"][0].handler.enforce_csrf_checks = True
    for method in CHANGING & set(TABLE[route]):
        if TABLE[route][method] is OPEN and not route.startswith("admin/"):
            continue
        assert call(people["superuser"], method, address(route, examples)).status_code == 403


# Sockets -----------------------------------------------------------------------


def test_every_socket_is_declared() -> None:
    assert {str(pattern.pattern) for pattern in websocket_urlpatterns} == set(SOCKETS)


def gets_in(caller: tuple[Client, dict[str, str]], path: str) -> bool:
    """Whether the socket opens."""
    client, own = caller
    cookies = "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())
    headers = {"host": "testserver", "origin": "http://testserver", "cookie": cookies, **own}
    scope = {
        "type": "websocket",
        "path": path,
        "query_string": b"",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items() if value],
    }

    async def knock() -> bool:
        socket = ApplicationCommunicator(websockets, scope)
        await socket.send_input({"type": "websocket.connect"})
        answer = await socket.receive_output(10)
        await socket.send_input({"type": "websocket.disconnect", "code": 1001})
        await socket.wait(10)
        return bool(answer["type"] == "websocket.accept")

    return asyncio.run(knock())


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("route", SOCKETS)
def test_each_kind_of_caller_opens_the_sockets_the_table_says(
    route: str, people: Any, examples: dict[str, str]
) -> None:
    path = f"/{route.replace('<str:job>', examples['job'])}"
    found = {kind for kind in KINDS if gets_in(people[kind], path)}
    assert found == SOCKETS[route].who
