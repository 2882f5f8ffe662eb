"""Hiring without a node: what stands in the way is said, paused for, and over when workers stay."""

import errno
import mmap
import os
import resource
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from pool.domain.config import PoolConfig
from pool.domain.recycling import RecycleLimits
from pool.domain.states import WorkerState
from pool.engine import linux, loss
from pool.engine import slot as words
from pool.engine.meter import Meter
from pool.engine.roster import Roster
from pool.engine.slot import SLOT_BYTES, Slot
from pool.engine.staffing import Staffing
from tests.engine.benches import SLOTS, ScriptedHandle

MB = 2**20
START = 100.0


class ScriptedNursery:
    """Takes every order and makes no worker."""

    def __init__(self) -> None:
        self.orders: list[object] = []
        self.sock = socket.socket()
        self.ended = 0

    def send(self, order: object, _descriptors: tuple[int, ...]) -> bool:
        self.orders.append(order)
        return True

    def end(self) -> None:
        self.ended += 1


class Bench:
    """A staffing whose nursery is scripted."""

    def __init__(self) -> None:
        memory = mmap.mmap(-1, SLOTS * SLOT_BYTES)
        self.slots = [Slot(memory, index) for index in range(SLOTS)]
        self.roster = Roster(SLOTS)
        self.nursery = ScriptedNursery()
        me = SimpleNamespace(id="0" * 32, run_dir="/nowhere")
        self.staffing = Staffing(
            self.roster,
            me,  # type: ignore[arg-type]
            self.slots,  # type: ignore[arg-type]
            PoolConfig.from_mapping({}),
            Meter(START),
        )
        self.staffing.nursery = self.nursery  # type: ignore[assignment]
        self.staffing.ready, self.staffing.wanted = True, 1

    def add_worker(self, state: WorkerState = WorkerState.STARTING, now: float = START) -> ScriptedHandle:
        index = self.roster.free_slot()
        assert index is not None
        handle = ScriptedHandle(f"w{index}", index, self.slots[index], now, [])
        handle.state = state
        self.roster.add(handle)
        return handle


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.nursery.sock.close()
    for handle in made.roster:
        handle.close()


