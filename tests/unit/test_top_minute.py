"""The last minute of `pool top`, from the snapshots of one node or several."""

import json
from datetime import UTC, datetime

import pytest

from pool.domain import histogram
from pool.management.top.minute import LATE_S, LENGTH_S, Past
from pool.store.history import PastSpan

START = 1_800_000_000


def span(second, node="n1", **data):
    return PastSpan(datetime.fromtimestamp(START + second + 0.4, UTC), node, json.dumps(data), "{}")


def second(completed=0, submitted=0, failed=0, **more):
    return {"seconds": 1.0, "deltas": {"completed": completed, "submitted": submitted, "failed": failed}, **more}


def test_rates_and_gauges_stand_at_their_second():
    past = Past()
    past.take([span(100, **second(8, 5, 2, depths={"a": 3, "b": 4}, workers={"active": 2}))])
    minute = past.minute(START + 101)
    assert (START + 100, LENGTH_S) == (minute.end, len(minute.points))
    last = minute.points[-1]
    assert (5.0, 10.0, 2.0, 7.0, 2) == (last.arrivals, last.completions, last.failures, last.waiting, last.busy)
    assert (0.2, 0.2) == (minute.failing(), minute.failing_line()[-1])
    assert [None] * (LENGTH_S - 1) == minute.line("completions")[:-1]


def test_a_longer_second_is_no_higher_rate():
    past = Past()
    past.take([span(0, seconds=2.0, deltas={"completed": 10})])
    assert 5.0 == past.minute(START + 1).points[-1].completions


def test_nodes_add_up_and_see_the_same_queues():
    def one(counts):
        return second(4, depths={"a": 6}, workers={"active": 1}, windows={"wait": histogram.encode(counts)})

    past = Past()
    counts = [histogram.count([1000] * 99), histogram.count([9000] * 9)]
    past.take([span(0, "n1", **one(counts[0])), span(0, "n2", **one(counts[1]))])
    point = past.minute(START + 1).points[-1]
    assert (8.0, 6.0, 2) == (point.completions, point.waiting, point.busy)
    assert histogram.percentiles(histogram.merged(counts))["p95"] == point.wait
    assert point.run is None


def test_one_node_tells_its_own_percentiles():
    past = Past()
    past.take([span(0, latency={"wait": {"p95": 38.0}, "run": {"p95": None}})])
    assert (38.0, None) == (past.minute(START + 1).points[-1].wait, past.minute(START + 1).points[-1].run)


def test_only_what_may_be_new_is_read_again():
    past = Past()
    assert START + 100 - LENGTH_S == past.unread_since(START + 100)
    past.take([span(99, **second(1))])
    assert START + 99 - LATE_S == past.unread_since(START + 100)
    assert 1.0 == past.minute(START + 100).points[-1].completions
    past.take([span(99, **second(3)), span(100, **second(2))])
    assert [3.0, 2.0] == past.minute(START + 101).line("completions")[-2:]


def test_a_minute_moves_on_when_nobody_writes_any_more():
    past = Past()
    past.take([span(0, **second(1))])
    assert [1.0, None, None] == past.minute(START + 4).line("completions")[-3:]
    assert [None] * LENGTH_S == past.minute(START + 100).line("completions")
    assert past.minute(START + 100).failing() is None


def test_lanes_tell_each_workers_states_and_close_gaps_of_a_second():
    past = Past()
    busy, idle = ({"lanes": [{"id": "w0", "state": state}]} for state in ("BUSY", "IDLE"))
    past.take([span(0, **busy), span(2, **idle), span(5, **idle)])
    assert ["BUSY", "BUSY", "IDLE", None, None, "IDLE"] == past.minute(START + 5).lanes["w0"][-6:]


@pytest.mark.parametrize("data", [{}, {"latency": {}, "windows": {"wait": None}, "depths": None}])
def test_what_was_not_measured_is_unknown(data):
    past = Past()
    past.take([span(0, **data)])
    point = past.minute(START + 1).points[-1]
    assert (None, None, None) == (point.waiting, point.wait, point.run)
