"""The figures of the pool in Prometheus' text format, in its base units: seconds, bytes and ratios.

Called by the view of `/metrics` in the web process. What is not known is left out, as Prometheus wants it.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

Figures = Mapping[str, Any]

JOB_STATES = ("pending", "scheduled", "blocked", "executing")
JOB_COUNTERS = ("submitted", "completed", "failed", "timeout", "cancelled")
QUANTILES = {"p50": "0.5", "p90": "0.9", "p95": "0.95", "p99": "0.99", "max": "1"}
LATENCIES = {
    "latency": "Time from when a job might start to its end, over the last minute.",
    "wait": "Time from when a job might start to its start, over the last minute.",
    "run": "Time that attempts ran, over the last minute.",
    "dispatch": "Time from the node to the worker, over the last minute.",
}
LIMITS = {
    "fullness": ("pool_queue_full_ratio", "How full the queue is, of what may wait in it."),
    "max_waiting": ("pool_queue_max_waiting", "Most jobs that may wait in the queue."),
    "max_running": ("pool_queue_max_running", "Most jobs of the queue that execute at a time."),
    "rate": ("pool_queue_rate", "Most jobs of the queue that start in a second."),
}
STATUSES = ("healthy", "degraded", "critical")


def exposition(figures: Figures, accept: str) -> tuple[bytes, str]:
    """Write the figures in the version of the format that the client accepts; text and content type."""
    registry = CollectorRegistry()
    registry.register(PoolCollector(figures))
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


class PoolCollector(Collector):
    """Gives the figures it was made with, once."""

    def __init__(self, figures: Figures) -> None:
        self.figures = figures

    def collect(self) -> Iterator[Metric]:
        figures = self.figures
        yield from _queues(figures["queue"]["by_queue"])
        yield from _pool(figures["pool"])
        yield from _performance(figures["performance"])
        yield from _single(figures)
        yield _labelled(
            "pool_health", "1 for the status the pool is in.", "status",
            {status: int(figures["health"]["status"] == status) for status in STATUSES},
        )  # fmt: skip


def _queues(by_queue: Mapping[str, Figures]) -> Iterator[Metric]:
    jobs = GaugeMetricFamily("pool_jobs", "Jobs in a state that is not final, now.", labels=["queue", "state"])
    for name, queue in by_queue.items():
        for state in JOB_STATES:
            jobs.add_metric([name, state], queue[state])
    yield jobs
    yield _labelled("pool_dead_letters", "Dead letters, now.", "queue", _of_each(by_queue, "dlq"))
    for counter in JOB_COUNTERS:
        family = CounterMetricFamily(f"pool_jobs_{counter}", f"Jobs {counter} over the pool's life.", labels=["queue"])
        for name, queue in by_queue.items():
            family.add_metric([name], queue[counter])
        yield family
    ages = _of_each(by_queue, "oldest_age")
    yield _labelled("pool_queue_oldest_age_seconds", "Age of the oldest job that may start.", "queue", ages)
    paused = {name: int(queue["paused"]) for name, queue in by_queue.items()}
    yield _labelled("pool_queue_paused", "1 while the queue is paused.", "queue", paused)
    for key, (name, meaning) in LIMITS.items():
        yield _labelled(name, meaning, "queue", _of_each(by_queue, key))


def _pool(pool: Figures) -> Iterator[Metric]:
    yield _labelled("pool_workers", "Workers by state, now.", "state", pool["workers"])
    yield from _gauges(
        ("pool_size", "Workers wanted.", pool["size"]),
        ("pool_nodes", "Live nodes.", pool["nodes"]),
        ("pool_uptime_seconds", "Age of the oldest live node.", pool["uptime"]),
    )


def _performance(performance: Figures) -> Iterator[Metric]:
    for name, meaning in LATENCIES.items():
        seconds = {
            quantile: value / 1000
            for key, quantile in QUANTILES.items()
            if (value := performance[name][key]) is not None
        }
        yield _labelled(f"pool_job_{name}_seconds", meaning, "quantile", seconds)
    yield from _gauges(
        ("pool_worker_reuse_ratio", "Share of attempts that needed no new worker.", performance["worker_reuse_rate"]),
        ("pool_utilization_ratio", "Share of the workers' time spent running jobs.", performance["utilization"]),
    )
    for key, name in (("workers_spawned", "pool_workers_spawned"), ("restarts", "pool_workers_lost")):
        family = CounterMetricFamily(name, "Workers since the live nodes started.")
        if performance[key] is not None:
            family.add_metric([], performance[key])
        yield family


def _single(figures: Figures) -> Iterator[Metric]:
    tasks, resources = figures["tasks"], figures["resources"]
    yield from _gauges(
        ("pool_throughput", "Jobs finished in a second.", tasks["throughput"]),
        ("pool_arrival_rate", "Jobs submitted in a second.", tasks["arrival_rate"]),
        ("pool_cpu_usage_ratio", "CPU in use on the hosts.", resources["cpu"]["usage"]),
        ("pool_memory_usage_ratio", "Memory in use on the hosts.", resources["memory"]["usage"]),
        ("pool_memory_rss_bytes", "Resident memory of the pool's processes.", resources["memory"]["rss"]),
        ("pool_memory_pss_bytes", "Memory of the pool's processes, shared parts once.", resources["memory"]["pss"]),
        ("pool_io_wait_ratio", "CPU time spent waiting for devices.", resources["io"]["wait"]),
        ("pool_capacity_ratio", "Healthy workers of those wanted.", figures["health"]["capacity"]),
    )


def _gauges(*known: tuple[str, str, float | None]) -> Iterable[Metric]:
    return [GaugeMetricFamily(name, meaning, value=value) for name, meaning, value in known if value is not None]


def _of_each(by_queue: Mapping[str, Figures], key: str) -> dict[str, float | None]:
    return {name: queue[key] for name, queue in by_queue.items()}


def _labelled(name: str, meaning: str, label: str, values: Mapping[str, float | None]) -> Metric:
    family = GaugeMetricFamily(name, meaning, labels=[label])
    for key, value in values.items():
        if value is not None:
            family.add_metric([key], value)
    return family
