"""The meter of a node: what is noted in a second, and what a snapshot says of it."""

import json
from typing import Any

import pytest

from pool.domain.histogram import decode
from pool.domain.states import WorkerState
from pool.engine import meter as metering
from pool.engine.meter import Meter, Resources, Standing
from pool.store.nodes import WorkerRow

STANDING = Standing(size=2, min=2, max=8)


def a_worker(number: int = 0, state: WorkerState = WorkerState.IDLE, jobs: tuple[str, ...] = ()) -> WorkerRow:
    return WorkerRow(
        id=f"w{number}",
        slot=number,
        pid=100 + number,
        kind="general",
        state=state,
        healthy=state is not WorkerState.UNHEALTHY,
        current_jobs=json.dumps(jobs),
        jobs_completed=0,
        jobs_failed=0,
        started_at=0.0,
        last_beat=0.0,
        rss=1000,
        cpu=0.5,
    )


def end(meter: Meter, times: int = 1, queue: str = "default", task: str = "t", run_us: int = 2000) -> None:
    for _ in range(times):
        meter.ended(queue, task, 1000, run_us, 1000 + run_us, 50)


def test_first_snapshot_of_an_idle_node_knows_only_what_is_known() -> None:
    data, histograms = Meter(10.0).snapshot(11.0, [], STANDING)
    assert histograms == {}
    assert data["latency"]["wait"]["p50"] is None
    assert data["windows"] == dict.fromkeys(metering.MEASURES)
    assert data["rates"] == {"throughput": 0.0, "arrival_rate": 0.0, "utilization": None}
    assert data["deltas"] == {}
    assert data["pool"]["uptime"] == 1.0


def test_work_of_late_is_that_between_the_last_two_snapshots() -> None:
    meter = Meter(0.0)
    assert 0.0 == meter.work().latest
    for at, jobs in ((1.0, 5), (2.0, 0), (4.0, 3)):
        end(meter, jobs, run_us=100_000)
        meter.snapshot(at, [a_worker()], STANDING)
    work = meter.work()
    assert (8, pytest.approx(0.8)) == (work.jobs, work.busy_s)
    assert pytest.approx(0.15) == work.latest


def test_snapshot_is_plain_json() -> None:
    meter = Meter(0.0)
    end(meter, 3)
    data, histograms = meter.snapshot(1.0, [a_worker(), a_worker(1, WorkerState.BUSY, ("j1",))], STANDING)
    assert json.loads(json.dumps(data)) == data
    assert json.loads(json.dumps(histograms)) == histograms
    assert data["lanes"][1] == {"id": "w1", "state": "BUSY", "job": "j1", "rss": 1000, "cpu": 0.5}


def test_each_attempt_is_in_one_histogram_of_each_measure() -> None:
    meter = Meter(0.0)
    end(meter, 3, "default", "a")
    end(meter, 2, "mail", "b")
    _, first = meter.snapshot(1.0, [], STANDING)
    end(meter, 1, "default", "a")
    _, second = meter.snapshot(2.0, [], STANDING)
    assert {"default", "mail"} == set(first)
    assert list(metering.MEASURES) == list(first["default"]["a"])
    assert decode(first["default"]["a"]["wait"]) == {1000: 3}
    assert decode(first["mail"]["b"]["dispatch"]) == {50: 2}
    assert decode(second["default"]["a"]["wait"]) == {1000: 1}
    assert "mail" not in second


def test_many_attempts_of_one_second_are_all_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metering, "SAMPLES_KEPT", 40)
    meter = Meter(0.0)
    end(meter, 1003)
    data, histograms = meter.snapshot(1.0, [], STANDING)
    assert decode(histograms["default"]["t"]["run"]) == {2000: 1003}
    assert data["totals"]["executed"] == 1003


def test_series_beyond_the_bound_are_written_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metering, "SERIES_A_SECOND", 2)
    meter = Meter(0.0)
    for task in ("a", "b", "c"):
        end(meter, 1, task=task)
    _, first = meter.snapshot(1.0, [], STANDING)
    end(meter, 1, task="c")
    _, second = meter.snapshot(2.0, [], STANDING)
    assert sorted(first["default"]) == ["a", "b"]
    assert decode(second["default"]["c"]["run"]) == {2000: 2}


