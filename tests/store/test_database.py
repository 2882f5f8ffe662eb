"""A connection of our own: short waits, whole transactions, Django's errors, the same values as Django's fields."""

import time
from contextlib import suppress
from datetime import UTC, datetime
from threading import Thread

import pytest
from django.db import DatabaseError, IntegrityError, OperationalError, connections
from hypothesis import given
from hypothesis import strategies as st

from pool.models import Queue
from pool.store.database import Database, as_datetime, as_text, storable
from tests.store.rows import NOW, ON_POSTGRES, ON_SQLITE, moment, put

ADD = "INSERT INTO pool_queue (name, paused) VALUES (%s, %s)"


@pytest.fixture
def hasty(alias):
    """Somebody who hardly waits for a lock."""
    made = Database(alias, lock_wait_ms=20)
    yield made
    made.close()


def cut(database, somebody):
    """End somebody's connection at the server."""
    pid = database.raw.info.backend_pid
    assert somebody.execute("SELECT pg_terminate_backend(%s, 10000)", (pid,)).fetchone() == (True,)


def raise_after(verb, *args):
    verb(*args)
    raise ZeroDivisionError


def add_and_cut(database, somebody):
    add(database, "a")
    cut(database, somebody)
    add(database, "b")


def names(alias):
    return set(Queue.objects.using(alias).values_list("name", flat=True))


def add(database, *new):
    for name in new:
        database.execute(ADD, (name, False))


class TestTransaction:
    def test_is_seen_by_others_once_it_ended(self, alias, database):
        with database.transaction():
            add(database, "a", "b")
            assert names(alias) == set()
        assert names(alias) == {"a", "b"}

    def test_is_undone_whole_by_an_error_which_goes_on(self, alias, database):
        with pytest.raises(ZeroDivisionError), database.transaction():
            raise_after(add, database, "a")
        assert names(alias) == set()
        with database.transaction():
            add(database, "b")
        assert names(alias) == {"b"}

    def test_tells_the_drivers_errors_as_djangos(self, alias, database):
        with pytest.raises(IntegrityError), database.transaction():
            add(database, "a", "a")
        with pytest.raises(DatabaseError), database.transaction():
            database.execute("SELECT nonsense FROM nowhere")
        assert names(alias) == set()

    def test_has_no_part_in_djangos(self, alias, database):
        with database.transaction():
            add(database, "a")
            assert not connections[alias].in_atomic_block
            assert connections[alias].get_autocommit()
        assert database.raw is not connections[alias].connection

    def test_outside_of_one_each_statement_stands_alone(self, alias, database):
        add(database, "a")
        assert names(alias) == {"a"}


class TestSavepoint:
    def test_may_fail_alone(self, alias, database):
        with database.transaction():
            add(database, "a")
            with pytest.raises(Exception, match=r"(?i)unique"), database.savepoint("part"):
                add(database, "b", "a")
            with database.savepoint("part"):
                add(database, "c")
        assert names(alias) == {"a", "c"}


class TestLocks:
    def test_are_not_waited_for_long(self, alias, database, hasty):
        with database.transaction():
            add(database, "a")
            with pytest.raises(OperationalError), hasty.transaction():
                # The same key: PostgreSQL waits for the other to end, SQLite for any other writer.
                add(hasty, "a")
        with hasty.transaction():
            add(hasty, "b")
        assert names(alias) == {"a", "b"}

    def test_of_others_that_were_met_are_told_of(self, alias, database, other_database):
        def write_too():
            with database.transaction():
                add(database, "b")

        database.connect()
        thread = Thread(target=write_too)
        with other_database.transaction():
            add(other_database, "a")
            thread.start()
            while database.is_sqlite and not database.met_others and thread.is_alive():
                time.sleep(0.001)
        assert database.met_others == database.is_sqlite
        thread.join()
        assert names(alias) == {"a", "b"}
        with database.transaction():
            assert not database.met_others


