"""How many workers there should be: the rule, and load curves that it follows without swinging."""

import math
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pool.domain.demand import Demand, demand
from pool.domain.scaling import Advice, Load, Marks, Past, advise

MARKS = Marks(
    least=2, most=64, up_at=0.7, down_at=0.3, up_cooldown_s=30, down_cooldown_s=60, idle_timeout_s=300
)  # fmt: skip
PERIOD_S = 5.0

loads = st.builds(
    Load,
    size=st.integers(1, 128),
    used=st.floats(0, 128),
    waiting=st.integers(0, 10**7),
    offered=st.floats(0, 1000),
    peak=st.floats(0, 1000),
    service_s=st.floats(0, 3600),
    wait_p95_ms=st.one_of(st.none(), st.floats(0, 1e9)),
    cpu=st.one_of(st.none(), st.floats(0, 1)),
    worker_cpu=st.one_of(st.none(), st.floats(0, 1)),
    latest=st.floats(0, 128),
    idle_s=st.lists(st.floats(0, 1e6), max_size=20).map(tuple),
    aside=st.integers(0, 20),
    reach=st.integers(0, 128),
    is_missing=st.booleans(),
    stays=st.booleans(),
)
pasts = st.builds(Past, *[st.one_of(st.just(-math.inf), st.floats(0, 1000))] * 3)


def size_for(load: Load, now: float = 1e6, past: Past = Past(), marks: Marks = MARKS) -> int:  # noqa: B008
    return advise(marks, load, past, now).size


class TestUp:
    def test_busy_workers_get_as_many_more_as_bring_their_use_to_the_middle(self):
        assert size_for(Load(size=4, used=4.0)) == 8

    def test_what_waits_asks_for_more(self):
        assert size_for(Load(size=4, used=4.0, offered=4.0, waiting=600, service_s=0.5)) == 18

    def test_of_a_load_that_rises_the_last_second_tells_most(self):
        assert size_for(Load(size=8, used=6.0, offered=6.0)) == 12
        assert size_for(Load(size=8, used=6.0, offered=6.0, latest=8.0)) == 16
        assert size_for(Load(size=8, used=6.0, offered=7.0, waiting=1, latest=8.0)) == 18
        assert size_for(Load(size=8, used=6.0, offered=6.0, latest=5.0)) == 12

    def test_a_backlog_that_is_soon_gone_asks_for_nobody(self):
        advice = advise(MARKS, Load(size=8, used=8.0, offered=2.0, waiting=100, service_s=0.5), Past(), 0.0)
        assert advice.size == 8
        assert "soon enough" in advice.why

    def test_at_least_one_more(self):
        assert size_for(Load(size=2, used=1.41)) == 3
        marks = Marks(2, 64, 0.7, 0.3, 30, 60, 300, wait_target_ms=1)
        assert size_for(Load(size=9, used=3.0, waiting=1, wait_p95_ms=2), marks=marks) == 10

    def test_idle_workers_that_are_kept_for_other_jobs_do_not_count(self):
        assert size_for(Load(size=4, used=2.0, waiting=50, service_s=1.0)) == 4
        assert size_for(Load(size=4, used=2.0, waiting=50, service_s=1.0, offered=2.0, aside=2)) == 8
        assert size_for(Load(size=2, used=0.0, waiting=50, service_s=1.0, aside=2)) == 4

    def test_there_is_a_most(self):
        advice = advise(MARKS, Load(size=64, used=64.0), Past(), 0.0)
        assert advice.size == 64
        assert "no more than 64" in advice.why

    def test_not_twice_in_a_moment(self):
        assert size_for(Load(size=4, used=4.0), now=29.0, past=Past(up_at=0.0, step_at=0.0)) == 4
        assert size_for(Load(size=4, used=4.0), now=30.0, past=Past(up_at=0.0, step_at=0.0)) == 8

    def test_full_cpus_are_shared_by_nobody_else(self):
        assert size_for(Load(size=4, used=4.0, cpu=0.97, worker_cpu=0.5)) == 8
        advice = advise(MARKS, Load(size=4, used=4.0, cpu=0.97, worker_cpu=0.95), Past(), 0.0)
        assert advice.size == 4
        assert "CPUs are full" in advice.why

    def test_a_wait_above_its_target(self):
        marks = Marks(2, 64, 0.7, 0.3, 30, 60, 300, wait_target_ms=100)
        late = Load(size=4, used=2.0, waiting=10, service_s=0.1, wait_p95_ms=250)
        assert size_for(late, marks=marks) == 5
        assert size_for(late) == 4, "without a target nothing is late"

    def test_a_wait_that_more_workers_would_not_shorten(self):
        marks = Marks(2, 64, 0.7, 0.3, 30, 60, 300, wait_target_ms=100)
        assert size_for(Load(size=4, used=0.5, waiting=10, wait_p95_ms=250), marks=marks) == 4


