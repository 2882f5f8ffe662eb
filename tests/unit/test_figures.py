"""The JSON of `/metrics`, built from what nodes wrote and counters say."""

from datetime import UTC, datetime
from typing import Any

from pool.domain.figures import NodeFigures, QueueView, pool_figures
from pool.domain.histogram import percentiles
from pool.domain.states import WorkerState
from pool.engine.meter import Meter, Resources, Standing
from tests.unit.test_meter import a_worker

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)

LATENCY = {"avg", "p50", "p90", "p95", "p99", "max"}
KEYS: dict[str, Any] = {
    "timestamp": None,
    "pool": {
        "size": None,
        "min": None,
        "max": None,
        "nodes": None,
        "initialized": None,
        "shutting_down": None,
        "uptime": None,
        "workers": dict.fromkeys(("total", "active", "idle", "unhealthy")),
    },
    "tasks": dict.fromkeys(
        (
            "submitted",
            "pending",
            "scheduled",
            "blocked",
            "executing",
            "completed",
            "failed",
            "cancelled",
            "timeout",
            "dlq",
            "throughput",
            "arrival_rate",
        )
    ),
    "performance": {
        **{name: dict.fromkeys(LATENCY) for name in ("latency", "wait", "run", "dispatch")},
        **dict.fromkeys(("worker_reuse_rate", "workers_spawned", "restarts", "utilization")),
    },
    "resources": {"cpu": {"usage": None}, "memory": dict.fromkeys(("usage", "rss", "pss")), "io": {"wait": None}},
    "queue": dict.fromkeys(("depth", "oldest_age", "avg_wait", "by_queue")),
    "health": dict.fromkeys(("status", "capacity", "alerts")),
}


def missing(expected: dict[str, Any], found: Any, path: str = "") -> list[str]:
    """Name the keys that are not there."""
    gone = [f"{path}{key}" for key in expected if key not in found]
    for key, inner in expected.items():
        if isinstance(inner, dict) and key in found:
            gone += missing(inner, found[key], f"{path}{key}.")
    return gone


def a_node(
    name: str = "n1", waits: tuple[int, ...] = (1000,), second: WorkerState = WorkerState.IDLE, **more: Any
) -> NodeFigures:
    meter = Meter(0.0)
    for wait in waits:
        meter.ended("default", "t", wait, 2000, wait + 2000, 50)
    meter.counters.spawned = 2
    standing = Standing(size=2, min=2, max=8, **more)
    data, _ = meter.snapshot(10.0, [a_worker(0), a_worker(1, second)], standing)
    return NodeFigures(name, NOW, data)


def test_every_key_is_there_with_a_node_and_without() -> None:
    assert missing(KEYS, pool_figures(NOW, [], {}, {})) == []
    assert missing(KEYS, pool_figures(NOW, [a_node()], {"default": {"pending": 1}}, {})) == []


def test_without_a_node_nothing_is_measured_and_the_pool_is_critical() -> None:
    figures = pool_figures(NOW, [], {}, {})
    assert figures["pool"]["nodes"] == 0
    assert figures["pool"]["uptime"] is None
    assert figures["tasks"]["throughput"] is None
    assert figures["performance"]["workers_spawned"] is None
    assert figures["performance"]["wait"]["p50"] is None
    assert figures["resources"]["memory"]["rss"] is None
    assert figures["health"]["status"] == "critical"


def test_totals_come_from_the_counters_of_all_queues() -> None:
    tallies = {"default": {"submitted": 10, "pending": 3, "dead": 1}, "mail": {"submitted": 5, "pending": 4}}
    figures = pool_figures(NOW, [], tallies, {"mail": QueueView(paused=True, oldest_age=7.5)})
    assert figures["tasks"]["submitted"] == 15
    assert figures["tasks"]["dlq"] == 1
    assert figures["queue"]["depth"] == 7
    assert figures["queue"]["oldest_age"] == 7.5
    assert figures["queue"]["by_queue"]["mail"]["pending"] == 4
    assert figures["queue"]["by_queue"]["mail"]["paused"] is True
    assert figures["queue"]["by_queue"]["default"]["oldest_age"] is None
    assert "Queue 'mail' is paused; 4 jobs wait in it." in [alert["message"] for alert in figures["health"]["alerts"]]


