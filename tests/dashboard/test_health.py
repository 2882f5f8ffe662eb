"""The addresses for probes: open, and telling nothing but a state."""

from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import connection
from django.test import AsyncClient, Client
from django.utils import timezone

from pool.domain.states import NodeState
from pool.models import Node, PoolSnapshot


def a_node(age_s: float = 0.0, state: NodeState = NodeState.RUNNING, **data: Any) -> None:
    now = timezone.now()
    Node.objects.create(id="n1", host="h", pid=1, state=state, started_at=now, last_beat=now)
    figures = {"ready": True, "pool": {"size": 1}, "workers": {"total": 1, "idle": 1}, **data}
    PoolSnapshot.objects.create(at=now - timedelta(seconds=age_s), node="n1", data=figures)


def answer(client: Client, path: str) -> tuple[int, dict[str, str]]:
    response = client.get(path)
    assert "no-store" in response["Cache-Control"]
    return response.status_code, response.json()


def test_live_asks_nobody(client: Client) -> None:
    assert answer(client, "/health/live") == (200, {"status": "live"})


@pytest.mark.django_db
def test_ready_when_a_node_reached_the_database_lately(client: Client) -> None:
    a_node()
    assert answer(client, "/health/ready") == (200, {"status": "ready"})


@pytest.mark.django_db
@pytest.mark.parametrize(
    "node",
    [
        {"age_s": 6.0},
        {"ready": False},
        {"state": NodeState.STOPPED},
        {"pool": {"shutting_down": True}},
        {"workers": {"total": 1, "unhealthy": 1}},
        {"workers": {"total": 0}},
    ],
)
def test_not_ready_when_no_node_or_worker_is(
    client: Client, node: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    a_node(**node)
    assert answer(client, "/health/ready") == (503, {"status": "not ready"})
    assert [] == [record for record in caplog.records if record.name == "django.request"]


@pytest.mark.django_db
def test_health_is_the_status_of_the_pool(client: Client) -> None:
    assert answer(client, "/health") == (503, {"status": "critical"})
    a_node(problem="Something is wrong.")
    assert answer(client, "/health") == (200, {"status": "degraded"})
    PoolSnapshot.objects.update(data={"ready": True, "pool": {"size": 1}, "workers": {"total": 1}})
    assert answer(client, "/health") == (200, {"status": "healthy"})


@pytest.mark.django_db(transaction=True)
def test_without_its_tables_the_pool_is_alive_and_not_ready(client: Client) -> None:
    table = PoolSnapshot._meta.db_table
    with connection.schema_editor() as editor:
        editor.alter_db_table(PoolSnapshot, table, "elsewhere")
    try:
        look_without_tables(client)
    finally:
        with connection.schema_editor() as editor:
            editor.alter_db_table(PoolSnapshot, "elsewhere", table)


def look_without_tables(client: Client) -> None:
    assert answer(client, "/health/live")[0] == 200
    assert answer(client, "/health/ready") == (503, {"status": "not ready"})
    assert answer(client, "/health") == (503, {"status": "critical"})


@pytest.mark.django_db(transaction=True)
def test_they_answer_under_asgi() -> None:
    get = async_to_sync(AsyncClient().get)
    assert get("/health/live").status_code == 200
    assert get("/health/ready").status_code == 503