class TestKinds:
    """Jobs that only some kinds of workers can do."""

    def test_where_nobody_can_do_them_the_first_kind_that_can_is_hired(self):
        missing = Load(size=2, used=0.0, waiting=1, reach=4, is_missing=True, aside=2)
        advice = advise(MARKS, missing, Past(), 1e6)
        assert (4, "jobs wait for a kind of worker that is not there") == (advice.size, advice.why)
        assert 2 == size_for(missing, now=29.0, past=Past(up_at=0.0))

    def test_a_step_reaches_the_kind_that_is_wanted(self):
        busy = Load(size=3, used=1.0, offered=1.0, waiting=10, service_s=10.0, aside=2, reach=9)
        assert 9 == size_for(busy)

    def test_nobody_leaves_while_they_wait(self):
        idle = Load(size=10, used=1.0, idle_s=(1.0,) * 9)
        assert 2 == size_for(idle)
        assert 10 == size_for(replace(idle, stays=True))


GENERAL, IO, GPU = frozenset({"general"}), frozenset({"io"}), frozenset({"general", "gpu"})


class TestDemand:
    """Of what waits for capable workers: what a further worker could do."""

    def test_nothing_waits(self):
        assert Demand() == demand({}, [GENERAL], 1)

    def test_a_kind_that_comes_later(self):
        wants = demand({IO: 5}, [GENERAL, GENERAL, GENERAL, IO], 2)
        assert Demand(5, 4, True, True, frozenset({IO})) == wants

    def test_more_of_a_kind_that_is_there(self):
        wants = demand({IO: 5}, [IO, GENERAL, IO, IO], 2)
        assert (5, 3, False, True) == wants[:4]

    def test_no_more_of_it_will_come(self):
        wants = demand({IO: 5}, [IO, GENERAL, GENERAL], 2)
        assert (0, 0, False, True) == wants[:4], "nobody leaves, nobody comes"

    def test_no_kind_can_do_it(self):
        assert Demand() == demand({frozenset({"moon"}): 9}, [IO, GENERAL, GPU], 1)

    def test_all_of_what_it_requires_by_one_worker(self):
        assert not demand({GPU | IO: 1}, [GPU, IO, GPU], 1).stays
        assert 3 == demand({GPU: 1}, [GENERAL, IO, GPU], 1).reach

    def test_several_nodes_share_it_and_none_leaves_the_last_one_to_the_others(self):
        assert 2 == demand({IO: 5}, [IO, IO], 1, nodes=3).jobs
        assert 1 == demand({IO: 1}, [IO, IO], 1, nodes=3).jobs


class TestDown:
    def test_only_idle_workers_go(self):
        assert size_for(Load(size=10, used=1.0, idle_s=(1.0,) * 3)) == 7

    def test_as_far_as_the_load_allows(self):
        assert size_for(Load(size=10, used=2.0, idle_s=(1.0,) * 8)) == 4

    def test_as_far_as_the_most_of_late_allows(self):
        assert size_for(Load(size=10, used=1.0, peak=3.0, idle_s=(1.0,) * 9)) == 6

    def test_never_below_the_least(self):
        assert size_for(Load(size=4, used=0.0, idle_s=(1.0,) * 4)) == 2

    def test_not_while_jobs_wait(self):
        assert size_for(Load(size=10, used=1.0, waiting=1, idle_s=(1.0,) * 9)) == 10

    def test_not_soon_after_another_step(self):
        idle = Load(size=10, used=1.0, idle_s=(1.0,) * 9)
        assert size_for(idle, now=59.0, past=Past(step_at=0.0)) == 10
        assert size_for(idle, now=60.0, past=Past(step_at=0.0)) == 2

    def test_who_was_idle_for_long_retires_although_the_others_are_busy(self):
        advice = advise(MARKS, Load(size=10, used=4.0, idle_s=(301.0, 302.0, 5.0)), Past(), 1e6)
        assert advice.size == 8
        assert "2 of them had nothing to do" in advice.why


