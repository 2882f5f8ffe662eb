"""Longer spans out of shorter ones: the figures and latencies of a minute, hour or day.

Pure, used by the clerk through `pool.store.snapshots`. Changes of counters add up; gauges keep sum, number and maximum
of their readings, so that means stay exact however often they are merged; histograms merge exactly.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from pool.domain.histogram import merge_encoded

Figures = dict[str, Any]
Histograms = dict[str, dict[str, dict[str, str]]]
Gauge = list[float]
"""Sum, number and maximum of the readings."""

WORKER_GAUGES = ("total", "active", "idle", "unhealthy")
RESOURCE_GAUGES = ("cpu", "memory", "rss", "pss", "io_wait")
RATE_GAUGES = ("throughput", "arrival_rate", "utilization")


def of_second(data: Mapping[str, Any]) -> Figures:
    """Give one node's second, as its meter wrote it, the form that merges."""
    readings = {"size": (data.get("pool") or {}).get("size")}
    for part, names in (("workers", WORKER_GAUGES), ("resources", RESOURCE_GAUGES), ("rates", RATE_GAUGES)):
        readings |= {name: (data.get(part) or {}).get(name) for name in names}
    return {
        "seconds": data.get("seconds") or 0.0,
        "deltas": dict(data.get("deltas") or {}),
        "gauges": {name: _gauge(value) for name, value in readings.items() if value is not None},
        "depths": {queue: _gauge(depth) for queue, depth in (data.get("depths") or {}).items()},
    }


def merge_figures(many: Iterable[Mapping[str, Any]]) -> Figures:
    """Merge figures of that form. Seconds are those of all nodes together."""
    merged: Figures = {"seconds": 0.0, "deltas": {}, "gauges": {}, "depths": {}}
    for one in many:
        merged["seconds"] = round(merged["seconds"] + one["seconds"], 3)
        for name, change in one["deltas"].items():
            merged["deltas"][name] = merged["deltas"].get(name, 0) + change
        for kind in ("gauges", "depths"):
            for name, gauge in one[kind].items():
                known = merged[kind].get(name)
                merged[kind][name] = list(gauge) if known is None else _both(known, gauge)
    return merged


def merge_histograms(many: Iterable[Mapping[str, Any]]) -> Histograms:
    """Merge encoded histograms by queue, task and measure."""
    texts: dict[tuple[str, str, str], list[str]] = {}
    for one in many:
        for queue, tasks in one.items():
            for task, measures in tasks.items():
                for measure, text in measures.items():
                    texts.setdefault((queue, task, measure), []).append(text)
    merged: Histograms = {}
    for (queue, task, measure), parts in texts.items():
        text = parts[0] if len(parts) == 1 else merge_encoded(parts)
        merged.setdefault(queue, {}).setdefault(task, {})[measure] = text
    return merged


def whole_pool(histograms: Mapping[str, Any]) -> dict[str, str]:
    """Merge encoded histograms of all queues and tasks into one for each measure."""
    texts: dict[str, list[str]] = {}
    for tasks in histograms.values():
        for measures in tasks.values():
            for measure, text in measures.items():
                texts.setdefault(measure, []).append(text)
    return {measure: parts[0] if len(parts) == 1 else merge_encoded(parts) for measure, parts in texts.items()}


def _gauge(value: float) -> Gauge:
    return [value, 1, value]


def _both(one: Gauge, other: Gauge) -> Gauge:
    return [round(one[0] + other[0], 6), one[1] + other[1], max(one[2], other[2])]
