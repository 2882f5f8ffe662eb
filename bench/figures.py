"""Every figure the bench takes: what it is, its unit, and what the design asks of it (at least, and as an aim).

Pure. A bound may differ by database; the one for `sqlite` holds for `sqlite-normal` too where that has none of its own.
A figure without a bound is there to be read beside the others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from statistics import median

from bench.databases import POSTGRES, SQLITE, SQLITE_NORMAL
from bench.pages import PLACES
from bench.variants import ASPECTS, VARIANTS

Bound = tuple[float, float]
"""At least (or at most), and the aim."""

ANY = "any"


class Mark(StrEnum):
    AIM = "aim"
    MET = "met"
    MISSED = "MISSED"
    NONE = ""


@dataclass(frozen=True, slots=True)
class Figure:
    key: str
    what: str
    unit: str
    bounds: Mapping[str, Bound] = field(default_factory=dict)

    def bound(self, database: str) -> Bound | None:
        own = self.bounds.get(database)
        if own is None and database == SQLITE_NORMAL:
            own = self.bounds.get(SQLITE)
        return own or self.bounds.get(ANY)

    def mark(self, database: str, value: float) -> Mark:
        """How the value stands to the bound. Which direction is better shows in the bound itself."""
        bound = self.bound(database)
        if bound is None:
            return Mark.NONE
        least, aim = bound
        more_is_better = aim > least
        if value >= aim if more_is_better else value <= aim:
            return Mark.AIM
        return Mark.MET if (value >= least if more_is_better else value <= least) else Mark.MISSED


@dataclass(frozen=True, slots=True)
class Taken:
    """A figure as it was taken: the median of its samples counts."""

    database: str
    measure: str
    figure: Figure
    samples: Sequence[float]

    @property
    def value(self) -> float:
        return median(self.samples)

    @property
    def mark(self) -> Mark:
        return self.figure.mark(self.database, self.value)


FIGURES = (
    Figure("enqueue_many", "enqueue_many()", "jobs/s", {ANY: (20_000, 50_000)}),
    Figure("enqueue_one", "enqueue() one at a time", "jobs/s", {SQLITE_NORMAL: (3_000, 6_000), ANY: (1_500, 3_000)}),
    Figure("drain", "durable no-op jobs drained", "jobs/s", {SQLITE: (20_000, 50_000), POSTGRES: (8_000, 20_000)}),
    Figure("boot", "node started → first job starts", "ms"),
    Figure("flow", "enqueue + drain at once, enqueue_many of 500", "jobs/s", {SQLITE: (8_000, 25_000)}),
    Figure("flow_one", "enqueue + drain at once, enqueue()", "jobs/s"),
    Figure("idle_p50", "idle: enqueue returns → function starts, p50", "ms", {SQLITE_NORMAL: (2, 0.7), ANY: (3, 1.2)}),
    Figure("idle_p95", "the same, p95", "ms"),
    Figure("idle_p99", "the same, p99", "ms", {SQLITE_NORMAL: (10, 3), ANY: (25, 15)}),
    Figure("hand_over", "node → worker hand-over, p50", "µs", {ANY: (200, 60)}),
    Figure("start", "new worker ready, p50", "ms", {ANY: (50, 5)}),
    Figure("replace", "worker SIGKILLed → replacement ready, p95", "ms", {ANY: (100, 10)}),
    Figure("replace_p50", "the same, p50", "ms"),
    Figure("fresh", "a fresh Python process with Django per job instead", "ms"),
    Figure("start_ratio", "that against the hand-over to a worker that is there", "×"),
    Figure("memory", "memory per worker (PSS), mean of 8", "MB", {ANY: (50, 10)}),
    Figure("memory_max", "the largest of them", "MB"),
    Figure("memory_tree", "node, nursery, clerk and 8 workers", "MB"),
    Figure("memory_fresh", "a fresh Python process with Django instead", "MB"),
    Figure("cpu", "workers' CPU under a CPU-bound load, of all cores", "%", {ANY: (85, 95)}),
    Figure("cpu_node", "node, nursery and clerk meanwhile", "%"),
    Figure("wait", "average queue wait at half load", "ms", {ANY: (10, 3)}),
    Figure("wait_p99", "the same, p99", "ms"),
    Figure("idle_2", "idle CPU of the whole system, 2 workers, of one core", "%"),
    Figure("idle_128", "the same, 128 workers", "%", {ANY: (10, 2)}),
    Figure("busy_128", "of 128 workers busy at once with 1 s sleeps", "workers", {ANY: (128, 128)}),
    Figure("busy_128_s", "256 such jobs take (ideal: 2)", "s"),
    Figure("claim", "claim of 10 from about 1,000 waiting", "µs"),
    Figure("claim_long", "the same from 1,000,000", "µs"),
    Figure("claim_ratio", "claim cost, 1 M waiting against 1 k", "×", {ANY: (1.5, 1.1)}),
    Figure("reuse", "worker reuse rate", "%", {ANY: (95, 99.9)}),
    Figure("job_again", "worker SIGKILLed → its job runs again", "ms"),
    Figure("gone", "node SIGKILLed → none of its processes left", "ms"),
    Figure("node_back", "node started again → first job starts", "ms"),
    Figure("node_done", "node started again → all done", "s"),
    Figure("ran_twice", "jobs that ran twice, their record lost with the node", "jobs"),
    Figure("pages_slowest", "1 M jobs: the slowest page or list, p95", "ms", {ANY: (200, 50)}),
    *(
        figure
        for place in PLACES
        for figure in (
            Figure(f"{place.key}_p95", f"{place.what}: p95 of the slowest address", "ms", {ANY: (200, 50)}),
            Figure(f"{place.key}_p50", "the same, median of all", "ms"),
            Figure(f"{place.key}_cpu", "the same, CPU of web process and database server, mean", "ms"),
        )
    ),
    Figure("silent_memory", "50 viewers that never read: memory for each", "kB", {ANY: (1024, 128)}),
    Figure("silent_closed", "the last of them is closed after", "s", {ANY: (15, 14)}),
    Figure("viewers_age", "100 viewers: age of a snapshot in the browser, p95", "ms", {ANY: (1200, 300)}),
    Figure("viewers_age_p50", "the same, p50", "ms"),
    Figure("viewers_cpu", "web process meanwhile, of one core", "%", {ANY: (30, 10)}),
    Figure("unwatched", "drain of 150,000 jobs, nobody watches", "jobs/s"),
    Figure("watched", "the same with the overview open", "jobs/s"),
    Figure("fair_turns", "ten jobs behind another tenant's 100,000: turns to the start, p95", "turns", {ANY: (3, 2)}),
    Figure("fair_ms", "the same, time, p95", "ms"),
    *(
        figure
        for key, what in (
            ("tenant", "one tenant"),
            ("tenants", "1,000 tenants"),
            ("queues", "1,000 tenants, 50 queues"),
        )
        for figure in (
            Figure(f"claim_{key}", f"{what}: claim of 10 from about 1,000 waiting", "µs"),
            Figure(f"claim_{key}_long", "the same from 1,000,000", "µs"),
            Figure(f"claim_{key}_ratio", "the one against the other", "×", {ANY: (1.5, 1.1)}),
        )
    ),
    Figure("graph", "10,000 jobs that wait for each other, drained", "jobs/s"),
    Figure("graph_stored", "and stored", "jobs/s"),
    Figure("graph_stuck", "of them stuck", "jobs", {ANY: (0, 0)}),
    Figure("streams", "1,000 async jobs of 100 ms on one io worker take", "s", {ANY: (2, 1.2)}),
    Figure("streams_width", "of them at a time, on average", "jobs"),
    Figure(
        "schedules_wrong", "1,000 schedules due in one second, two nodes: not fired exactly once", "", {ANY: (0, 0)}
    ),
    Figure("schedules_delay", "the others: enqueued after their time, p95", "ms"),
    Figure("load_first", "a load comes: evaluations until the size rests", "", {ANY: (2, 1)}),
    Figure("load_doubled", "it doubles: the same", "", {ANY: (2, 1)}),
    Figure("load_size", "it halves: workers in the end (8 are right, 6 to 13 fit)", "workers"),
    Figure("load_swings", "turns of the size beyond those of the load", "", {ANY: (0, 0)}),
    Figure("watched_cost", "so the open page costs", "%", {ANY: (5, 1)}),
    *(
        Figure(f"{variant.key}_{aspect}", f"{variant.what}: {what}", unit)
        for variant in VARIANTS
        for aspect, (what, unit) in ASPECTS.items()
    ),
)

BY_KEY = {figure.key: figure for figure in FIGURES}
