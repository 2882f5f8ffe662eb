"""What of a snapshot row the charts read, and what its histograms say. Pure; used by `dashboard.history`."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence

import msgspec

from pool.domain import histogram

Percentiles = dict[str, float | None]
Heat = dict[int, int]
"""Jobs by the row of the heatmap."""

EDGES_MS = (
    0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500,
    1_000, 2_000, 5_000, 10_000, 30_000, 60_000, 300_000, 900_000, 3_600_000,
)  # fmt: skip
"""Row 0 of the heatmap lies below the first edge, row n from edge n - 1 on."""
EDGES_US = [edge * 1000 for edge in EDGES_MS]


class Lane(msgspec.Struct):
    id: str
    state: str
    job: str | None = None


class Size(msgspec.Struct):
    size: int = 0


class Second(msgspec.Struct):
    """A node's second, as its meter wrote it."""

    pool: Size = msgspec.field(default_factory=Size)
    seconds: float | None = None
    deltas: dict[str, int] = msgspec.field(default_factory=dict)
    workers: dict[str, float | None] = msgspec.field(default_factory=dict)
    rates: dict[str, float | None] = msgspec.field(default_factory=dict)
    resources: dict[str, float | None] = msgspec.field(default_factory=dict)
    latency: dict[str, Percentiles] = msgspec.field(default_factory=dict)
    windows: dict[str, str | None] = msgspec.field(default_factory=dict)
    depths: dict[str, int] | None = None
    lanes: list[Lane] = msgspec.field(default_factory=list)

    def readings(self) -> Iterator[tuple[str, float]]:
        yield "size", float(self.pool.size)
        for part in (self.workers, self.rates, self.resources):
            for name, value in part.items():
                if value is not None:
                    yield name, float(value)


class Rolled(msgspec.Struct):
    """A longer span of the whole pool, as the clerk made it. Gauges are sum, number and maximum."""

    seconds: float = 0.0
    deltas: dict[str, int] = msgspec.field(default_factory=dict)
    gauges: dict[str, list[float]] = msgspec.field(default_factory=dict)
    depths: dict[str, list[float]] = msgspec.field(default_factory=dict)
    whole: dict[str, str] = msgspec.field(default_factory=dict)


def percentiles_of(texts: Sequence[str]) -> Percentiles:
    """Give the true percentiles of encoded histograms taken together; empty when there is nothing."""
    return histogram.percentiles(histogram.decode_all(texts)) if texts else {}


def heat_of(texts: Sequence[str]) -> Heat:
    """Count the jobs of encoded histograms by the rows of the heatmap."""
    heat: Heat = {}
    for bucket, times in histogram.decode_all(texts).items():
        row = bisect_right(EDGES_US, bucket)
        heat[row] = heat.get(row, 0) + times
    return heat
