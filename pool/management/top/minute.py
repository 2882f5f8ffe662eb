"""The last minute, second by second, from the snapshots of the nodes: what the lines and lanes are made of. Pure.

`Past` lives in the reading thread and takes each snapshot once; what it gives to the view is a value of its own.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from pool.domain import histogram
from pool.store.history import PastSpan

LENGTH_S = 60
LATE_S = 3
"""Snapshots come so late at most: a second that lies further back does not change."""
MISSED_S = 2
"""A second nobody wrote is told as such after this time."""


class Lane(msgspec.Struct):
    id: str
    state: str


class Second(msgspec.Struct):
    """What is read of a node's second."""

    seconds: float | None = None
    deltas: dict[str, int] = msgspec.field(default_factory=dict)
    workers: dict[str, float | None] = msgspec.field(default_factory=dict)
    latency: dict[str, dict[str, float | None]] = msgspec.field(default_factory=dict)
    windows: dict[str, str | None] = msgspec.field(default_factory=dict)
    depths: dict[str, int] | None = None
    lanes: list[Lane] = msgspec.field(default_factory=list)

    def rate(self, *names: str) -> float:
        return sum(self.deltas.get(name, 0) for name in names) / (self.seconds or 1.0)


@dataclass(frozen=True, slots=True)
class Point:
    """The whole pool in one second. Rates are per second, times in milliseconds; what nobody measured is None."""

    arrivals: float | None = None
    completions: float | None = None
    failures: float | None = None
    waiting: float | None = None
    busy: float | None = None
    wait: float | None = None
    run: float | None = None


@dataclass(frozen=True, slots=True)
class Minute:
    end: int = 0
    """The last second, in seconds of the epoch."""
    points: tuple[Point, ...] = (Point(),) * LENGTH_S
    lanes: dict[str, list[str | None]] = field(default_factory=dict)
    """The states of each worker; None where it was not there."""

    def line(self, name: str) -> list[float | None]:
        return [getattr(point, name) for point in self.points]

    def failing(self) -> float | None:
        """The share of what finished that failed."""
        finished = sum(point.completions or 0.0 for point in self.points)
        return sum(point.failures or 0.0 for point in self.points) / finished if finished else None

    def failing_line(self) -> list[float | None]:
        return [
            None if point.completions is None else (point.failures or 0.0) / point.completions if point.completions
            else 0.0
            for point in self.points
        ]  # fmt: skip


class Past:
    def __init__(self) -> None:
        self._seconds: dict[int, dict[str, Second]] = {}
        self._points: dict[int, Point] = {}

    def take(self, rows: Iterable[PastSpan]) -> None:
        for row in rows:
            second = int(row.at.timestamp())
            self._seconds.setdefault(second, {})[row.node] = msgspec.json.decode(row.data, type=Second)
            self._points.pop(second, None)

    def unread_since(self, now: float) -> float:
        """From when on there may be snapshots that were not taken."""
        return max([now - LENGTH_S, *(second - LATE_S for second in self._seconds)])

    def minute(self, now: float) -> Minute:
        end = max([int(now) - MISSED_S, *(second for second in self._seconds if second <= now + LATE_S)])
        seconds = range(end - LENGTH_S + 1, end + 1)
        self._seconds = {second: nodes for second, nodes in self._seconds.items() if second in seconds}
        self._points = {second: self._point(second) for second in seconds}
        return Minute(end, tuple(self._points.values()), self._lanes(seconds))

    def _point(self, second: int) -> Point:
        known = self._points.get(second)
        return point_of(list(self._seconds.get(second, {}).values())) if known is None else known

    def _lanes(self, seconds: range) -> dict[str, list[str | None]]:
        lanes: dict[str, list[str | None]] = {}
        for place, second in enumerate(seconds):
            for node in self._seconds.get(second, {}).values():
                for lane in node.lanes:
                    lanes.setdefault(lane.id, [None] * LENGTH_S)[place] = lane.state
        for states in lanes.values():
            _bridge(states)
        return lanes


def point_of(nodes: list[Second]) -> Point:
    """Bring the nodes of one second together."""
    if not nodes:
        return Point()
    depths = [sum(node.depths.values()) for node in nodes if node.depths is not None]
    return Point(
        arrivals=sum(node.rate("submitted") for node in nodes),
        completions=sum(node.rate("completed", "failed", "timeout") for node in nodes),
        failures=sum(node.rate("failed", "timeout") for node in nodes),
        # Each node looks at the queues of the whole pool.
        waiting=sum(depths) / len(depths) if depths else None,
        busy=sum(node.workers.get("active") or 0 for node in nodes),
        wait=_p95(nodes, "wait"),
        run=_p95(nodes, "run"),
    )


def _p95(nodes: list[Second], measure: str) -> float | None:
    if len(nodes) == 1:
        return (nodes[0].latency.get(measure) or {}).get("p95")
    windows = [text for node in nodes if (text := node.windows.get(measure))]
    return histogram.percentiles(histogram.merged(map(histogram.decode, windows)))["p95"]


def _bridge(states: list[str | None]) -> None:
    """Close the gaps of a second that come from seconds which are a little longer than one."""
    for place in range(1, len(states) - 1):
        if states[place] is None and states[place + 1] is not None:
            states[place] = states[place - 1]
