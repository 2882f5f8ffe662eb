"""The kept counters: loose rows, a node's own rows, and their sum."""

import pytest
from django.db import connections, transaction
from django.db.models import QuerySet

from pool.conf import database_alias
from pool.models import Tally
from pool.store import tally
from pool.store.database import Database


def say(queue: str, **deltas: int) -> None:
    with connections[database_alias()].cursor() as cursor:
        tally.loose(cursor, queue, **deltas)


def rows() -> QuerySet[Tally]:
    return Tally.objects.using(database_alias())


def sums() -> tally.Sums:
    return tally.sums(database_alias())


def only(counters: dict[str, int]) -> dict[str, int]:
    return {name: value for name, value in counters.items() if value}


def test_no_rows_are_no_queues(alias: str) -> None:
    assert sums() == {}


def test_sum_over_all_rows_is_the_truth(database: Database) -> None:
    say("default", submitted=3, pending=3)
    with database.transaction():
        tally.add(database, "n1", "default", pending=-2, executing=2)
        tally.add(database, "n2", "default", pending=-1, executing=1)
        tally.add(database, "n1", "mail", completed=1)
    found = sums()
    assert set(found["default"]) == set(tally.COUNTERS)
    assert only(found["default"]) == {"submitted": 3, "executing": 3}
    assert only(found["mail"]) == {"completed": 1}
    assert tally.depths(database) == {"default": 0, "mail": 0}


def test_node_keeps_one_row_for_each_queue(database: Database) -> None:
    for _ in range(3):
        with database.transaction():
            tally.add(database, "n1", "default", completed=2)
            tally.add(database, "n1", "mail", failed=1)
    assert rows().count() == 2
    assert only(sums()["default"]) == {"completed": 6}


def test_nothing_changed_writes_nothing(database: Database) -> None:
    with database.transaction():
        tally.add(database, "n1", "default", completed=0)
    assert not rows().exists()


def test_rolled_back_first_row_is_made_again(database: Database) -> None:
    database.begin()
    tally.add(database, "n1", "default", completed=1)
    database.rollback()
    with database.transaction():
        tally.add(database, "n1", "default", completed=1)
    assert only(sums()["default"]) == {"completed": 1}


def test_folding_moves_loose_rows_and_tells_what_they_were(database: Database) -> None:
    for _ in range(3):
        say("default", submitted=1, pending=1)
    say("mail", submitted=2, scheduled=2)
    with database.transaction():
        tally.add(database, "n1", "default", pending=-1, executing=1)
        folded = tally.fold(database, "n1")
    assert only(folded["default"]) == {"submitted": 3, "pending": 3}
    assert only(folded["mail"]) == {"submitted": 2, "scheduled": 2}
    assert sorted(rows().values_list("node", "queue")) == [("n1", "default"), ("n1", "mail")]
    assert only(sums()["default"]) == {"submitted": 3, "pending": 2, "executing": 1}
    with database.transaction():
        assert tally.fold(database, "n1") == {}


def test_folding_takes_a_bounded_batch(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally, "FOLD_BATCH", 2)
    for _ in range(3):
        say("default", submitted=1)
    with database.transaction():
        assert tally.fold(database, "n1")["default"]["submitted"] == 2
    assert sums()["default"]["submitted"] == 3
    assert rows().filter(node="").count() == 1


def test_rows_of_a_gone_node_are_folded_by_another(database: Database) -> None:
    with database.transaction():
        tally.add(database, "old", "default", completed=5)
        tally.add(database, "n1", "default", completed=1)
    with database.transaction():
        tally.abandon(database, "old")
        tally.fold(database, "n1")
    assert list(rows().values_list("node", "completed")) == [("n1", 6)]


def test_loose_row_belongs_to_the_callers_transaction(alias: str) -> None:
    with transaction.atomic(using=alias):
        say("default", submitted=1)
        transaction.set_rollback(True, using=alias)
    assert sums() == {}


def test_unknown_counter_is_refused(alias: str) -> None:
    with pytest.raises(ValueError, match="No such counter: sent"):
        say("default", sent=1)


def test_fold_tells_when_a_full_batch_came(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally, "FOLD_BATCH", 2)
    for _ in range(3):
        say("default", submitted=1)
    told = []
    for _ in range(2):
        with database.transaction():
            told.append(tally.fold(database, "n1").more)
    assert told == [True, False]


def test_jobs_that_a_gone_node_counted_do_not_arrive_again(database: Database) -> None:
    say("default", submitted=40, pending=40)
    with database.transaction():
        assert tally.fold(database, "n1").arrived == 40
        tally.add(database, "n1", "default", pending=-30, completed=30)
        tally.abandon(database, "n1")
    say("default", submitted=2, pending=1, scheduled=1)
    with database.transaction():
        assert tally.fold(database, "n2").arrived == 2
    assert only(sums()["default"]) == {"submitted": 42, "completed": 30, "pending": 11, "scheduled": 1}