class TestLimits:
    @pytest.mark.parametrize(("size", "expected"), [(1, 2), (100, 64)])
    def test_a_size_outside_of_them_is_brought_in(self, size, expected):
        assert size_for(Load(size=size, used=size * 0.5)) == expected

    def test_a_size_set_by_hand_stays_its_time(self):
        assert size_for(Load(size=4, used=4.0), now=599.0, past=Past(held_until=600.0)) == 4
        assert size_for(Load(size=4, used=4.0), now=600.0, past=Past(held_until=600.0)) == 8

    @given(loads, pasts, st.floats(0, 2000))
    def test_whatever_is_measured(self, load, past, now):
        advice = advise(MARKS, load, past, now)
        assert isinstance(advice, Advice)
        assert advice.why
        held = now < past.held_until
        assert held or MARKS.least <= advice.size <= MARKS.most or advice.size == load.size
        in_limits = MARKS.least <= load.size <= MARKS.most
        if in_limits and advice.size < load.size:
            assert load.size - advice.size <= len(load.idle_s), "only idle workers go"
            assert load.used / advice.size <= MARKS.up_at, "the rest can bear it"
        if held:
            assert advice.size == load.size


@dataclass
class Simulation:
    """A node whose jobs come at random: every period the rule is asked and obeyed."""

    rate: Callable[[float], float]
    service_s: float
    marks: Marks = MARKS
    seed: int = 1
    sizes: list[tuple[float, int]] = field(default_factory=list)

    def run(self, seconds: float, size: int = 2) -> list[tuple[float, int]]:
        chance, now, past, backlog = random.Random(self.seed), 0.0, Past(), 0.0
        idle_since: list[float] = []
        lately: deque[float] = deque(maxlen=round(self.marks.down_cooldown_s / PERIOD_S))
        while now < seconds:
            came, used = 0, list[float]()
            for second in range(round(PERIOD_S)):
                arrived = sum(chance.random() < 0.5 for _ in range(2 * round(self.rate(now + second))))
                came += arrived
                used.append(min((backlog + arrived) * self.service_s, size))
                backlog = max(backlog + arrived - size / self.service_s, 0.0)
            mean, offered = sum(used) / PERIOD_S, came * self.service_s / PERIOD_S
            idle = max(size - math.ceil(mean), 0)
            idle_since = [*idle_since, *[now] * idle][:idle]
            now += PERIOD_S
            idle_s = tuple(now - at for at in idle_since)
            lately.append(mean)
            load = Load(
                size, mean, offered, max(lately), round(backlog), self.service_s, idle_s=idle_s, latest=used[-1]
            )
            advice = advise(self.marks, load, past, now)
            if advice.size != size:
                past = Past(now if advice.size > size else past.up_at, now)
                size = advice.size
            self.sizes.append((now, size))
        return self.sizes

    def swings(self) -> int:
        """Times that it went the other way."""
        steps = [b - a for (_, a), (_, b) in pairwise(self.sizes) if a != b]
        return sum(a * b < 0 for a, b in pairwise(steps))


class TestCurves:
    @pytest.mark.parametrize("seed", range(20))
    @pytest.mark.parametrize("erlangs", [0.5, 1.3, 3.0, 7.9, 20.0])
    def test_a_load_that_stays_never_makes_it_swing(self, erlangs, seed):
        curve = Simulation(lambda _: erlangs / 0.05, 0.05, seed=seed)
        curve.run(3600)
        assert curve.swings() <= 1
        late = [size for at, size in curve.sizes if at > 900]
        assert late == sorted(late, reverse=True), "at most somebody idle retires"
        assert all(erlangs / size <= 0.75 for at, size in curve.sizes if at > 120)

    @pytest.mark.parametrize("phase", [0, 3])
    @pytest.mark.parametrize("seed", range(20))
    def test_a_load_that_doubles_is_met_within_two_periods_and_one_that_halves_after_its_pause(self, seed, phase):
        """Also where it does so in the middle of a period, of which the first part says nothing of what comes."""
        rate = lambda at: 160.0 if 600 + phase <= at < 1200 else 80.0  # noqa: E731
        curve = Simulation(rate, 0.05, seed=seed)
        curve.run(2400)
        size_at = dict(curve.sizes)
        assert 8 / size_at[600 + 2 * PERIOD_S] <= 0.7
        met = size_at[600 + 2 * PERIOD_S]
        assert all(size <= met for at, size in curve.sizes if 600 < at <= 1200), "nothing was left to a later step"
        assert size_at[2400] < size_at[1200]
        assert curve.swings() <= 1

    @pytest.mark.parametrize("seed", range(20))
    def test_a_day_of_tides(self, seed):
        curve = Simulation(lambda at: 60 + 50 * math.sin(at / 3600 * 2 * math.pi), 0.05, seed=seed)
        curve.run(4 * 3600)
        assert curve.swings() <= 12, "at most up and down with each tide, and a step between"
