"""`/metrics`: who gets it, and in which form."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from pool.domain.states import NodeState
from pool.engine.meter import Meter, Standing
from pool.models import ApiToken, Node, PoolSnapshot, Tally
from pool.store.tokens import create_token
from tests.unit.test_figures import KEYS, missing
from tests.unit.test_meter import a_worker, end

pytestmark = pytest.mark.django_db

PROMETHEUS = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.fixture
def ada(django_user_model: Any) -> Any:
    return django_user_model.objects.create_superuser("ada")


@pytest.fixture
def staff(client: Client, ada: Any) -> Client:
    client.force_login(ada)
    return client


@pytest.fixture
def running() -> Iterator[None]:
    """A node that has run a few jobs."""
    now, meter = timezone.now(), Meter(0.0)
    end(meter, 3)
    meter.counters.spawned = 2
    data, histograms = meter.snapshot(1.0, [a_worker()], Standing(size=1, min=1, max=2))
    Node.objects.create(id="n1", host="h", pid=1, state=NodeState.RUNNING, started_at=now, last_beat=now)
    PoolSnapshot.objects.create(at=now, node="n1", data=data, histograms=histograms)
    Tally.objects.create(queue="mail", submitted=5, completed=3, pending=2)
    return


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


def samples(response: Any) -> dict[tuple[str, ...], float]:
    families = text_string_to_metric_families(response.content.decode())
    return {(one.name, *one.labels.values()): one.value for family in families for one in family.samples}


def test_staff_get_every_key(staff: Client, running: None) -> None:
    response = staff.get("/metrics")
    assert response.status_code == 200
    assert response["Content-Type"] == "application/json"
    assert "no-store" in response["Cache-Control"]
    assert missing(KEYS, response.json()) == []
    assert response.json()["tasks"]["submitted"] == 5


def test_without_a_node_figures_are_null(staff: Client) -> None:
    figures = staff.get("/metrics").json()
    assert missing(KEYS, figures) == []
    assert figures["performance"]["wait"]["p95"] is None
    assert figures["health"]["status"] == "critical"


@pytest.mark.parametrize("accept", [BROWSER, "*/*", "", "application/json", "application/json, text/plain, */*"])
def test_json_is_what_most_clients_get(staff: Client, accept: str) -> None:
    assert staff.get("/metrics", headers={"Accept": accept})["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [(PROMETHEUS, "application/openmetrics-text; version=1.0.0"), ("text/plain", "text/plain; version=0.0.4")],
)
def test_prometheus_gets_its_text(staff: Client, running: None, accept: str, content_type: str) -> None:
    response = staff.get("/metrics", headers={"Accept": accept})
    assert response["Content-Type"].startswith(content_type)
    found = samples(response)
    assert found["pool_jobs", "mail", "pending"] == 2
    assert found["pool_jobs_submitted_total", "mail"] == 5
    assert found["pool_job_run_seconds", "0.5"] == pytest.approx(0.002, rel=0.02)
    assert found["pool_workers", "idle"] == 1
    assert found["pool_health", "healthy"] == 1
    assert ("pool_memory_rss_bytes",) not in found


def test_prometheus_gets_text_without_a_node(staff: Client) -> None:
    assert samples(staff.get("/metrics", headers={"Accept": "text/plain"}))["pool_nodes",] == 0


def test_nobody_we_know_gets_401_and_no_redirect(client: Client) -> None:
    response = client.get("/metrics")
    assert response.status_code == 401
    assert response["Content-Type"] == "application/problem+json"
    assert response["WWW-Authenticate"].startswith("Bearer")
    assert set(response.json()) == {"type", "title", "status", "detail"}


def test_user_who_is_not_staff_gets_403(client: Client, django_user_model: Any) -> None:
    client.force_login(django_user_model.objects.create_user("ben"))
    assert client.get("/metrics").status_code == 403


def test_token_that_may_read_opens_it(client: Client, ada: Any) -> None:
    row, text = create_token(ada, scopes=["read"])
    assert client.get("/metrics", headers=bearer(text)).status_code == 200
    row.refresh_from_db()
    assert row.last_used_at is not None


def test_token_without_the_scope_gets_403(client: Client, ada: Any) -> None:
    _, text = create_token(ada, scopes=["submit"])
    assert client.get("/metrics", headers=bearer(text)).status_code == 403


def test_token_of_a_user_who_lost_the_right_gets_403(client: Client, django_user_model: Any) -> None:
    _, text = create_token(django_user_model.objects.create_superuser("ben"))
    django_user_model.objects.update(is_staff=False)
    assert client.get("/metrics", headers=bearer(text)).status_code == 403


def test_token_that_ended_gets_401(client: Client, ada: Any, django_user_model: Any) -> None:
    row, text = create_token(ada)
    ApiToken.objects.update(expiry=timezone.now() - timedelta(seconds=1))
    assert client.get("/metrics", headers=bearer(text)).status_code == 401
    ApiToken.objects.update(expiry=None)
    django_user_model.objects.update(is_active=False)
    assert client.get("/metrics", headers=bearer(text)).status_code == 401
    django_user_model.objects.update(is_active=True)
    assert client.get("/metrics", headers=bearer(text)).status_code == 200
    row.delete()
    assert client.get("/metrics", headers=bearer(text)).status_code == 401


@pytest.mark.parametrize("text", ["", "x" * 64, "x" * 100_000, "a b", "ü"])
def test_wrong_token_gets_401_even_beside_a_session(staff: Client, text: str) -> None:
    assert staff.get("/metrics", headers=bearer(text)).status_code == 401


def test_other_scheme_leaves_the_session_to_decide(staff: Client) -> None:
    assert staff.get("/metrics", headers={"Authorization": "Basic YTpi"}).status_code == 200


def test_only_reading_is_allowed(staff: Client) -> None:
    assert staff.head("/metrics").status_code == 200
    assert staff.post("/metrics").status_code == 405
