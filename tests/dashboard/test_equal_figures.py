"""One truth: page, API, `/metrics`, the live view and `pool status` show the same figures."""

import json
import re
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from pool.domain.states import NodeState
from pool.domain.wording import milliseconds, number, rate
from pool.engine.meter import Meter, Standing
from pool.models import Node, PoolSnapshot, Queue, Tally
from pool.store.live import live_status
from tests.unit.test_meter import a_worker, end

pytestmark = pytest.mark.django_db

COUNTERS = {
    "mail": {"pending": 12_345, "scheduled": 17, "executing": 3, "completed": 54_321, "dead": 23, "submitted": 66_709},
    "images": {"pending": 41, "completed": 1_001, "dead": 2, "submitted": 1_044, "failed": 2},
}
CELL = re.compile(r'data-cell="([a-z_]+)">([^<]*)<')


@pytest.fixture
def staff(client: Client, django_user_model: Any) -> Client:
    client.force_login(django_user_model.objects.create_superuser("ada"))
    return client


@pytest.fixture(autouse=True)
def _busy_pool() -> None:
    now, meter = timezone.now(), Meter(0.0)
    end(meter, 30, run_us=4321)
    meter.counters.spawned = 7
    data, histograms = meter.snapshot(1.0, [a_worker(), a_worker(1)], Standing(size=2, min=1, max=6))
    Node.objects.create(id="n1", host="h", pid=1, state=NodeState.RUNNING, started_at=now, last_beat=now)
    PoolSnapshot.objects.create(at=now, node="n1", data=data, histograms=histograms)
    Queue.objects.create(name="mail", paused=True)
    for queue, counters in COUNTERS.items():
        Tally.objects.create(queue=queue, **counters)
        # What a process outside the node added since is counted as well.
        Tally.objects.create(queue=queue, pending=1, submitted=1)


def figures(staff: Client) -> dict[str, Any]:
    found: dict[str, Any] = staff.get("/metrics").json()
    return without_the_moment(found)


def without_the_moment(found: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in found.items() if name not in ("timestamp", "live")}


def test_they_are_not_empty(staff: Client) -> None:
    found = figures(staff)
    assert found["tasks"]["pending"] == 12_345 + 41 + 2
    assert found["tasks"]["completed"] == 54_321 + 1_001
    assert found["pool"]["workers"]["total"] == 2
    assert found["performance"]["run"]["p95"] == pytest.approx(4.321, rel=0.02)


def test_api_shows_them(staff: Client) -> None:
    assert without_the_moment(staff.get("/api/v1/pool").json()) == figures(staff)


def test_live_view_shows_them(staff: Client) -> None:
    assert without_the_moment(live_status()) == figures(staff)
    assert without_the_moment(staff.get("/dashboard/live").json()) == figures(staff)


def test_command_shows_them(staff: Client) -> None:
    out = StringIO()
    call_command("pool", "status", "--json", stdout=out)
    shown = without_the_moment(json.loads(out.getvalue()))
    assert {name: shown[name] for name in figures(staff)} == figures(staff)


def test_prometheus_gets_them(staff: Client) -> None:
    text = staff.get("/metrics", headers={"Accept": "text/plain"}).content.decode()
    families = text_string_to_metric_families(text)
    samples = {(one.name, *one.labels.values()): one.value for family in families for one in family.samples}
    for name, queue in figures(staff)["queue"]["by_queue"].items():
        assert samples["pool_jobs", name, "pending"] == queue["pending"]
        assert samples["pool_jobs_completed_total", name] == queue["completed"]
        assert samples["pool_dead_letters", name] == queue["dlq"]


def test_queues_of_the_api_show_them(staff: Client) -> None:
    by_queue = figures(staff)["queue"]["by_queue"]
    for queue in staff.get("/api/v1/queues").json()["results"]:
        shown = by_queue[queue["name"]]
        assert [queue[name] for name in ("pending", "completed", "dead", "paused")] == [
            shown[name] for name in ("pending", "completed", "dlq", "paused")
        ]


def test_pages_show_them(staff: Client) -> None:
    found, page = figures(staff), staff.get("/dashboard/").content.decode()
    shown = {key: value for key, value in re.findall(r'data-figure="([a-z]+)">.*?data-value>([^<]*)<', page, re.DOTALL)}
    assert shown["waiting"] == number(found["tasks"]["pending"])
    assert shown["throughput"] == rate(found["tasks"]["throughput"])
    assert shown["wait"] == milliseconds(found["performance"]["wait"]["p95"])
    assert shown["run"] == milliseconds(found["performance"]["run"]["p95"])
    for address in ("/dashboard/", "/dashboard/queues/"):
        page = staff.get(address).content.decode()
        for name, queue in found["queue"]["by_queue"].items():
            (row,) = re.findall(rf'<tr[^>]* data-row="{name}".*?</tr>', page, re.DOTALL)
            cells = dict(CELL.findall(row))
            for counter in ("pending", "scheduled", "executing", "completed", "dlq"):
                assert cells[counter].strip() == number(queue[counter]), (address, name, counter)
