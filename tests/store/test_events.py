"""Rare facts are rows: from nodes in their transaction, from operators in theirs."""

import uuid

import pytest
from django.db import transaction

from pool.models import PoolEvent
from pool.store.events import write_action, write_event
from tests.store.rows import NODE, NOW, WORKER, held, moment, put


def write(database, *args, **values):
    with database.transaction():
        write_event(database, *args, **values)


def only(alias):
    return PoolEvent.objects.using(alias).get()


def test_a_node_tells_all_it_knows(alias, database):
    id = put(alias, "RUNNING")
    job, facts = held(database).id, {"how": "killed by SIGKILL", "jobs": [1, 2]}
    write(database, NOW, "worker.exited", level="warning", node=NODE, worker=WORKER, job=job, data=facts)
    event = only(alias)
    assert (event.at, event.name, event.level) == (moment(NOW), "worker.exited", "warning")
    assert (event.node, event.worker, event.job, event.data) == (NODE, WORKER, id, facts)
    assert (event.actor, event.source) == ("", "node")


def test_a_name_is_enough(alias, database):
    write(database, NOW, "node.started")
    event = only(alias)
    assert (event.level, event.node, event.worker, event.job, event.data) == ("info", "", "", None, {})


@pytest.mark.parametrize(
    ("told", "stored"),
    [("a\x00b", "a\ufffdb"), ("half \ud800", "half \ufffd"), ("☃ 'quoted' \"twice\"", "☃ 'quoted' \"twice\"")],
)
def test_facts_may_hold_any_text(alias, database, told, stored):
    write(database, NOW, "worker.exited", data={"why": told, told: [told]})
    assert only(alias).data == {"why": stored, stored: [stored]}


def test_facts_that_are_no_json_are_told_as_text(alias, database):
    id = uuid.uuid4()
    write(database, NOW, "node.started", data={"id": id})
    assert only(alias).data == {"id": str(id)}


def test_a_rolled_back_turn_has_no_events(alias, database):
    database.begin()
    write_event(database, NOW, "node.started")
    database.rollback()
    assert not PoolEvent.objects.using(alias).exists()


class TestAction:
    def test_says_who_did_what_to_which_job(self, alias):
        id = uuid.uuid4()
        write_action(alias, "job.cancelled", "ada", "192.0.2.1", id, reason="late")
        event = only(alias)
        assert (event.name, event.actor, event.source) == ("job.cancelled", "ada", "192.0.2.1")
        assert (event.job, event.data, event.level) == (id, {"reason": "late"}, "info")

    def test_is_undone_with_the_change_it_tells_of(self, alias):
        with transaction.atomic(using=alias):
            write_action(alias, "job.cancelled", "ada", "command")
            transaction.set_rollback(True, using=alias)
        assert not PoolEvent.objects.using(alias).exists()