def test_percentiles_of_two_nodes_are_those_of_all_their_jobs() -> None:
    nodes = [a_node("n1", (1000,) * 90), a_node("n2", (50_000,) * 10)]
    merged = pool_figures(NOW, nodes, {}, {})
    assert merged["performance"]["wait"] == percentiles({1000: 90, 49920: 10})
    assert merged["queue"]["by_queue"] == {}
    assert merged["pool"]["size"] == 4
    assert merged["pool"]["workers"]["total"] == 4
    assert merged["performance"]["workers_spawned"] == 4


def test_mean_wait_of_a_queue_is_weighted_by_its_jobs() -> None:
    nodes = [a_node("n1", (100,) * 9), a_node("n2", (200,))]
    figures = pool_figures(NOW, nodes, {"default": {}}, {})
    assert figures["queue"]["by_queue"]["default"]["avg_wait"] == 0.11


def test_one_node_gives_its_own_percentiles() -> None:
    node = a_node()
    assert pool_figures(NOW, [node], {}, {})["performance"]["latency"] == node.data["latency"]["total"]


def test_reuse_is_the_share_of_attempts_without_a_new_worker() -> None:
    assert pool_figures(NOW, [a_node(waits=(1000,) * 100)], {}, {})["performance"]["worker_reuse_rate"] == 0.98
    assert pool_figures(NOW, [a_node(waits=())], {}, {})["performance"]["worker_reuse_rate"] is None


def test_resources_of_two_hosts_are_summed_or_averaged() -> None:
    nodes = [
        a_node("n1", resources=Resources(cpu=0.2, memory=0.5, rss=100, pss=None)),
        a_node("n2", resources=Resources(cpu=0.4, memory=0.7, rss=50, pss=None)),
    ]
    resources = pool_figures(NOW, nodes, {}, {})["resources"]
    assert resources["cpu"]["usage"] == 0.3
    assert resources["memory"] == {"usage": 0.6, "rss": 150, "pss": None}


def test_pool_shuts_down_when_all_its_nodes_do() -> None:
    nodes = [a_node("n1", shutting_down=True), a_node("n2")]
    assert pool_figures(NOW, nodes, {}, {})["pool"]["shutting_down"] is False
    assert pool_figures(NOW, nodes[:1], {}, {})["pool"]["shutting_down"] is True


def test_problem_of_a_node_becomes_an_alert() -> None:
    figures = pool_figures(NOW, [a_node(problem="The disk is full.")], {}, {})
    assert figures["health"]["status"] == "degraded"
    assert figures["health"]["alerts"][0] == {
        "name": "node_problem",
        "level": "warning",
        "message": "The disk is full.",
        "subject": "The disk is full.",
        "id": None,
        "since": None,
        "muted": False,
    }


def test_unhealthy_worker_of_a_node_becomes_an_alert() -> None:
    figures = pool_figures(NOW, [a_node(second=WorkerState.UNHEALTHY)], {}, {})
    assert figures["pool"]["workers"] == {"total": 2, "active": 0, "idle": 1, "unhealthy": 1}
    assert (figures["health"]["status"], figures["health"]["capacity"]) == ("degraded", 0.5)
    told = [(alert["name"], alert["level"], alert["message"]) for alert in figures["health"]["alerts"]]
    assert told == [("unhealthy_workers", "warning", "1 of 2 workers is unhealthy.")]


def test_memory_of_the_hosts_above_four_fifths_becomes_an_alert() -> None:
    def alerts(memory: float) -> list[tuple[str, str]]:
        health = pool_figures(NOW, [a_node(resources=Resources(memory=memory))], {}, {})["health"]
        return [(alert["name"], alert["message"]) for alert in health["alerts"]]

    assert alerts(0.80) == []
    assert alerts(0.81) == [("memory", "81% of the host's memory is in use.")]


def test_half_written_snapshot_breaks_nothing() -> None:
    assert missing(KEYS, pool_figures(NOW, [NodeFigures("old", NOW, {})], {}, {})) == []
