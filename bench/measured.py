"""What a busy pool measured in two days, as rows of snapshots: of the usual sizes, and of the form that nodes write.

Used by `bench.past` in the agent. A few seconds, minutes and hours are made, and written again and again.
"""

import json
import random
from collections.abc import Iterator, Sequence
from typing import Any

from pool.domain import histogram
from pool.domain.spans import merge_figures, merge_histograms, of_second, whole_pool
from pool.store.database import Database
from pool.store.snapshots import write_snapshot

COLUMNS = "at, node, span, data, histograms"
KEPT = {1: 3600, 60: 2 * 1440, 3600: 60 * 24, 86_400: 60}
"""So many rows of each length, as retention leaves them by default."""
MEASURES = ("wait", "run", "total", "dispatch")
SERIES = 12
"""Pairs of queue and task that end jobs in one second."""
JOBS = 400
"""Jobs of one second."""
KINDS = 12
"""Different spans of each length."""

Json = dict[str, Any]
Kind = tuple[Json, Json]


def rows(
    db: Database, node: str, now: float, queues: Sequence[str], tasks: Sequence[str], lanes: Sequence[Json]
) -> Iterator[tuple[Any, ...]]:
    chance = random.Random(2)
    seconds = [_second(chance, queues, tasks, lanes) for _ in range(KINDS)]
    minutes = [_longer([(of_second(data), found) for data, found in chance.choices(seconds, k=60)]) for _ in seconds]
    hours = [_longer(chance.choices(minutes, k=60)) for _ in seconds]
    for (span, count), kinds in zip(KEPT.items(), (seconds, minutes, hours, hours), strict=True):
        texts = [(json.dumps(data), json.dumps(found)) for data, found in kinds]
        last = int(now) // span * span
        for back in range(count):
            whose = node if span == 1 else ""
            yield db.at(float(last - back * span)), whose, span, *texts[back % KINDS]


def write_second(db: Database, node: str, now: float, lanes: Sequence[Json]) -> None:
    """Write what the node measured just now."""
    data, histograms = _second(random.Random(3), ["queue00"], ["shop.tasks.step_00"], lanes)
    write_snapshot(db, node, now, data, histograms)


def _second(chance: random.Random, queues: Sequence[str], tasks: Sequence[str], lanes: Sequence[Json]) -> Kind:
    histograms: Json = {}
    for _ in range(SERIES):
        task = chance.randrange(len(tasks))
        series = {measure: _times(chance, JOBS // SERIES) for measure in MEASURES}
        histograms.setdefault(queues[task % len(queues)], {})[tasks[task]] = series
    whole = whole_pool(histograms)
    latency = {measure: histogram.percentiles(histogram.decode(text)) for measure, text in whole.items()}
    data = {
        "pool": {"size": 8, "min": 2, "max": 8, "initialized": True, "shutting_down": False, "uptime": 86_400.0},
        "ready": True,
        "problem": "",
        "workers": {"total": 8, "active": 6, "idle": 2, "unhealthy": 0},
        "totals": {"spawned": 8, "executed": 1_000_000, "lost": 0},
        "deltas": {"submitted": JOBS, "completed": JOBS - 3, "failed": 2, "timeout": 1},
        "seconds": 1.0,
        "rates": {"throughput": 400.0, "arrival_rate": 400.0, "utilization": 0.75},
        "latency": latency,
        "windows": whole,
        "queues": {queue: {"jobs": 1200, **latency["wait"]} for queue in queues},
        "depths": {queue: chance.randrange(20_000) for queue in queues},
        "resources": {"cpu": 0.5, "memory": 0.4, "rss": 10**9, "pss": 10**8, "io_wait": 0.01},
        "lanes": list(lanes),
    }
    return data, histograms


def _times(chance: random.Random, jobs: int) -> str:
    return histogram.encode(histogram.count(int(chance.lognormvariate(9, 1.5)) for _ in range(jobs)))


def _longer(parts: Sequence[Kind]) -> Kind:
    histograms = merge_histograms(found for _, found in parts)
    return {**merge_figures(data for data, _ in parts), "whole": whole_pool(histograms)}, histograms
