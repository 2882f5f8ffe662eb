"""When a job may start: what is measured of a queue, and what follows from it."""

from datetime import UTC, datetime, timedelta

import pytest

from pool.domain.estimating import MOST_AHEAD, Rate, Sure, estimate, measured
from pool.domain.figures import NodeFigures

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def node(jobs: dict[str, int], throughput: float | None = None, uptime: float = 3600.0) -> NodeFigures:
    data = {
        "queues": {queue: {"jobs": count} for queue, count in jobs.items()},
        "rates": {"throughput": throughput},
        "pool": {"uptime": uptime},
    }
    return NodeFigures("n", NOW, data)


@pytest.mark.parametrize(
    ("nodes", "rate"),
    [
        ([], None),
        ([node({})], None),
        ([node({"other": 600}, 10.0)], None),
        # Its share of what the node ends now.
        ([node({"mail": 300, "other": 300}, 10.0)], Rate(5.0, 300)),
        # Nothing in the last seconds: what the minute says.
        ([node({"mail": 300}, 0.0)], Rate(5.0, 300)),
        ([node({"mail": 300}, None, uptime=10.0)], Rate(30.0, 300)),
        ([node({"mail": 60}, 0.0), node({"mail": 600}, 20.0), node({})], Rate(21.0, 660)),
    ],
)
def test_the_rate_of_a_queue_is_its_part_of_what_the_nodes_end(nodes, rate):
    assert rate == measured(nodes, "mail")


def test_a_node_that_told_only_half_is_borne():
    assert measured([NodeFigures("n", NOW, {}), NodeFigures("n", NOW, {"queues": {"mail": {}}})], "mail") is None


@pytest.mark.parametrize(("jobs", "sure"), [(1, Sure.LOW), (9, Sure.LOW), (10, Sure.MEDIUM), (100, Sure.HIGH)])
def test_an_estimate_is_worth_what_was_seen(jobs, sure):
    assert sure == estimate(NOW, 5, Rate(1.0, jobs)).sure


def test_the_slower_of_rate_and_limit_counts():
    assert [10.0, 20.0, 20.0] == [
        estimate(NOW, 20, rate, limit=limit).seconds
        for rate, limit in ((Rate(2.0, 9), 5.0), (Rate(2.0, 9), 1.0), (None, 1.0))
    ]
    assert estimate(NOW, 20, None, limit=1.0).at_least
    assert not estimate(NOW, 20, Rate(2.0, 9), limit=5.0).at_least


def test_what_is_further_back_than_is_counted_starts_later_than_that():
    told = estimate(NOW, None, Rate(100.0, 900))
    assert (NOW + timedelta(seconds=MOST_AHEAD / 100), True) == (told.at, told.at_least)


@pytest.mark.parametrize("rate", [None, Rate(0.0, 3), Rate(1e-12, 3)])
def test_there_is_no_estimate_where_nothing_moves(rate):
    assert estimate(NOW, 20, rate) is None