def test_live_percentiles_look_back_one_minute() -> None:
    meter = Meter(0.0)
    end(meter, run_us=5_000_000)
    data, _ = meter.snapshot(1.0, [], STANDING)
    assert data["latency"]["run"]["max"] > 5000
    assert data["queues"]["default"]["jobs"] == 1
    end(meter, run_us=1000)
    data, _ = meter.snapshot(60.0, [], STANDING)
    assert data["latency"]["run"]["max"] > 5000
    data, _ = meter.snapshot(61.5, [], STANDING)
    assert data["latency"]["run"]["max"] < 2
    data, _ = meter.snapshot(200.0, [], STANDING)
    assert data["latency"]["run"]["max"] is None
    assert data["queues"] == {}


def test_rates_are_those_of_the_last_ten_seconds() -> None:
    meter = Meter(0.0)
    for second in range(1, 21):
        meter.counters.submitted += 30
        meter.counters.completed += 20 if second > 10 else 0
        data, _ = meter.snapshot(float(second), [], STANDING)
    assert data["rates"]["arrival_rate"] == 30.0
    assert data["rates"]["throughput"] == 20.0


def test_deltas_are_what_changed_since_the_last_snapshot() -> None:
    meter = Meter(0.0)
    meter.counters.claimed += 5
    meter.counters.lost += 1
    first, _ = meter.snapshot(1.0, [], STANDING)
    meter.counters.claimed += 2
    second, _ = meter.snapshot(2.0, [], STANDING)
    assert first["deltas"] == {"claimed": 5, "lost": 1}
    assert second["deltas"] == {"claimed": 2}
    assert second["totals"]["claimed"] == 7


def test_utilization_counts_long_jobs_while_they_run() -> None:
    meter, workers = Meter(0.0), [a_worker(0, WorkerState.BUSY), a_worker(1)]
    for second in range(1, 11):
        data, _ = meter.snapshot(float(second), workers, running(second))
    assert data["rates"]["utilization"] == 0.5
    end(meter, 1, run_us=10_500_000)
    data, _ = meter.snapshot(11.0, workers, running(0.5))
    assert data["rates"]["utilization"] == 0.5


def test_utilization_never_exceeds_one() -> None:
    meter = Meter(0.0)
    end(meter, 1, run_us=60_000_000)
    data, _ = meter.snapshot(1.0, [a_worker()], STANDING)
    assert data["rates"]["utilization"] == 1.0


def test_workers_are_told_by_state() -> None:
    states = [WorkerState.BUSY, WorkerState.IDLE, WorkerState.UNHEALTHY, WorkerState.STARTING, WorkerState.TERMINATED]
    workers = [a_worker(number, state) for number, state in enumerate(states)]
    data, _ = Meter(0.0).snapshot(1.0, workers, STANDING)
    assert data["workers"] == {"total": 4, "active": 1, "idle": 1, "unhealthy": 1}


def test_what_the_node_says_of_itself_is_passed_on() -> None:
    standing = Standing(
        size=3,
        min=1,
        max=4,
        shutting_down=True,
        ready=False,
        problem="The disk is full.",
        depths={"mail": 4},
        resources=Resources(cpu=0.5, rss=7),
    )
    data, _ = Meter(0.0).snapshot(1.0, [], standing)
    assert data["ready"] is False
    assert data["problem"] == "The disk is full."
    assert data["depths"] == {"mail": 4}
    assert data["pool"]["size"] == 3
    assert data["pool"]["shutting_down"] is True
    assert data["resources"] == {"cpu": 0.5, "memory": None, "rss": 7, "pss": None, "io_wait": None}


def running(seconds: float, **more: Any) -> Standing:
    return Standing(size=2, min=2, max=8, running_s=seconds, **more)


def test_what_was_not_stored_goes_out_with_the_next() -> None:
    meter = Meter(0.0)
    end(meter, 2)
    meter.counters.completed = 2
    first = meter.snapshot(1.0, [], STANDING)
    end(meter, 3)
    end(meter, 1, queue="mail")
    meter.counters.completed = 6
    meter.counters.failed = 1
    data, histograms = metering.merged(first, meter.snapshot(2.5, [], STANDING))
    assert {"executed": 6, "completed": 6, "failed": 1} == data["deltas"]
    assert 2.5 == data["seconds"]
    assert 5 == sum(decode(histograms["default"]["t"]["run"]).values())
    assert 1 == sum(decode(histograms["mail"]["t"]["run"]).values())


def test_nothing_unsent_changes_nothing() -> None:
    fresh = Meter(0.0).snapshot(1.0, [], STANDING)
    assert fresh == metering.merged(None, fresh)
