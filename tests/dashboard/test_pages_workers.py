"""What the pages say of the workers: of which kind each is, and what their number goes by."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from pool.domain.states import WorkerState
from pool.models import PoolEvent
from tests.dashboard.rows import a_node, a_second, a_worker

pytestmark = pytest.mark.django_db

PATHS = ("/dashboard/", "/dashboard/workers/")


def page_of(client: Client, path: str = "/dashboard/workers/") -> str:
    return str(client.get(path).content.decode())


def a_pool(**scaling: Any) -> None:
    a_node()
    standing = {"mode": "load", "held_s": None, "why": None} | scaling
    a_second(timezone.now(), pool={"size": 2, "uptime": 5.0, "initialized": True, "scaling": standing})


def test_the_kind_of_a_worker_stands_beside_what_it_offers_besides(viewer: Client) -> None:
    a_pool()
    a_worker(kind="compute", capabilities=["avx512", "compute", "cpu"])
    page = page_of(viewer)
    assert ">compute <small>avx512, cpu</small></td>" in page
    assert 'title="It offers avx512, cpu."' in page


def test_a_worker_that_offers_nothing_besides_has_its_kind_alone(viewer: Client) -> None:
    a_pool()
    a_worker(kind="general", capabilities=["general"])
    assert ">general</td>" in page_of(viewer)


@pytest.mark.parametrize("path", PATHS)
def test_why_the_number_of_workers_is_as_it_is_can_be_read(operator: Client, path: str) -> None:
    a_pool(why="the workers are 85 % busy")
    page = page_of(operator, path)
    assert "follows the load: the workers are 85 % busy</span>" in page
    assert "data-follow hidden" in page


@pytest.mark.parametrize("path", PATHS)
def test_a_number_set_by_hand_is_told_with_the_way_back(operator: Client, viewer: Client, path: str) -> None:
    a_pool(mode="held", held_s=300.0, why="set by hand, for 300 s more")
    page = page_of(operator, path)
    assert ">set by hand, 5 min more</span>" in page
    assert "data-follow>" in page
    page = page_of(viewer, path)
    assert ">set by hand, 5 min more</span>" in page
    assert "data-follow" not in page


@pytest.mark.django_db(transaction=True)
def test_another_worker_is_asked_for_in_place_of_one(operator: Client, viewer: Client) -> None:
    a_pool()
    row = a_worker("w0-a")
    assert "/dashboard/workers/w0-a/restart" in page_of(operator)
    assert "/restart" not in page_of(viewer)
    asked = operator.post("/dashboard/workers/w0-a/restart", headers={"Accept": "application/json"})
    assert "has not answered yet" in asked.json()["text"]
    assert 1 == PoolEvent.objects.filter(name="worker.restart_requested").count()
    row.state = WorkerState.TERMINATING
    row.save()
    asked = operator.post("/dashboard/workers/w0-a/restart", headers={"Accept": "application/json"})
    assert "takes the place of w0-a" in asked.json()["text"]
    assert 404 == operator.post("/dashboard/workers/w9-z/restart", headers={"Accept": "application/json"}).status_code
