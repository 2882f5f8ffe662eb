"""The figures of the pool at one moment: the JSON of `/metrics`, of the pages and of the socket.

Pure: built by `pool.store.status` from what the live nodes last wrote and from the counters kept by queue. Every key is
always there; what nobody knows is None. Times are milliseconds, ages and uptime seconds, usage a fraction.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from pool.domain import histogram
from pool.domain.alarms import NAMES
from pool.domain.health import LATE_AFTER_S, Alert, Condition, assess
from pool.domain.held import Line, line
from pool.domain.histogram import UNKNOWN, Percentiles

LIFE_COUNTERS = ("submitted", "completed", "failed", "cancelled", "timeout")
GAUGES = ("pending", "scheduled", "blocked", "executing")
WAITING = ("pending", "scheduled", "blocked")
LATENCIES = {"latency": "total", "wait": "wait", "run": "run", "dispatch": "dispatch"}

Tallies = Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class NodeFigures:
    """What one live node last wrote of itself, as the meter made it."""

    node: str
    at: datetime
    data: Mapping[str, Any]

    def part(self, name: str) -> Mapping[str, Any]:
        return self.data.get(name) or {}


@dataclass(frozen=True, slots=True)
class KeptAlert:
    """An alert that is open by the table."""

    alert: Alert
    id: int
    since: str
    muted: bool
    is_clear: bool = False
    """The last look did not find it any more."""

    @property
    def facts(self) -> dict[str, Any]:
        return {"id": self.id, "since": self.since, "muted": self.muted}


NOT_KEPT: Mapping[str, Any] = {"id": None, "since": None, "muted": False}
"""Of an alert that no clerk has seen yet, or that is none for people to be woken by."""


@dataclass(frozen=True, slots=True)
class QueueView:
    """A queue beside its counters."""

    paused: bool = False
    oldest_age: float | None = None
    """Seconds that its oldest job has waited beyond its time."""
    weight: float = 1.0
    max_waiting: int | None = None
    """Most jobs that may wait in it, wherever that is set; None: any."""
    max_running: int | None = None
    rate: float | None = None
    burst: int | None = None
    tight_at: float = 1.0
    """How full it is when its producers are slowed down."""
    open_s: float = math.inf
    """Seconds for which its rate has let a job start; below 0: until it does."""


def pool_figures(
    now: datetime,
    nodes: Sequence[NodeFigures],
    tallies: Tallies,
    queues: Mapping[str, QueueView],
    mute: Sequence[str] = (),
    kept: Sequence[KeptAlert] = (),
    late_after_s: float = LATE_AFTER_S,
) -> dict[str, Any]:
    """Build the whole from its sources.

    `mute` are sentences about living nodes that write no figures, `kept` the alerts that are open by the table.
    """
    pool, workers, tasks = _pool(nodes), _workers(nodes), _tasks(nodes, tallies)
    performance, resources = _performance(nodes), _resources(nodes)
    return {
        "timestamp": now.isoformat(),
        "pool": {**pool, "workers": workers},
        "tasks": tasks,
        "performance": performance,
        "resources": resources,
        "queue": _queue(nodes, tallies, queues),
        "health": _health(
            nodes,
            kept,
            mute=mute,
            late_after_s=late_after_s,
            size=pool["size"],
            workers=workers["total"],
            unhealthy=workers["unhealthy"],
            shutting_down=pool["shutting_down"],
            memory=resources["memory"]["usage"],
            paused={name: tallies.get(name, {}).get("pending", 0) for name, queue in queues.items() if queue.paused},
            lines=_lines(tallies, queues),
            uptime_s=pool["uptime"] or 0.0,
            full=_full(tallies, queues),
            is_idle=tasks["throughput"] == 0 and performance["latency"]["p50"] is None,
        ),
    }


def latencies(nodes: Sequence[NodeFigures]) -> dict[str, Percentiles]:
    """Give true percentiles over all nodes: one node's own, or those of the merged windows."""
    return {name: _latency(nodes, measure) for name, measure in LATENCIES.items()}


def _latency(nodes: Sequence[NodeFigures], measure: str) -> Percentiles:
    if len(nodes) == 1:
        return {**UNKNOWN, **nodes[0].part("latency").get(measure, {})}
    windows = [node.part("windows").get(measure) for node in nodes]
    return histogram.percentiles(histogram.merged(histogram.decode(text) for text in windows if text))


def _pool(nodes: Sequence[NodeFigures]) -> dict[str, Any]:
    pools = [node.part("pool") for node in nodes]
    return {
        "size": sum(pool.get("size", 0) for pool in pools),
        "min": _sum(pool.get("min") for pool in pools),
        "max": _sum(pool.get("max") for pool in pools),
        "nodes": len(nodes),
        "initialized": bool(pools) and all(pool.get("initialized") for pool in pools),
        "shutting_down": bool(pools) and all(pool.get("shutting_down") for pool in pools),
        "uptime": max((pool.get("uptime", 0.0) for pool in pools), default=None),
        "scaling": _scaling([pool.get("scaling", {}) for pool in pools]),
    }