@contextmanager
def no_more_files() -> Iterator[None]:
    """This process may not open one more file."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest_free = os.dup(0)
    os.close(lowest_free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_without_files_no_worker_starts_and_the_pause_grows(bench: Bench) -> None:
    with no_more_files():
        for _ in range(5):
            assert [] == bench.staffing.hire(max(START, bench.staffing.budget.next_start()))
        assert [] == bench.staffing.hire(START)
    assert f"A worker cannot be started: {os.strerror(errno.EMFILE)}." == bench.staffing.problem
    assert bench.staffing.budget.exhausted
    assert (0, []) == (len(bench.roster), bench.nursery.orders)
    assert list(range(SLOTS)) == [bench.roster.free_slot() for _ in range(SLOTS)]


def test_silent_nursery_is_ended_when_a_worker_it_was_asked_for_is_late(bench: Bench) -> None:
    handle = bench.add_worker()
    bench.staffing.look_at_loading(START + 29)
    assert 0 == bench.nursery.ended
    bench.staffing.look_at_loading(START + 31)
    assert 1 == bench.nursery.ended
    handle.pid = os.getpid()
    bench.staffing.give_up_starting()
    assert 1 == bench.nursery.ended


@pytest.mark.parametrize("state", [WorkerState.STARTING, WorkerState.IDLE])
def test_death_before_the_first_job_counts(bench: Bench, state: WorkerState) -> None:
    bench.add_worker(state)
    handle = bench.add_worker(state)
    bench.staffing.gone(handle, START)
    assert 1 == bench.staffing.budget.deaths
    assert "Workers fail to start" in bench.staffing.problem
    assert handle.index == bench.staffing.start_slot > 0


def test_death_in_or_after_a_job_or_on_request_does_not_count(bench: Bench) -> None:
    handles = [bench.add_worker(WorkerState.IDLE) for _ in range(4)]
    handles[0].jobs_completed = handles[1].jobs_failed = 1
    handles[2].slot.words[words.LAST] = 1
    handles[3].left = True
    for handle in handles:
        bench.staffing.gone(handle, START)
    assert (0, "") == (bench.staffing.budget.deaths, bench.staffing.problem)


def test_problem_is_over_when_all_workers_have_stayed(bench: Bench) -> None:
    for _ in range(5):
        bench.staffing.gone(bench.add_worker(WorkerState.IDLE), START)
    for handle in bench.roster:
        bench.roster.remove(handle)
        handle.close()
    bench.add_worker(WorkerState.IDLE)
    bench.staffing.worker_ready()
    bench.staffing.look_at_loading(START + 1)
    assert bench.staffing.problem
    bench.staffing.look_at_loading(START + 6)
    assert not bench.staffing.problem


def test_of_what_is_too_much_the_newest_idle_worker_goes_first(bench: Bench) -> None:
    oldest, newest, middle = (bench.add_worker(WorkerState.IDLE, START + age) for age in (0, 2, 1))
    busy = bench.add_worker(WorkerState.BUSY, START + 3)
    gone = []
    for wanted in (3, 2, 1):
        bench.staffing.wanted = wanted
        bench.staffing.dismiss()
        gone.append([handle for handle in bench.roster if handle.retiring])
    assert [[newest], [newest, middle], [oldest, newest, middle]] == gone
    assert [busy] == bench.roster.staying()


def test_memory_is_judged_without_what_the_worker_began_with(bench: Bench) -> None:
    handle = bench.add_worker(WorkerState.IDLE)
    handle.rss, handle.rss_at_start = 900 * MB, 800 * MB
    bench.staffing.recycle(START)
    assert not handle.retiring
    handle.rss = 1400 * MB
    bench.staffing.recycle(START)
    assert "memory" in handle.retiring


def test_memory_at_the_start_is_that_of_the_first_look_after_ready(bench: Bench) -> None:
    handle = bench.add_worker()
    handle.pid = os.getpid()
    handle.measure(START)
    assert handle.rss_at_start is None
    handle.state = WorkerState.IDLE
    handle.measure(START)
    assert handle.rss == handle.rss_at_start
    assert 0 == handle.own_rss


# Orphans --------------------------------------------------------------------------


def test_orphan_is_killed_and_reaped() -> None:
    ours = set(linux.children_of(os.getpid()))
    child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    assert not loss.sweep_orphans(ours, set())
    child.wait()
    assert loss.sweep_orphans(ours, set())


def test_orphan_of_another_user_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = set(linux.children_of(os.getpid()))
    child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])

    def refuse(_pid: int, _signal: int) -> None:
        raise PermissionError

    spared: set[int] = set()
    with monkeypatch.context() as patch:
        patch.setattr(os, "kill", refuse)
        assert loss.sweep_orphans(ours, spared)
        assert loss.sweep_orphans(ours, spared)
    assert {child.pid} == spared
    child.kill()
    child.wait()
    assert loss.sweep_orphans(ours, spared)
    assert set() == spared


def test_file_limit_is_raised_as_far_as_it_goes() -> None:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, limits[1]), limits[1]))
    try:
        linux.raise_file_limit()
        soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        assert soft == min(limits[1], linux.FILES) or limits[1] == resource.RLIM_INFINITY
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_a_worker_has_its_limit_of_jobs_from_its_first_moment(bench: Bench) -> None:
    """The next look at the workers may come after it did sixty jobs."""
    bench.staffing.limits = RecycleLimits(soft_jobs=5, hard_jobs=10, min_age_s=0, max_rss=0)
    (handle,) = bench.staffing.hire(START)
    assert 10 == handle.room(64)
