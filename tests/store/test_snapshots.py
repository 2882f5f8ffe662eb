"""Snapshots as rows: written, read back, rolled up and pruned."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db.models import QuerySet
from django.utils import timezone

from pool.conf import database_alias, get_config
from pool.domain.histogram import decode
from pool.domain.states import NodeState
from pool.engine.meter import Meter, Standing
from pool.models import Node, PoolSnapshot
from pool.store import snapshots
from pool.store.database import Database

MIDNIGHT = datetime(2026, 11, 22, tzinfo=UTC).timestamp()
STANDING = Standing(size=2, min=2, max=8)


def a_node(name: str, state: NodeState = NodeState.RUNNING) -> Node:
    now = timezone.now()
    return Node.objects.using(database_alias()).create(
        id=name, host="host", pid=1, state=state, started_at=now, last_beat=now
    )


def write_seconds(database: Database, start: float, seconds: int, node: str = "n1", run_us: int = 2000) -> None:
    """One attempt of a task in each second after the start."""
    meter = Meter(start)
    with database.transaction():
        for second in range(1, seconds + 1):
            meter.ended("default", "t", 1000, run_us, 1000 + run_us, 50)
            meter.counters.completed += 1
            snapshots.write_snapshot(database, node, start + second, *meter.snapshot(start + second, [], STANDING))


def rows() -> QuerySet[PoolSnapshot]:
    return PoolSnapshot.objects.using(database_alias())


def spans(span: int) -> list[PoolSnapshot]:
    return list(rows().filter(span=span).order_by("at"))


def contents() -> list[tuple[Any, ...]]:
    return list(rows().order_by("span", "at").values_list("span", "at", "node", "data", "histograms"))


def test_snapshot_belongs_to_the_turns_transaction(database: Database) -> None:
    database.begin()
    snapshots.write_snapshot(database, "n1", MIDNIGHT, {"ready": True}, {})
    database.rollback()
    assert not rows().exists()


def test_latest_gives_the_newest_of_each_live_node(database: Database) -> None:
    now = timezone.now()
    a_node("n1")
    a_node("n2")
    a_node("gone", NodeState.STOPPED)
    with database.transaction():
        for name in ("n1", "n2", "gone", "unknown"):
            for age in (3.0, 1.0, 2.0):
                snapshots.write_snapshot(database, name, now.timestamp() - age, {"age": age}, {})
    found = snapshots.latest(database_alias(), now)
    assert [(node.node, node.data) for node in found] == [("n1", {"age": 1.0}), ("n2", {"age": 1.0})]


def test_silent_node_has_no_latest_figures(database: Database) -> None:
    now = timezone.now()
    a_node("n1")
    with database.transaction():
        snapshots.write_snapshot(database, "n1", now.timestamp() - snapshots.FRESH_S - 1, {}, {})
    assert snapshots.latest(database_alias(), now) == []


def test_minute_holds_all_its_seconds_of_all_nodes(database: Database) -> None:
    write_seconds(database, MIDNIGHT, 60, "n1", run_us=2000)
    write_seconds(database, MIDNIGHT, 60, "n2", run_us=30_000)
    assert snapshots.roll_up(database, MIDNIGHT + 66) == 1
    (minute,) = spans(60)
    assert minute.at == datetime.fromtimestamp(MIDNIGHT + 60, UTC)
    assert minute.node == ""
    assert minute.data["deltas"]["completed"] == 120
    assert minute.data["seconds"] == 120
    assert minute.data["gauges"]["size"] == [240, 120, 2]
    assert decode(minute.histograms["default"]["t"]["run"]) == {2000: 60, 29952: 60}


def test_minute_is_made_when_it_is_complete_and_not_before(database: Database) -> None:
    write_seconds(database, MIDNIGHT, 70)
    assert snapshots.roll_up(database, MIDNIGHT + 60 + snapshots.SETTLE_S - 1) == 0
    assert snapshots.roll_up(database, MIDNIGHT + 60 + snapshots.SETTLE_S) == 1


def test_rolling_up_again_changes_nothing(database: Database) -> None:
    write_seconds(database, MIDNIGHT, 130)
    assert snapshots.roll_up(database, MIDNIGHT + 140) == 2
    before = contents()
    assert snapshots.roll_up(database, MIDNIGHT + 140) == 0
    assert contents() == before


def test_two_clerks_make_the_same_rows(database: Database) -> None:
    write_seconds(database, MIDNIGHT, 60)
    snapshots.roll_up(database, MIDNIGHT + 70)
    before = contents()
    snapshots._make(database, 1, 60, MIDNIGHT + 60)
    assert contents() == before


def test_second_on_the_edge_belongs_to_the_minute_it_ends(database: Database) -> None:
    with database.transaction():
        for at in (MIDNIGHT, MIDNIGHT + 0.0004, MIDNIGHT + 59.9997, MIDNIGHT + 60, MIDNIGHT + 60.0003):
            snapshots.write_snapshot(database, "n1", at, {"seconds": 1.0, "deltas": {"claimed": 1}}, {})
    snapshots.roll_up(database, MIDNIGHT + 200)
    assert [minute.data["deltas"]["claimed"] for minute in spans(60)] == [1, 3, 1]
    before = contents()
    assert snapshots.roll_up(database, MIDNIGHT + 200) == 0
    assert contents() == before


def test_hours_and_days_come_from_minutes_and_lose_nothing(database: Database) -> None:
    for hour in (0, 1, 25):
        for minute in (0, 30):
            write_seconds(database, MIDNIGHT + hour * 3600 + minute * 60, 2)
    snapshots.roll_up(database, MIDNIGHT + 26 * 3600)
    assert [minute.data["deltas"]["completed"] for minute in spans(60)] == [2] * 6
    assert [hour.data["deltas"]["completed"] for hour in spans(3600)] == [4, 4]
    assert [day.data["deltas"]["completed"] for day in spans(86400)] == [8]


def test_pause_of_the_pool_is_passed_over(database: Database) -> None:
    write_seconds(database, MIDNIGHT, 2)
    write_seconds(database, MIDNIGHT + 40 * 86400, 2)
    assert snapshots.roll_up(database, MIDNIGHT + 41 * 86400) == 5
    assert [len(spans(span)) for span in (60, 3600, 86400)] == [2, 2, 1]


def test_catching_up_is_done_in_parts(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "MOST_SPANS", 2)
    write_seconds(database, MIDNIGHT, 300)
    assert snapshots.roll_up(database, MIDNIGHT + 400) == 2
    assert snapshots.roll_up(database, MIDNIGHT + 400) == 2
    assert snapshots.roll_up(database, MIDNIGHT + 400) == 1
    assert [minute.data["deltas"]["completed"] for minute in spans(60)] == [60] * 5


def test_old_seconds_go_and_their_minutes_stay(database: Database) -> None:
    write_seconds(database, MIDNIGHT, 120)
    now = MIDNIGHT + 60 + get_config().keep_snapshots_s
    snapshots.roll_up(database, now)
    assert snapshots.prune_snapshots(database, now, get_config()) == 60
    assert len(spans(1)) == 60
    assert len(spans(60)) == 2


def test_nothing_is_pruned_before_it_was_rolled_up(database: Database) -> None:
    write_seconds(database, MIDNIGHT, 90)
    long_after = MIDNIGHT + 10 * get_config().keep_hours_s
    assert snapshots.prune_snapshots(database, long_after, get_config()) == 0
    snapshots.roll_up(database, MIDNIGHT + 80)
    assert snapshots.prune_snapshots(database, long_after, get_config()) == 60
