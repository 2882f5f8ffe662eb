"""Alerts as rows, on both databases: opened once, told once, muted, over; and what the figures show of them."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from pool.domain.alerting import Changes, Open, Seen, Told, compare
from pool.domain.errors import AlertNotFound, InvalidOption
from pool.domain.states import NodeState
from pool.models import AlertRecord, Node, PoolEvent, PoolSnapshot
from pool.store import alerts
from pool.store.actor import Actor
from pool.store.muting import mute_alert, unmute_alert
from pool.store.status import pool_status

NOW = 1_800_000_000.0
HOUR = 3600.0
DEAD = Seen("dead_letters", "", "warning", "10 jobs used up their attempts.")
FULL = Seen("full_queue", "mail", "notice", "Queue 'mail' is 95% full.")
ADA = Actor("ada", "test")


def look(alias: str, *seen: Seen, at: float = NOW, clear_s: float = 0.0) -> Changes:
    """One look of a clerk, which has written what it found."""
    changes = compare(alerts.known(alias), seen, at, HOUR, clear_s)
    alerts.keep(alias, changes, at)
    return changes


def opened(alias: str, *seen: Seen, at: float = NOW) -> Open:
    look(alias, *(seen or (DEAD,)), at=at)
    return alerts.known(alias)[0]


def events(alias: str) -> list[tuple[str, str, Any]]:
    rows = PoolEvent.objects.using(alias).order_by("id")
    return [(event.name, event.level, event.data) for event in rows]


def test_what_a_look_sees_is_open_and_what_it_does_not_is_over(alias: str) -> None:
    look(alias, DEAD, FULL)
    assert [DEAD.key, FULL.key] == [alert.key for alert in alerts.known(alias)]
    look(alias, FULL, at=NOW + 5)
    assert [FULL.key] == [alert.key for alert in alerts.known(alias)]
    row = AlertRecord.objects.using(alias).get(name="dead_letters")
    assert (NOW, NOW + 5) == (row.opened_at.timestamp(), row.resolved_at and row.resolved_at.timestamp())


def test_each_opening_and_each_end_is_an_event_once(alias: str) -> None:
    for at in (NOW, NOW + 5):
        look(alias, DEAD, FULL, at=at)
    look(alias, at=NOW + 10)
    look(alias, at=NOW + 15)
    facts = {"alert": "dead_letters", "subject": "", "severity": "warning", "message": DEAD.message.rstrip(".")}
    told = events(alias)
    assert ("alert.opened", "warning", facts) in told
    assert ("alert.resolved", "info", facts) in told
    assert ["alert.opened", "alert.opened", "alert.resolved", "alert.resolved"] == [name for name, *_ in told]


def test_two_clerks_that_see_the_same_open_one_alert(alias: str) -> None:
    both = [compare(alerts.known(alias), [DEAD], NOW, HOUR, 0.0) for _ in range(2)]
    assert [1, 0] == [len(alerts.keep(alias, changes, NOW).opened) for changes in both]
    assert 1 == len(alerts.known(alias))
    ends = [compare(alerts.known(alias), [], NOW + 5, HOUR, 0.0) for _ in range(2)]
    assert [1, 0] == [len(alerts.keep(alias, changes, NOW + 5).resolved) for changes in ends]
    assert 2 == len(events(alias))


def test_the_same_trouble_again_is_another_row(alias: str) -> None:
    opened(alias)
    look(alias, at=NOW + 5)
    look(alias, DEAD, at=NOW + 10)
    assert 2 == AlertRecord.objects.using(alias).count()


def test_trouble_that_comes_and_goes_is_one_row_and_over_when_it_stays_away(alias: str) -> None:
    for at in range(0, 500, 5):
        look(alias, *([DEAD] if at % 100 < 40 else []), at=NOW + at + 0.123457, clear_s=120)
    (alert,) = alerts.known(alias)
    assert NOW + 440.123457 == pytest.approx(alert.clear_since, abs=1e-5)
    (listed,) = alerts.listed(alias, timezone.now())
    assert listed["clear_since"]
    look(alias, at=NOW + 559, clear_s=120)
    assert 1 == len(alerts.known(alias))
    look(alias, at=NOW + 561, clear_s=120)
    assert [] == alerts.known(alias)
    assert ["alert.opened", "alert.resolved"] == [name for name, *_ in events(alias)]


def test_what_another_clerk_sees_again_meanwhile_is_not_over(alias: str) -> None:
    opened(alias)
    look(alias, at=NOW + 5, clear_s=60)
    over = compare(alerts.known(alias), [], NOW + 70, HOUR, 60)
    assert 1 == len(over.resolved)
    look(alias, DEAD, at=NOW + 69, clear_s=60)
    assert [] == alerts.keep(alias, over, NOW + 70).resolved
    (alert,) = alerts.known(alias)
    assert alert.clear_since is None


def test_what_is_clear_is_not_shown_as_a_fault_of_the_moment(alias: str) -> None:
    opened(alias)
    a_node(alias)
    look(alias, at=NOW + 5, clear_s=60)
    assert ("healthy", []) == (pool_status()["health"]["status"], pool_status()["health"]["alerts"])
    look(alias, DEAD, at=NOW + 10, clear_s=60)
    assert ["dead_letters"] == [one["name"] for one in pool_status()["health"]["alerts"]]


def test_other_words_are_kept_up_with(alias: str) -> None:
    opened(alias)
    look(alias, Seen("dead_letters", "", "critical", "Worse."), at=NOW + 5)
    (alert,) = alerts.known(alias)
    assert ("critical", "Worse.", NOW) == (alert.level, alert.message, alert.opened_at)


@pytest.mark.parametrize("what", [Told.OPENED, Told.LASTS])
def test_an_alert_is_told_by_one_clerk_only(alias: str, what: Told) -> None:
    alert = opened(alias)
    if what is Told.LASTS:
        assert alerts.take_to_tell(alias, Told.OPENED, alert, NOW + 10.123456)
        (alert,) = alerts.known(alias)
    assert [True, False] == [alerts.take_to_tell(alias, what, alert, NOW + 4000.654321) for _ in range(2)]


@pytest.mark.parametrize("what", [Told.OPENED, Told.LASTS])
def test_what_could_not_be_told_is_told_by_whoever_looks_next(alias: str, what: Told) -> None:
    alert = opened(alias)
    if what is Told.LASTS:
        alerts.take_to_tell(alias, Told.OPENED, alert, NOW + 10)
        (alert,) = alerts.known(alias)
    assert alerts.take_to_tell(alias, what, alert, NOW + 4000)
    alerts.give_back(alias, what, alert)
    assert [alert] == alerts.known(alias), "as if nobody had tried"
    assert alerts.take_to_tell(alias, what, alert, NOW + 4000)


def test_an_end_is_told_once_and_only_to_those_who_know_of_the_beginning(alias: str) -> None:
    alert = opened(alias)
    look(alias, at=NOW + 5)
    assert [] == alerts.known(alias), "nobody was told that it began"
    assert not alerts.take_to_tell(alias, Told.RESOLVED, alert, NOW + 5)
    alert = opened(alias, DEAD, at=NOW + 10)
    alerts.take_to_tell(alias, Told.OPENED, alert, NOW + 20)
    changes = look(alias, at=NOW + 30)
    ((what, over),) = changes.told
    assert Told.RESOLVED is what
    assert alerts.take_to_tell(alias, what, over, NOW + 30)
    alerts.give_back(alias, what, over)
    assert [Told.RESOLVED] == [what for what, _ in look(alias, at=NOW + 40).told], "it is tried again"
    assert [True, False] == [alerts.take_to_tell(alias, what, over, NOW + 41) for _ in range(2)]
    assert [] == alerts.known(alias)


def test_a_muted_alert_is_not_told_neither_when_it_is_over(alias: str) -> None:
    alert = opened(alias)
    alerts.take_to_tell(alias, Told.OPENED, alert, NOW + 10)
    mute_alert(alert.id, None, ADA)
    assert [] == look(alias, DEAD, at=NOW + 2 * HOUR).told
    assert [] == look(alias, at=NOW + 3 * HOUR).told
    assert [] == alerts.known(alias), "nobody keeps on looking at it"


def test_muting_is_somebodys_deed_and_can_be_taken_back(alias: str) -> None:
    alert = opened(alias)
    muted = mute_alert(alert.id, 60, ADA)
    assert (True, "ada") == (muted["muted"], muted["muted_by"])
    until = alerts.known(alias)[0].muted_until
    assert until == pytest.approx(timezone.now().timestamp() + 60, abs=10)
    told = unmute_alert(alert.id, ADA)
    assert (False, None, None) == (told["muted"], told["muted_until"], told["muted_by"])
    assert ["alert.opened", "alert.muted", "alert.unmuted"] == [name for name, *_ in events(alias)]
    assert {"ada"} == {one.actor for one in PoolEvent.objects.using(alias).filter(source="test")}


def test_only_an_open_alert_can_be_muted_and_only_for_a_while(alias: str) -> None:
    alert = opened(alias)
    for seconds in (0, -1, 10**9):
        with pytest.raises(InvalidOption):
            mute_alert(alert.id, seconds)
    look(alias, at=NOW + 5)
    for verb in (mute_alert, unmute_alert):
        with pytest.raises(AlertNotFound, match=f"no open alert {alert.id}"):
            verb(alert.id)
    assert ["alert.opened", "alert.resolved"] == [name for name, *_ in events(alias)]


def test_lists_have_the_newest_first_and_those_that_are_over_apart(alias: str) -> None:
    now = timezone.now()
    look(alias, DEAD, at=NOW)
    look(alias, DEAD, FULL, at=NOW + 5)
    assert ["full_queue", "dead_letters"] == [one["name"] for one in alerts.listed(alias, now)]
    assert [] == alerts.listed(alias, now, resolved=True)
    look(alias, at=NOW + 10)
    assert [] == alerts.listed(alias, now)
    assert 1 == len(alerts.listed(alias, now, resolved=True, limit=1))


def a_node(alias: str, **data: Any) -> None:
    now = timezone.now()
    Node.objects.using(alias).create(id="n1", host="h", pid=1, state=NodeState.RUNNING, started_at=now, last_beat=now)
    figures = {"ready": True, "pool": {"size": 1}, "workers": {"total": 1, "idle": 1}, **data}
    PoolSnapshot.objects.using(alias).create(at=now, node="n1", data=figures)


def test_the_figures_show_what_clerks_found_and_who_muted_it(alias: str) -> None:
    alert = opened(alias)
    assert ["no_node"] == [one["name"] for one in pool_status()["health"]["alerts"]], "no clerk keeps that true"
    a_node(alias)
    health = pool_status()["health"]
    (shown,) = health["alerts"]
    assert ("degraded", alert.id, "dead_letters", False) == (
        health["status"],
        shown["id"],
        shown["name"],
        shown["muted"],
    )
    mute_alert(alert.id, None, ADA)
    assert pool_status()["health"]["alerts"][0]["muted"]
    assert "degraded" == pool_status()["health"]["status"], "silence heals nothing"


def test_an_alert_of_the_moment_is_shown_once_with_its_number(alias: str) -> None:
    a_node(alias, problem="The disk is full.")
    (shown,) = pool_status()["health"]["alerts"]
    assert shown["id"] is None
    look(alias, Seen("node_problem", shown["subject"], "warning", shown["message"]), Seen("gone", "", "notice", "Old."))
    (shown,) = pool_status()["health"]["alerts"]
    assert shown["id"] is not None
    assert shown["since"] is not None


def test_a_time_keeps_its_microseconds(alias: str) -> None:
    alert = opened(alias, at=NOW + 0.123457)
    assert timedelta(microseconds=123457) == timedelta(seconds=alert.opened_at) - timedelta(seconds=NOW)


def test_what_has_been_over_for_long_is_pruned_and_what_is_open_is_not(alias: str, database: Any) -> None:
    from pool.domain.config import PoolConfig
    from pool.store.prune import prune

    config = PoolConfig()
    opened(alias, DEAD, FULL, at=NOW - 2 * config.keep_events_s)
    look(alias, FULL, at=NOW - 1.5 * config.keep_events_s)
    prune(database, NOW, config)
    assert ["full_queue"] == [row.name for row in AlertRecord.objects.using(alias).all()]
