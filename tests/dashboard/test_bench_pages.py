"""The bench's past can be written, and every place of the site that the bench times can be opened on it."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from bench import measured, past
from bench.figures import BY_KEY
from bench.pages import PLACES, Place

JOBS = 2000


@pytest.fixture
def facts(transactional_db: None, django_user_model: Any, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setattr(past, "EVENTS", 200)
    monkeypatch.setattr(past, "WORKERS_ENDED", 50)
    monkeypatch.setattr(measured, "KEPT", dict.fromkeys(measured.KEPT, 5))
    monkeypatch.setattr(measured, "KINDS", 2)
    found = past.fill(JOBS)
    past.beat()
    return found | {"page": 2}


@pytest.fixture
def visitor(facts: dict[str, Any], client: Client, django_user_model: Any) -> Client:
    client.force_login(django_user_model.objects.create_superuser("ada"))
    return client


def some(place: Place, facts: dict[str, Any]) -> Iterator[str]:
    """A path of each kind: the first, and every hundredth of many."""
    paths = place.paths(facts)
    assert len(paths) == len(set(paths))
    yield from paths[::100]


def test_every_place_can_be_opened(facts: dict[str, Any], visitor: Client) -> None:
    for place in PLACES:
        for path in some(place, facts):
            assert 200 == visitor.get(path, headers={"Accept": "text/html, application/json"}).status_code, path


def test_its_figures_are_those_of_a_pool_at_work(facts: dict[str, Any], visitor: Client) -> None:
    figures = visitor.get("/metrics").json()
    assert (1, 8) == (figures["pool"]["nodes"], figures["pool"]["workers"]["total"])
    assert JOBS == figures["tasks"]["submitted"]
    shown = [visitor.get(f"/api/v1/jobs?status={status}").json()["results"] for status in facts["jobs"]]
    assert all(shown)


def test_every_place_has_its_figures() -> None:
    for place in PLACES:
        for name in ("p95", "p50", "cpu"):
            assert place.what in BY_KEY[f"{place.key}_p95"].what
            assert f"{place.key}_{name}" in BY_KEY