class TestConnection:
    def test_opens_when_first_used_and_again_after_it_was_closed(self, alias, database):
        for name in ("a", "b"):
            with database.transaction():
                add(database, name)
            database.close()
            database.close()
        assert names(alias) == {"a", "b"}

    @ON_SQLITE
    def test_to_sqlite_waits_for_nobody_long_and_leaves_checkpoints_to_the_clerk(self, alias):
        database = Database(alias, lock_wait_ms=250)
        asked = ("journal_mode", "busy_timeout", "wal_autocheckpoint", "foreign_keys")
        found = [database.raw.execute(f"PRAGMA {name}").fetchone()[0] for name in asked]
        database.close()
        assert found == ["wal", 1, 16_384, 1]

    @ON_POSTGRES
    def test_to_postgresql_waits_for_nothing_long(self, alias):
        database = Database(alias, lock_wait_ms=250)
        found = [database.raw.execute(f"SHOW {name}").fetchone()[0] for name in ("lock_timeout", "statement_timeout")]
        database.close()
        assert found == ["250ms", "30s"]

    def test_tells_before_it_goes(self, database):
        """Whoever watches its descriptor must let go first: the number may be somebody else's afterwards."""
        seen = []
        database.on_close = lambda: seen.append(database._raw is not None)
        assert database.raw is not None
        database.close()
        assert seen == [True]

    def test_doubts_only_a_transaction_whose_commit_failed(self, alias, database):
        with suppress(KeyError), database.transaction():
            add(database, "a")
            raise KeyError
        assert not database.in_doubt
        with database.transaction():
            add(database, "b")
        assert not database.in_doubt

    @ON_POSTGRES
    def test_that_breaks_within_a_transaction_is_made_anew(self, alias, database, other_database):
        with pytest.raises(OperationalError), database.transaction():
            add_and_cut(database, other_database)
        with database.transaction():
            add(database, "c")
        assert names(alias) == {"c"}

    @ON_POSTGRES
    def test_that_broke_between_two_transactions_says_so_once(self, alias, database, other_database):
        cut(database, other_database)
        with pytest.raises(OperationalError), database.transaction():
            add(database, "a")
        database.close()
        with database.transaction():
            add(database, "b")
        assert names(alias) == {"b"}


class TestStatements:
    @ON_SQLITE
    def test_for_sqlite_lose_their_casts(self, database):
        text = "SELECT %s::uuid, %s::timestamptz, %s::text[], count(*) FROM t WHERE a = %s"
        assert database.sql(text) == "SELECT ?, ?, ?, count(*) FROM t WHERE a = ?"

    @ON_POSTGRES
    def test_for_postgresql_are_as_they_are(self, database):
        assert database.sql("SELECT %s::uuid") == "SELECT %s::uuid"

    def test_may_run_for_many_rows(self, alias, database):
        assert database.executemany(ADD, [("a", False), ("b", True)]) == 2
        with database.transaction():
            assert (
                database.executemany("UPDATE pool_queue SET paused = %s WHERE name = %s", [(True, "a"), (True, "x")])
                == 1
            )
        assert Queue.objects.using(alias).filter(paused=True).count() == 2


class TestTimes:
    @pytest.mark.parametrize("at", [NOW, NOW + 0.000001, NOW + 0.999999, 0.0, 4_102_444_800.5])
    def test_are_read_by_django_as_they_were_written(self, alias, database, at):
        database.execute(
            "INSERT INTO pool_queue (name, paused_at) VALUES (%s, %s::timestamptz)", ("a", database.at(at))
        )
        assert Queue.objects.using(alias).get().paused_at == moment(at)

    def test_compare_with_those_that_django_wrote(self, alias, database):
        ids = [put(alias, "PENDING", run_at=moment(NOW + wait)) for wait in (0, 0.5, 1)]
        found = database.execute("SELECT id FROM pool_job WHERE run_at <= %s::timestamptz", (database.at(NOW + 0.5),))
        assert {id.hex for id in ids[:2]} == {str(id).replace("-", "") for (id,) in found.fetchall()}

    @given(st.floats(0, 250_000_000_000))
    def test_as_text_say_what_djangos_would(self, at):
        assert datetime.fromisoformat(as_text(at)).replace(tzinfo=UTC) == as_datetime(at)
        assert len(as_text(at)) == len("2026-11-22 12:00:00.000000")


@given(st.text(st.characters(exclude_categories=()), max_size=50))
def test_any_text_can_be_made_storable(text):
    stored = storable(text)
    assert len(stored) == len(text)
    assert "\x00" not in stored
    assert len(stored.encode()) >= len(text)
    assert storable(stored) == stored
