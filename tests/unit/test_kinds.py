"""Which kinds a pool has, what they offer, why a job finds none, and when they free memory."""

import os
from types import SimpleNamespace

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pool.domain.config import PoolConfig, find_problems
from pool.domain.kinds import KINDS, OFFERS, goal_for, kinds_of, lacking, missing, offers_of, read_patterns
from pool.engine import linux
from pool.engine.equipment import Equipment
from pool.engine.equipment.buffers import MB
from pool.engine.kinds import compute, memory
from pool.engine.worker import Worker

kinds = st.lists(st.sampled_from(KINDS), max_size=12)


class TestSizes:
    @given(st.integers(0, 128), kinds)
    def test_a_pool_has_those_named_and_general_ones_beyond(self, size, named):
        found = kinds_of(size, named)
        assert size == len(found)
        assert named[:size] == found[: len(named)]
        assert {"general"} >= set(found[len(named) :])

    @given(kinds, kinds)
    def test_what_is_lacking_makes_up_the_whole(self, wanted, present):
        found = lacking(wanted, present)
        for kind in KINDS:
            assert max(wanted.count(kind) - present.count(kind), 0) == found.count(kind)


class TestOffers:
    def test_each_kind_offers_its_name_and_what_the_setting_adds(self):
        capabilities = ("gpu", "io:s3", "compute:avx", "site:berlin")
        assert OFFERS["io"] | {"gpu", "s3", "site:berlin"} == offers_of("io", capabilities)
        assert OFFERS["general"] | {"gpu", "site:berlin"} == offers_of("general", capabilities)
        assert all(kind in offers_of(kind, ()) for kind in KINDS)

    @pytest.mark.parametrize(
        ("requires", "offers", "sentence"),
        [
            ((), [], "No worker offers  together."),
            (("gpu",), [{"io"}, {"general"}], "No worker offers gpu."),
            (("gpu", "tpu"), [{"io"}], "No worker offers gpu and tpu."),
            (("a", "b"), [{"a"}, {"b"}], "No worker offers a and b together."),
            (("a",), [{"a", "b"}], ""),
        ],
    )
    def test_why_nobody_can_do_it_is_said(self, requires, offers, sentence):
        if requires:
            assert sentence == missing(requires, [frozenset(one) for one in offers])


class TestPatterns:
    def test_first_that_fits_names_the_kind(self):
        patterns = read_patterns(("shop.tasks.pay*=io", "shop.*=compute", "*=memory"))
        assert "io" == goal_for("shop.tasks.pay_all", patterns)
        assert "compute" == goal_for("shop.tasks.sum", patterns)
        assert "memory" == goal_for("other", patterns)
        assert "" == goal_for("other", patterns[:2])

    def test_one_may_name_a_worker(self):
        assert [("shop.*", "w3"), ("*", "w12")] == read_patterns(("shop.*=w3", " * = w12 "))

    @pytest.mark.parametrize("text", ["shop.*", "=io", "shop.*=gpu", "", "a=b=c", "shop.*=w", "shop.*=w03"])
    def test_one_that_names_no_kind_is_refused(self, text):
        with pytest.raises(ValueError, match="^" if not text else None):
            read_patterns((text,))
        assert "affinity_patterns" in " ".join(find_problems({"affinity_patterns": [text or "x"]}, {}))


class TestSettings:
    def test_kinds_are_among_those_there_are(self):
        assert [] == find_problems({"worker_kinds": ["io", "compute"]}, {})
        assert "POOL['worker_kinds'] must be a list of" in find_problems({"worker_kinds": ["fast"]}, {})[0]
        assert ("io",) == PoolConfig.from_mapping({}, {"POOL_WORKER_KINDS": "io"}).worker_kinds


class Clock:
    """Stands for the module `time`, and moves when it is told to."""

    def __init__(self):
        self.now = 1000.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    for module in (compute, memory):
        monkeypatch.setattr(module, "time", made)
    return made


class HomelessMemoryWorker(memory.MemoryWorker):
    """Without a node, and in the tests' own process."""

    def __init__(self, **settings):
        self.config, self.equipment, self.pid = PoolConfig.from_mapping(settings, {}), Equipment(), os.getpid()
        self.prepare()


@pytest.fixture
def in_use(monkeypatch):
    """What is in use of the machine's memory, in percent, and of the worker's own, in megabytes; who has asked when."""
    made = SimpleNamespace(percent=10.0, own=50, looks=0)

    def virtual_memory():
        made.looks += 1
        return SimpleNamespace(percent=made.percent)

    monkeypatch.setattr(psutil, "virtual_memory", virtual_memory)
    monkeypatch.setattr(linux, "rss", lambda pid: made.own * MB)
    return made


class TestMemoryWorker:
    @pytest.mark.parametrize(("percent", "kept"), [(79, 100), (80, 100), (81, 50)])
    def test_half_of_its_cache_goes_when_more_than_four_fifths_of_the_memory_are_in_use(
        self, clock, in_use, percent, kept
    ):
        worker = HomelessMemoryWorker()
        for number in range(100):
            worker.equipment.cache.set(number, number)
        in_use.percent = percent
        clock.now += 10
        worker.poked()
        assert kept == len(worker.equipment.cache)

    def test_it_looks_every_ten_seconds(self, clock, in_use):
        worker, looks = HomelessMemoryWorker(), []
        for _ in range(25):
            clock.now += 1
            worker.poked()
            looks.append(in_use.looks)
        assert [0] * 9 + [1] * 10 + [2] * 6 == looks

    def test_pressure_is_the_machines_or_its_own_whichever_is_worse(self, in_use):
        worker, unlimited = HomelessMemoryWorker(worker_max_rss_mb=100), HomelessMemoryWorker(worker_max_rss_mb=0)
        assert (0.1, 0.1) == (worker.pressure(), unlimited.pressure())
        in_use.own = 50 + 90
        assert (0.9, 0.1) == (worker.pressure(), unlimited.pressure())
        in_use.percent = 95.0
        assert (0.95, 0.95) == (worker.pressure(), unlimited.pressure())


class TestComputeWorker:
    def test_busy_one_collects_garbage_between_jobs_once_a_second(self, clock, monkeypatch):
        worker, jobs, collected = object.__new__(compute.ComputeWorker), [], []
        worker._worked, worker._collected = False, clock.now

        def work(*_):
            clock.now += 0.3
            jobs.append(clock.now)

        monkeypatch.setattr(Worker, "work", work)
        monkeypatch.setattr(compute, "gc", SimpleNamespace(collect=lambda: collected.append(len(jobs))))
        for _ in range(10):
            worker.work(None, None)
        assert [4, 8] == collected
        worker.rest()
        worker.rest()
        assert [4, 8, 10] == collected, "once more when there is nothing to do"
