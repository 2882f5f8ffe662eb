"""What the node measures: counters, latencies by queue and task, rates and how busy the workers are.

Lives in the node's loop. `ended` and the counters are on the hot path and only note; once a second `snapshot` counts
what was noted and returns the figures of that second (`data`) with its latencies (`histograms`), both ready to be
stored as JSON by `pool.store.snapshots`. When nothing happened it builds no histogram. It reads no clock: `now` is
monotonic seconds.
"""

import json
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from pool.domain import histogram
from pool.domain.histogram import Counts
from pool.domain.states import WorkerState
from pool.domain.window import Window
from pool.engine.counters import Counters
from pool.store.nodes import WorkerRow

MEASURES = ("wait", "run", "total", "dispatch")
WINDOW_S = 60.0
"""Live percentiles look back this far."""
RATE_S = 10.0
"""Rates and utilization look back this far."""
SAMPLES_KEPT = 4 * 4096
"""Noted values of one series that are counted at once instead of at the next snapshot."""
SERIES_A_SECOND = 40
"""Series (queue and task) written with one snapshot; what is more waits for the next one, so none takes long."""

Data = dict[str, Any]
Histograms = dict[str, dict[str, dict[str, str]]]


@dataclass(frozen=True, slots=True)
class Resources:
    """Of the node's host and processes; None is unknown. Fractions from 0 to 1, sizes in bytes."""

    cpu: float | None = None
    memory: float | None = None
    rss: int | None = None
    pss: int | None = None
    io_wait: float | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """How the node stands at a snapshot."""

    size: int
    min: int
    max: int
    initialized: bool = True
    shutting_down: bool = False
    ready: bool = True
    """The last turn reached the database, so a job could be claimed."""
    problem: str = ""
    scaling: Mapping[str, Any] = field(default_factory=dict)
    """What becomes of the size: see `pool.engine.autoscaler`."""
    running_s: float = 0.0
    """Time that the jobs running now have run so far, added up."""
    depths: Mapping[str, int] | None = None
    """Jobs that may start now, by queue, over the whole pool; None when the node did not look."""
    resources: Resources = field(default_factory=Resources)


@dataclass(frozen=True, slots=True)
class _Sample:
    at: float
    finished: int
    submitted: int
    busy_s: float
    worker_s: float


@dataclass(frozen=True, slots=True)
class Work:
    """Running totals as they stood at the last snapshot."""

    at: float
    busy_s: float
    """Time that jobs took, of those that run as well."""
    ended_s: float
    """Of those that have ended alone."""
    jobs: int
    """How many have."""
    latest: float
    """Workers' worth of time that jobs took between the last two snapshots."""


