"""The pool's past as series for charts, sparklines and lanes, made from snapshot rows. Runs in the web process.

A range is cut into steps of equal length. Short ranges are made of the seconds that nodes wrote, long ones of the
minutes and hours that were rolled up, and of what is newer than those. A step that is over never changes, so each is
made once per process: a page that is loaded again reads only the rows since then.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec

from dashboard.spans import Heat, Percentiles, Rolled, Second, heat_of, percentiles_of
from pool.conf import database_alias
from pool.store.history import HOUR, MINUTE, SECOND, PastSpan, newest, past

SETTLED_S = 15.0
"""A step that ended so long ago gets no more rows."""
MOST_KEPT = 400
"""Steps of one length that are kept."""
LANES_S = 60
SUMMED = frozenset({"size", "total", "active", "idle", "unhealthy", "rss", "pss"})
"""Gauges that each node reads for itself alone."""


@dataclass(frozen=True, slots=True)
class Range:
    """A length of time that a page can show."""

    name: str
    words: str
    length_s: int
    step_s: int
    sources: tuple[int, ...]
    """Spans to read, longest first; each is read on from where the one before ends."""

    @property
    def is_live(self) -> bool:
        """Whether a live figure is as fine as the steps."""
        return self.sources == (SECOND,)


RANGES = {
    made.name: made
    for made in (
        Range("5m", "5 min", 300, 2, (SECOND,)),
        Range("15m", "15 min", 900, 5, (SECOND,)),
        Range("1h", "1 h", 3600, 60, (MINUTE, SECOND)),
        Range("24h", "24 h", 86_400, 600, (MINUTE, SECOND)),
        Range("7d", "7 d", 604_800, 3600, (HOUR, MINUTE, SECOND)),
    )
}
USUAL = "15m"


@dataclass(slots=True)
class Step:
    """What happened in one step. Rates are per second; what nobody measured is None."""

    end: float
    seconds: float = 0.0
    """How much of it was measured, by one node or more."""
    deltas: dict[str, int] = field(default_factory=dict)
    gauges: dict[str, float] = field(default_factory=dict)
    depths: dict[str, float] = field(default_factory=dict)
    wait: Percentiles = field(default_factory=dict)
    run: Percentiles = field(default_factory=dict)
    heat: Heat = field(default_factory=dict)

    @property
    def is_known(self) -> bool:
        return self.seconds > 0

    @property
    def at(self) -> datetime:
        return datetime.fromtimestamp(self.end, UTC)

    @property
    def finished(self) -> int:
        return sum(self.deltas.get(name, 0) for name in ("completed", "failed", "timeout"))

    @property
    def bad(self) -> int:
        return sum(self.deltas.get(name, 0) for name in ("failed", "timeout"))

    @property
    def depth(self) -> float | None:
        return sum(self.depths.values()) if self.is_known else None


@dataclass(frozen=True, slots=True)
class History:
    range: Range
    steps: list[Step]

    @property
    def is_empty(self) -> bool:
        return not any(step.is_known for step in self.steps)

    def arrivals(self) -> list[float | None]:
        return [_rate(step, step.deltas.get("submitted", 0)) for step in self.steps]

    def completions(self) -> list[float | None]:
        return [_rate(step, step.finished) for step in self.steps]

    def failing(self) -> list[float | None]:
        """The share of what finished that failed."""
        return [step.bad / step.finished if step.finished else (0.0 if step.is_known else None) for step in self.steps]

    def failing_now(self) -> float | None:
        """The same over the whole range."""
        finished = sum(step.finished for step in self.steps)
        return sum(step.bad for step in self.steps) / finished if finished else None


_made: dict[tuple[str, int, bool], dict[float, Step]] = {}


def forget() -> None:
    """Make everything anew: tests change the past."""
    _made.clear()


def read(name: str, now: datetime, *, heat: bool = False) -> History:
    """Read a range up to now; with the latencies of all jobs, which cost most, only where a heatmap is drawn."""
    chosen, alias = RANGES.get(name, RANGES[USUAL]), database_alias()
    made = _made.setdefault((alias, chosen.step_s, heat), {})
    # Seconds come late, so a short range ends with the last whole step; a long one shows the step that goes on.
    whole, rest = divmod(now.timestamp(), chosen.step_s)
    last = (int(whole) + (rest > 0 and not chosen.is_live)) * chosen.step_s
    ends = [float(last - chosen.step_s * back) for back in range(chosen.length_s // chosen.step_s - 1, -1, -1)]
    missing = [end for end in ends if end not in made]
    if missing:
        fresh = _make(alias, chosen, missing[0] - chosen.step_s, now.timestamp(), heat)
        made.update((end, fresh.get(end) or Step(end)) for end in missing)
    history = History(chosen, [made[end] for end in ends])
    _keep_settled(made, now.timestamp() - SETTLED_S)
    return history


def _keep_settled(made: dict[float, Step], until: float) -> None:
    for end in sorted(made)[:-MOST_KEPT] + [end for end in made if end > until]:
        made.pop(end, None)


def _make(alias: str, chosen: Range, since: float, until: float, heat: bool) -> dict[float, Step]:
    parts: defaultdict[float, list[_Part]] = defaultdict(list)
    for part in _parts(alias, chosen, since, until, heat):
        end = -(-part.at // chosen.step_s) * chosen.step_s
        parts[end].append(part)
    return {end: _step(end, found, chosen, heat) for end, found in parts.items()}


@dataclass(slots=True)
class _Part:
    """A row in the form in which steps add up."""

    at: float
    node: str
    seconds: float
    deltas: Mapping[str, int]
    gauges: Mapping[str, tuple[float, float]]
    depths: Mapping[str, tuple[float, float]]
    whole: list[tuple[str, str]]
    second: Second | None = None


def _parts(alias: str, chosen: Range, since: float, until: float, heat: bool) -> Iterator[_Part]:
    end = datetime.fromtimestamp(until, UTC)
    for span in chosen.sources:
        edge = datetime.fromtimestamp(since, UTC)
        # Longer spans have them of the whole pool among their figures, and live percentiles come with each second.
        histograms = span == SECOND and (heat or not chosen.is_live)
        for row in past(alias, span, edge, end, histograms=histograms):
            yield _of_second(row) if span == SECOND else _of_rolled(row)
        if span != SECOND and (rolled := newest(alias, span, end)) is not None:
            since = max(since, rolled.timestamp())


def _of_second(row: PastSpan) -> _Part:
    second = msgspec.json.decode(row.data, type=Second)
    histograms = msgspec.json.decode(row.histograms, type=dict[str, dict[str, dict[str, str]]])
    whole = [item for tasks in histograms.values() for measures in tasks.values() for item in measures.items()]
    gauges = {name: (value, 1.0) for name, value in second.readings()}
    depths = {queue: (float(depth), 1.0) for queue, depth in (second.depths or {}).items()}
    at, seconds = row.at.timestamp(), second.seconds or 1.0
    return _Part(at, row.node, seconds, second.deltas, gauges, depths, whole, second)


def _of_rolled(row: PastSpan) -> _Part:
    rolled = msgspec.json.decode(row.data, type=Rolled)
    gauges = {name: (gauge[0], gauge[1]) for name, gauge in rolled.gauges.items()}
    depths = {queue: (gauge[0], gauge[1]) for queue, gauge in rolled.depths.items()}
    return _Part(
        row.at.timestamp(), row.node, rolled.seconds, rolled.deltas, gauges, depths, list(rolled.whole.items())
    )


def _step(end: float, parts: list[_Part], chosen: Range, heat: bool) -> Step:
    measured = sum(part.seconds for part in parts)
    names = {part.node for part in parts}
    # A rolled up row is the whole pool's: more seconds than it is long were measured by several nodes.
    nodes = len(names) if chosen.is_live else max(round(measured / chosen.step_s), 1)
    step = Step(end, seconds=measured / nodes)
    for part in parts:
        for name, change in part.deltas.items():
            step.deltas[name] = step.deltas.get(name, 0) + change
    means = _means(part.gauges for part in parts)
    step.gauges = {name: value * (nodes if name in SUMMED else 1) for name, value in means.items()}
    step.depths = _means(part.depths for part in parts)
    texts: defaultdict[str, list[str]] = defaultdict(list)
    for part in parts:
        for measure, text in part.whole:
            texts[measure].append(text)
    if heat:
        step.heat = heat_of(texts["total"])
    if chosen.is_live:
        step.wait, step.run = _moving(parts, "wait"), _moving(parts, "run")
    else:
        step.wait, step.run = percentiles_of(texts["wait"]), percentiles_of(texts["run"])
    return step


def _means(many: Iterable[Mapping[str, tuple[float, float]]]) -> dict[str, float]:
    sums: defaultdict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for one in many:
        for name, (total, readings) in one.items():
            sums[name][0] += total
            sums[name][1] += readings
    return {name: total / readings for name, (total, readings) in sums.items() if readings}


def _moving(parts: list[_Part], measure: str) -> Percentiles:
    """Of the minute before, as the live figures are: otherwise a line would change its nature where it goes on live."""
    last = {part.node: part.second for part in parts if part.second is not None}
    if len(last) == 1:
        return next(iter(last.values())).latency.get(measure) or {}
    return percentiles_of([text for second in last.values() if (text := second.windows.get(measure))])


def _rate(step: Step, count: int) -> float | None:
    return round(count / step.seconds, 3) if step.is_known else None


@dataclass(slots=True)
class LanePast:
    """What one worker did in each of the last seconds: its state, None where it was not there."""

    id: str
    node: str
    states: list[str | None]


def lanes(now: datetime) -> list[LanePast]:
    """Read what the workers did in the last minute."""
    end = int(now.timestamp())
    found: dict[str, LanePast] = {}
    for row in past(database_alias(), SECOND, datetime.fromtimestamp(end - LANES_S, UTC), now, histograms=False):
        place = min(int(row.at.timestamp()) - (end - LANES_S), LANES_S - 1)
        for lane in msgspec.json.decode(row.data, type=Second).lanes:
            known = found.setdefault(lane.id, LanePast(lane.id, row.node, [None] * LANES_S))
            known.states[place] = lane.state
    for past_lane in found.values():
        _bridge(past_lane.states)
    return sorted(found.values(), key=lambda lane: (lane.node, lane.id))


def _bridge(states: list[str | None]) -> None:
    """Close the gaps of a second that come from seconds which are a little longer than one."""
    for place in range(1, len(states) - 1):
        if states[place] is None and states[place + 1] is not None:
            states[place] = states[place - 1]
