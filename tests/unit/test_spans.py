"""Seconds into minutes, minutes into hours."""

from pool.domain.histogram import decode
from pool.domain.spans import merge_figures, merge_histograms, of_second
from pool.engine.meter import Meter, Standing


def a_second(claimed: int, depth: int, start: float = 0.0) -> dict[str, object]:
    meter = Meter(start)
    meter.counters.claimed += claimed
    data, _ = meter.snapshot(start + 1, [], Standing(size=2, min=2, max=8, depths={"mail": depth}))
    return of_second(data)


def test_changes_add_up_and_gauges_keep_mean_and_maximum() -> None:
    minute = merge_figures([a_second(3, 10), a_second(0, 20), a_second(4, 0)])
    assert minute["seconds"] == 3.0
    assert minute["deltas"] == {"claimed": 7}
    assert minute["depths"] == {"mail": [30, 3, 20]}
    assert minute["gauges"]["size"] == [6, 3, 2]
    assert "cpu" not in minute["gauges"]


def test_merging_in_steps_is_merging_at_once() -> None:
    seconds = [a_second(number, number * 2) for number in range(6)]
    steps = merge_figures([merge_figures(seconds[:2]), merge_figures(seconds[2:])])
    assert merge_figures(seconds) == steps


def test_histograms_merge_by_queue_task_and_measure() -> None:
    def second(*runs: int) -> dict[str, dict[str, dict[str, str]]]:
        meter = Meter(0.0)
        for run in runs:
            meter.ended("default", "t", 100, run, 100 + run, 10)
        return meter.snapshot(1.0, [], Standing(2, 2, 8))[1]

    merged = merge_histograms([second(100, 200), second(), second(200)])
    assert decode(merged["default"]["t"]["run"]) == {100: 1, 200: 2}
    assert decode(merged["default"]["t"]["wait"]) == {100: 3}