class Meter:
    def __init__(self, now: float) -> None:
        self.counters = Counters()
        self._started = self._last = now
        self._noted: dict[tuple[str, str], list[int]] = {}
        self._second: dict[tuple[str, str], list[Counts]] = {}
        self._unwritten: dict[tuple[str, str], list[Counts]] = {}
        self._windows = [Window(WINDOW_S) for _ in MEASURES]
        self._waits: dict[str, Window] = {}
        self._ran_s = 0.0
        self._worker_s = 0.0
        self._samples = deque([_Sample(now, 0, 0, 0.0, 0.0)])
        self._written = asdict(self.counters)

    def ended(self, queue: str, task: str, wait_us: int, run_us: int, total_us: int, dispatch_us: int) -> None:
        """Note the times of an attempt that ran. Called for each one."""
        try:
            noted = self._noted[queue, task]
        except KeyError:
            noted = self._noted[queue, task] = []
        noted += (wait_us, run_us, total_us, dispatch_us)
        if len(noted) >= SAMPLES_KEPT:
            self._count((queue, task), noted)
            noted.clear()

    def ran_beside(self, run_us: int, streams: int) -> None:
        """One of so many that its worker runs at a time kept it busy for a share of its run time only."""
        self._ran_s -= run_us * (1 - 1 / streams) / 1e6

    def work(self) -> Work:
        """What was done up to the last snapshot."""
        last, before = self._samples[-1], self._samples[-2 if len(self._samples) > 1 else -1]
        span_s = last.at - before.at
        latest = max(last.busy_s - before.busy_s, 0.0) / span_s if span_s > 0 else 0.0
        return Work(last.at, last.busy_s, self._ran_s, self.counters.executed, latest)

    def wait_p95_ms(self, since: float) -> float | None:
        """95th percentile of the wait of jobs that began after a snapshot at that time; None when none did."""
        return histogram.percentiles(self._windows[0].since(since))["p95"]

    def snapshot(self, now: float, workers: Sequence[WorkerRow], standing: Standing) -> tuple[Data, Histograms]:
        """Close the second: its figures, and its latencies by queue and task."""
        self._count_all()
        self._slide(now)
        self._sample(now, workers, standing)
        data = self._figures(now, workers, standing)
        self._last = now
        return data, self._histograms()

    def _count_all(self) -> None:
        for key, noted in self._noted.items():
            if noted:
                self._count(key, noted)
        # A task that came once leaves nothing behind.
        self._noted.clear()

    def _count(self, key: tuple[str, str], noted: list[int]) -> None:
        series = self._second.setdefault(key, [{} for _ in MEASURES])
        for index, counts in enumerate(series):
            histogram.add(counts, histogram.count(noted[index :: len(MEASURES)]))
        self.counters.executed += len(noted) // len(MEASURES)
        self._ran_s += sum(noted[1 :: len(MEASURES)]) / 1e6

    def _slide(self, now: float) -> None:
        """Move the windows on by the second that ends, and keep it for its row."""
        for index, window in enumerate(self._windows):
            window.add(now, histogram.merged(series[index] for series in self._second.values()))
            window.expire(now)
        for (queue, _), series in self._second.items():
            self._waits.setdefault(queue, Window(WINDOW_S)).add(now, series[0])
        for queue, window in list(self._waits.items()):
            window.expire(now)
            if not window:
                del self._waits[queue]
        for key, series in self._second.items():
            self._keep(key, series)
        self._second = {}

    def _keep(self, key: tuple[str, str], series: list[Counts]) -> None:
        waiting = self._unwritten.get(key)
        if waiting is None:
            # A copy: the windows own the counts of the second.
            self._unwritten[key] = [dict(counts) for counts in series]
        else:
            for counts, more in zip(waiting, series, strict=True):
                histogram.add(counts, more)

    def _histograms(self) -> Histograms:
        encoded: Histograms = {}
        for key in list(self._unwritten)[:SERIES_A_SECOND]:
            queue, task = key
            series = self._unwritten.pop(key)
            encoded.setdefault(queue, {})[task] = {
                name: histogram.encode(counts) for name, counts in zip(MEASURES, series, strict=True)
            }
        return encoded

    def _sample(self, now: float, workers: Sequence[WorkerRow], standing: Standing) -> None:
        self._worker_s += len(_living(workers)) * (now - self._last)
        busy_s = self._ran_s + standing.running_s
        counters = self.counters
        self._samples.append(_Sample(now, counters.finished, counters.submitted, busy_s, self._worker_s))
        while len(self._samples) > 2 and self._samples[1].at <= now - RATE_S:
            self._samples.popleft()

    def _rates(self) -> dict[str, float | None]:
        first, last = self._samples[0], self._samples[-1]
        span, worker_s = last.at - first.at, last.worker_s - first.worker_s
        busy_s = max(last.busy_s - first.busy_s, 0.0)
        return {
            "throughput": round((last.finished - first.finished) / span, 3) if span > 0 else None,
            "arrival_rate": round((last.submitted - first.submitted) / span, 3) if span > 0 else None,
            "utilization": round(min(busy_s / worker_s, 1.0), 4) if worker_s > 0 else None,
        }

    def _figures(self, now: float, workers: Sequence[WorkerRow], standing: Standing) -> Data:
        totals = asdict(self.counters)
        changed = {name: value - self._written[name] for name, value in totals.items() if value != self._written[name]}
        self._written = totals
        return {
            "pool": _pool(standing, now - self._started),
            "ready": standing.ready,
            "problem": standing.problem,
            "workers": _worker_counts(workers),
            "totals": totals,
            "deltas": changed,
            "seconds": round(now - self._last, 3),
            "rates": self._rates(),
            "latency": {name: window.percentiles() for name, window in self._named_windows()},
            "windows": {name: window.encoded() for name, window in self._named_windows()},
            "queues": {queue: _waited(window) for queue, window in self._waits.items()},
            "depths": None if standing.depths is None else dict(standing.depths),
            "resources": asdict(standing.resources),
            "lanes": [_lane(worker) for worker in workers],
        }

    def _named_windows(self) -> Sequence[tuple[str, Window]]:
        return list(zip(MEASURES, self._windows, strict=True))


def merged(unsent: tuple[Data, Histograms] | None, fresh: tuple[Data, Histograms]) -> tuple[Data, Histograms]:
    """Add what an earlier snapshot counted, and nobody stored, to a fresh one."""
    if unsent is None:
        return fresh
    (old, old_histograms), (data, histograms) = unsent, fresh
    deltas = {name: old["deltas"].get(name, 0) + data["deltas"].get(name, 0) for name in old["deltas"] | data["deltas"]}
    seconds = round(old["seconds"] + data["seconds"], 3)
    return {**data, "deltas": deltas, "seconds": seconds}, _merged_histograms(old_histograms, histograms)


def _merged_histograms(one: Histograms, other: Histograms) -> Histograms:
    whole = {queue: dict(tasks) for queue, tasks in one.items()}
    for queue, tasks in other.items():
        series = whole.setdefault(queue, {})
        for task, texts in tasks.items():
            known = series.get(task)
            series[task] = (
                {name: histogram.merge_encoded((known[name], texts[name])) for name in MEASURES} if known else texts
            )
    return whole


def _pool(standing: Standing, uptime_s: float) -> dict[str, Any]:
    return {
        "size": standing.size,
        "min": standing.min,
        "max": standing.max,
        "initialized": standing.initialized,
        "shutting_down": standing.shutting_down,
        "uptime": round(uptime_s, 3),
        "scaling": dict(standing.scaling),
    }


def _living(workers: Sequence[WorkerRow]) -> list[WorkerRow]:
    return [worker for worker in workers if worker.state is not WorkerState.TERMINATED]


def _worker_counts(workers: Sequence[WorkerRow]) -> dict[str, int]:
    states = [worker.state for worker in _living(workers)]
    return {
        "total": len(states),
        "active": states.count(WorkerState.BUSY),
        "idle": states.count(WorkerState.IDLE),
        "unhealthy": states.count(WorkerState.UNHEALTHY),
    }


def _waited(window: Window) -> dict[str, float | None]:
    return {"jobs": sum(window.counts.values()), **window.percentiles()}


def _lane(worker: WorkerRow) -> dict[str, Any]:
    jobs = json.loads(worker.current_jobs)
    return {
        "id": worker.id,
        "state": worker.state,
        "job": jobs[0] if jobs else None,
        "rss": worker.rss,
        "cpu": worker.cpu,
    }
