"""How many workers there should be: the rule of the autoscaler. Pure; the node measures, asks once a period and obeys.

It steers by use: the share of the workers' time that jobs take. Above `up_at` there are more at once, as many as bring
the use back to the middle between the two marks, and so many besides as work off what waits in half a minute: a load
that rises counts as it was in the last second, or a period with two loads would lead to a size that fits neither. Below
`down_at` there are fewer, but only workers that are idle go, and never so many that the load of late would bring them
back. Between the marks nothing happens, and the size that a step chooses lies there: a load that stays makes no swing.
"""

import math
from dataclasses import dataclass

DRAIN_S = 30.0
"""What waits should be done within this time, beside what comes."""

CPU_FULL = 0.9
"""Use of the host's CPUs above which further workers that compute would only share it."""

COMPUTES = 0.7
"""A busy worker that uses so much of a CPU computes; below, it waits for others most of its time."""


@dataclass(frozen=True, slots=True)
class Marks:
    """The settings it goes by. Sizes are workers."""

    least: int
    most: int
    up_at: float
    down_at: float
    up_cooldown_s: float
    down_cooldown_s: float
    idle_timeout_s: float
    wait_target_ms: float = 0.0

    @property
    def middle(self) -> float:
        return (self.up_at + self.down_at) / 2


@dataclass(frozen=True, slots=True)
class Load:
    """What was measured over the last period, on one node."""

    size: int
    used: float
    """Workers' worth of time that jobs took: 2.5 are two and a half workers, always busy."""
    offered: float = 0.0
    """Workers' worth of time that the jobs take that came in: what is used, but for what waits."""
    peak: float = 0.0
    """The most that `used` was since `down_cooldown_s` ago: chance makes one period quieter than the next."""
    waiting: int = 0
    """Jobs that may start now: this node's share of them."""
    service_s: float = 0.0
    """Mean run time of late."""
    wait_p95_ms: float | None = None
    cpu: float | None = None
    """Use of the host's CPUs, 0 to 1."""
    worker_cpu: float | None = None
    """What a busy worker uses of one CPU."""
    latest: float = 0.0
    """What `used` was in the last second of the period: a load that rose within it shows there whole."""
    idle_s: tuple[float, ...] = ()
    """For how long each worker that is idle has been so."""
    aside: int = 0
    """Idle workers that are kept for other jobs than those that wait."""
    reach: int = 0
    """So many workers there must be until one more of a kind comes that can do what waits; 0 where any kind can."""
    is_missing: bool = False
    """Jobs wait that nobody can do who is there."""
    stays: bool = False
    """Jobs wait for workers of some kind, of which none should leave."""

    @property
    def use(self) -> float:
        able = self.size - self.aside
        return self.used / able if able > 0 else 1.0


@dataclass(frozen=True, slots=True)
class Past:
    """Monotonic times of the last step up and of the last step of any kind; until when a size set by hand stays."""

    up_at: float = -math.inf
    step_at: float = -math.inf
    held_until: float = -math.inf


@dataclass(frozen=True, slots=True)
class Advice:
    """The size to have, and why; the present size when it should stay as it is."""

    size: int
    why: str


def advise(marks: Marks, load: Load, past: Past, now: float) -> Advice:
    """Say how many workers there should be."""
    if now < past.held_until:
        return Advice(load.size, f"set by hand, for {past.held_until - now:.0f} s more")
    if load.size < marks.least:
        return Advice(marks.least, f"there are never fewer than {marks.least}")
    if load.size > marks.most:
        return Advice(marks.most, f"there are never more than {marks.most}")
    missing = _missing(marks, load, past, now)
    return missing or _up(marks, load, past, now) or _down(marks, load, past, now) or Advice(load.size, "the load fits")


def _missing(marks: Marks, load: Load, past: Past, now: float) -> Advice | None:
    """However little there is to do: nobody who is there will ever do it."""
    if not load.is_missing or load.reach <= load.size:
        return None
    why = "jobs wait for a kind of worker that is not there"
    if now < past.up_at + marks.up_cooldown_s:
        return Advice(load.size, f"{why}, and the last step up was a moment ago")
    return Advice(min(load.reach, marks.most), why)


def _up(marks: Marks, load: Load, past: Past, now: float) -> Advice | None:
    late = _is_late(marks, load)
    why = _strain(marks, load, late=late)
    if not why:
        return None
    needed = _needed(marks, load)
    if needed <= load.size and not late:
        return Advice(load.size, f"{why}, and they work off what waits soon enough")
    if load.size >= marks.most:
        return Advice(load.size, f"{why}, and there may be no more than {marks.most}")
    if (load.cpu or 0.0) >= CPU_FULL and (load.worker_cpu or 0.0) >= COMPUTES:
        return Advice(load.size, f"{why}, but the CPUs are full: more workers would only share them")
    if now < past.up_at + marks.up_cooldown_s:
        return Advice(load.size, f"{why}, and the last step up was a moment ago")
    return Advice(min(max(needed, load.size + 1, load.reach), marks.most), why)


def _strain(marks: Marks, load: Load, *, late: bool) -> str:
    """What asks for more workers; empty when nothing does."""
    if late:
        return f"p95 of the wait is {load.wait_p95_ms:,.0f} ms, above {marks.wait_target_ms:,.0f} ms"
    return f"the workers are {load.use:.0%} busy" if load.use > marks.up_at else ""


def _is_late(marks: Marks, load: Load) -> bool:
    """Whether jobs wait longer than they should, for workers: where workers are idle they wait for something else."""
    is_long = bool(marks.wait_target_ms) and (load.wait_p95_ms or 0.0) > marks.wait_target_ms
    return is_long and load.waiting > 0 and load.use > marks.down_at


def _down(marks: Marks, load: Load, past: Past, now: float) -> Advice | None:
    if load.waiting or load.stays or load.size <= marks.least or now < past.step_at + marks.down_cooldown_s:
        return None
    lasting = sum(idle_s >= marks.idle_timeout_s for idle_s in load.idle_s)
    # Never below what the present load fills to the upper mark: it would come back at once.
    floor = max(marks.least, math.ceil(max(load.used, load.peak) / marks.middle))
    if load.use < marks.down_at:
        size, why = max(floor, load.size - len(load.idle_s)), f"the workers are {load.use:.0%} busy"
    else:
        size = max(floor, load.size - lasting)
        why = f"{load.size - size} of them had nothing to do for {marks.idle_timeout_s:g} s"
    return Advice(size, why) if size < load.size else None


def _needed(marks: Marks, load: Load) -> int:
    """Workers for what comes and for what waits."""
    # While a backlog is worked off all are busy, whatever comes in.
    comes = load.offered if load.waiting else max(load.offered, load.used)
    comes += max(load.latest - load.used, 0.0)
    return math.ceil(comes / marks.middle + load.waiting * load.service_s / DRAIN_S) + load.aside