def _scaling(nodes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What the size goes by: `held` while any node holds what was set by hand, for the longest of the times."""
    modes = {node.get("mode") for node in nodes}
    return {
        "mode": next((mode for mode in ("held", "load", "off") if mode in modes), None),
        "held_s": max((node["held_s"] for node in nodes if node.get("held_s")), default=None),
        "why": next((node["why"] for node in nodes if node.get("why")), None),
    }


def _workers(nodes: Sequence[NodeFigures]) -> dict[str, int]:
    counts = [node.part("workers") for node in nodes]
    return {name: sum(count.get(name, 0) for count in counts) for name in ("total", "active", "idle", "unhealthy")}


def _tasks(nodes: Sequence[NodeFigures], tallies: Tallies) -> dict[str, Any]:
    def total(name: str) -> int:
        return sum(counters.get(name, 0) for counters in tallies.values())

    return {
        **{name: total(name) for name in (*GAUGES, *LIFE_COUNTERS)},
        "dlq": total("dead"),
        "retried": total("retried"),
        "throughput": _sum(node.part("rates").get("throughput") for node in nodes),
        "arrival_rate": _sum(node.part("rates").get("arrival_rate") for node in nodes),
    }


def _performance(nodes: Sequence[NodeFigures]) -> dict[str, Any]:
    totals = [node.part("totals") for node in nodes]
    rates = [node.part("rates") for node in nodes]
    workers = [node.part("workers").get("total") for node in nodes]
    spawned, executed = (_sum(total.get(name) for total in totals) for name in ("spawned", "executed"))
    return {
        **latencies(nodes),
        "worker_reuse_rate": round(max(1 - (spawned or 0) / executed, 0.0), 6) if executed else None,
        "workers_spawned": spawned,
        "restarts": _sum(total.get("lost") for total in totals),
        "utilization": _mean((rate.get("utilization"), total) for rate, total in zip(rates, workers, strict=True)),
    }


def _resources(nodes: Sequence[NodeFigures]) -> dict[str, Any]:
    parts = [node.part("resources") for node in nodes]
    cpu, memory, io_wait = (_mean((part.get(name), 1) for part in parts) for name in ("cpu", "memory", "io_wait"))
    rss, pss = (_sum(part.get(name) for part in parts) for name in ("rss", "pss"))
    return {"cpu": {"usage": cpu}, "memory": {"usage": memory, "rss": rss, "pss": pss}, "io": {"wait": io_wait}}


def _queue(nodes: Sequence[NodeFigures], tallies: Tallies, queues: Mapping[str, QueueView]) -> dict[str, Any]:
    names = sorted({*tallies, *queues})
    by_queue = {name: _one_queue(nodes, name, tallies.get(name, {}), queues.get(name, QueueView())) for name in names}
    ages = [queue["oldest_age"] for queue in by_queue.values() if queue["oldest_age"] is not None]
    return {
        "depth": sum(queue["pending"] for queue in by_queue.values()),
        "oldest_age": max(ages, default=None),
        "avg_wait": _latency(nodes, "wait")["avg"],
        "by_queue": by_queue,
    }


def _one_queue(nodes: Sequence[NodeFigures], name: str, tally: Mapping[str, int], view: QueueView) -> dict[str, Any]:
    waits = [node.part("queues").get(name, {}) for node in nodes]
    return {
        **{gauge: tally.get(gauge, 0) for gauge in GAUGES},
        "dlq": tally.get("dead", 0),
        **{counter: tally.get(counter, 0) for counter in LIFE_COUNTERS},
        "paused": view.paused,
        **limits_of(view, tally),
        "oldest_age": view.oldest_age,
        "avg_wait": _mean((wait.get("avg"), wait.get("jobs")) for wait in waits),
    }


def limits_of(view: QueueView, tally: Mapping[str, int]) -> dict[str, Any]:
    """A queue's weight and limits, and how full it is."""
    waiting = sum(tally.get(gauge, 0) for gauge in WAITING)
    return {
        "weight": view.weight,
        "max_waiting": view.max_waiting,
        "max_running": view.max_running,
        "rate": view.rate,
        "burst": view.burst,
        "fullness": None if not view.max_waiting else round(max(waiting, 0) / view.max_waiting, 4),
    }


def _full(tallies: Tallies, queues: Mapping[str, QueueView]) -> dict[str, float]:
    """Queues in which it is tight, and how full they are."""
    found = {name: limits_of(queue, tallies.get(name, {}))["fullness"] for name, queue in queues.items()}
    return {name: full for name, full in found.items() if full is not None and full >= queues[name].tight_at}


def _lines(tallies: Tallies, queues: Mapping[str, QueueView]) -> dict[str, Line]:
    """The open queues in which jobs wait."""
    return {
        name: line(age, tallies.get(name, {}).get("executing", 0), queue.max_running, queue.rate, queue.open_s)
        for name, queue in queues.items()
        if not queue.paused and (age := queue.oldest_age)
    }


def _health(nodes: Sequence[NodeFigures], kept: Sequence[KeptAlert], **known: Any) -> dict[str, Any]:
    condition = Condition(
        # Without a node there is no clerk either, and what stands there is of the past.
        found=[one.alert for one in kept if one.alert.name in NAMES and not one.is_clear] if nodes else (),
        nodes=len(nodes),
        unready=sum(not node.data.get("ready") for node in nodes),
        problems=[str(problem) for node in nodes if (problem := node.data.get("problem"))],
        **known,
    )
    health = assess(condition)
    facts = {(one.alert.name, one.alert.subject): one.facts for one in kept}
    alerts = [{**asdict(one), **facts.get((one.name, one.subject), NOT_KEPT)} for one in health.alerts]
    return {"status": health.status, "capacity": health.capacity, "alerts": alerts}


def _sum(values: Iterable[Any]) -> Any:
    """Add up what is known; None when nothing is."""
    known = [value for value in values if value is not None]
    return round(sum(known), 3) if known else None


def _mean(weighted: Iterable[tuple[float | None, float | None]]) -> float | None:
    """Give the weighted mean of what is known; None when nothing is."""
    known = [(value, weight or 0) for value, weight in weighted if value is not None]
    weights = sum(weight for _, weight in known)
    return round(sum(value * weight for value, weight in known) / weights, 4) if weights else None
