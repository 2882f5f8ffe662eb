"""Tasks, queues, workers, nodes and the number of workers over the API."""

from typing import Any

import pytest
from django.utils import timezone

from pool.domain.states import NodeState, WorkerState
from pool.models import Node, PoolEvent, Queue, Tally, WorkerSnapshot
from tests.dashboard.people import Api, problem_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def node() -> Node:
    now = timezone.now()
    WorkerSnapshot.objects.create(
        id="n1-w0", node="n1", slot=0, pid=2, state=WorkerState.IDLE, started_at=now, last_beat=now
    )
    return Node.objects.create(
        id="n1", host="h", pid=1, state=NodeState.RUNNING, workers=2, wanted=2, started_at=now, last_beat=now
    )


def results(response: Any) -> list[dict[str, Any]]:
    assert response.status_code == 200, response.content
    assert set(response.json()) == {"results", "next", "previous"}
    found: list[dict[str, Any]] = response.json()["results"]
    return found


def test_tasks_are_listed_with_their_options(api: Api) -> None:
    tasks = {task["name"]: task for task in results(api.get("tasks"))}
    tell = tasks["tests.contract.tasks.tell"]
    assert (tell["queue"], tell["priority"], tell["timeout"], tell["max_attempts"]) == ("slow", 50, 5, 2)
    assert (tell["kind"], tell["takes_context"]) == ("COMPUTATION", True)
    assert tasks["tests.contract.tasks.add"]["timeout"] == 30


def test_queues_are_listed(api: Api) -> None:
    Tally.objects.create(queue="mail", pending=2, submitted=5)
    (mail,) = results(api.get("queues"))
    assert (mail["name"], mail["paused"], mail["pending"], mail["submitted"]) == ("mail", False, 2, 5)


@pytest.mark.parametrize("name", ["mail", "mail%2Fbulk", "a%20b", "%C3%BC"])
def test_queue_is_paused_and_resumed(api: Api, name: str) -> None:
    paused = api.post(f"queues/{name}/pause")
    assert paused.status_code == 200
    assert (paused.json()["paused"], paused.json()["paused_by"]) == (True, "ada (token laptop)")
    assert api.post(f"queues/{name}/pause").status_code == 200
    assert api.post(f"queues/{name}/resume").json()["paused"] is False
    assert api.post(f"queues/{name}/resume").status_code == 200
    assert list(PoolEvent.objects.order_by("pk").values_list("name", flat=True)) == ["queue.paused", "queue.resumed"]


def test_queue_nobody_knows_cannot_be_resumed(api: Api) -> None:
    problem_of(api.post("queues/nix/resume"), 404)
    assert not Queue.objects.exists()


@pytest.mark.parametrize("name", ["x" * 101, "%00", "a%0A"])
def test_queue_needs_a_good_name(api: Api, name: str) -> None:
    problem_of(api.post(f"queues/{name}/resume"), 404)
    assert api.post(f"queues/{name}/pause").status_code in (400, 404)
    assert not Queue.objects.exists()


def test_workers_and_nodes_are_listed(api: Api, node: Node) -> None:
    assert [worker["id"] for worker in results(api.get("workers"))] == ["n1-w0"]
    assert api.get("workers/n1-w0").json()["state"] == "IDLE"
    problem_of(api.get("workers/n1-w1"), 404)
    problem_of(api.get("workers/%00"), 404)
    assert [one["id"] for one in results(api.get("nodes"))] == ["n1"]
    Node.objects.update(state=NodeState.STOPPED)
    assert results(api.get("nodes")) == []
    assert [one["id"] for one in results(api.get("nodes", ended="true"))] == ["n1"]
    assert problem_of(api.get("nodes", ended="perhaps"), 400)["field"] == "ended"


def test_pool_is_scaled_to_a_number_or_by_one(api: Api, node: Node) -> None:
    response = api.post("pool/scale", {"size": 4})
    assert (response.status_code, response.json()) == (202, {"size": 4, "before": 2, "held_s": 600.0})
    assert api.post("pool/scale", {"by": -1}).json() == {"size": 3, "before": 4, "held_s": 600.0}
    node.refresh_from_db()
    assert node.wanted == 3
    event = PoolEvent.objects.order_by("pk").last()
    assert event is not None
    assert (event.name, event.actor, event.data) == ("pool.scale_requested", "ada (token laptop)", {"size": 3})
    assert node.scale_held_until is not None
    assert api.post("pool/scale", {"size": "auto"}).json() == {"size": 3, "before": 3, "held_s": None}
    node.refresh_from_db()
    assert node.scale_held_until is None


def test_pool_is_scaled_by_some_more(api: Api, node: Node) -> None:
    assert api.post("pool/scale", {"by": 2}).json() == {"size": 4, "before": 2, "held_s": 600.0}
    node.refresh_from_db()
    assert node.wanted == 4


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "size"),
        ({"size": 0}, "size"),
        ({"size": 129}, "size"),
        ({"size": 2**63}, "size"),
        ({"size": 1.5}, "size"),
        ({"size": True}, "size"),
        ({"size": "4"}, "size"),
        ({"size": None}, "size"),
        ({"by": -2}, "by"),
        ({"by": 10**30}, "by"),
        ({"size": 1, "by": 1}, "size"),
        ({"workers": 4}, "workers"),
    ],
)
def test_wrong_size_is_refused(api: Api, node: Node, body: Any, field: str) -> None:
    assert problem_of(api.post("pool/scale", body), 400)["field"] == field
    node.refresh_from_db()
    assert node.wanted == 2


def test_pool_without_a_node_cannot_be_scaled_now(api: Api) -> None:
    response = api.post("pool/scale", {"size": 4})
    assert "pool start" in problem_of(response, 503)["detail"]
    assert response["Retry-After"] == "1"


def test_pool_shows_the_figures_of_metrics(api: Api, node: Node) -> None:
    figures = api.get("pool").json()
    metrics = api.client.get("/metrics", headers=api.headers).json()
    assert {**figures, "timestamp": 0} == {**metrics, "timestamp": 0}


@pytest.mark.parametrize("path", ["tasks", "queues", "workers", "workers/x", "nodes", "pool", "schema"])
def test_parameters_that_mean_nothing_are_refused(api: Api, path: str) -> None:
    assert problem_of(api.get(path, nix="1"), 400)["field"] == "nix"
