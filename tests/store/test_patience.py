"""A PostgreSQL server that is frozen is waited for only so long, and used again when it thaws."""

import time
from contextlib import ExitStack

import pytest
from django.db import OperationalError

from pool.models import Queue
from pool.store.database import ANSWER_MARGIN_S, Database
from pool.store.patience import LONGEST_REST_S, bound_waits, rest_s
from tests.store.rows import ON_POSTGRES

pytestmark = pytest.mark.timeout(60)

PATIENCE_S = 0.2 + ANSWER_MARGIN_S
ADD = "INSERT INTO pool_queue (name) VALUES (%s)"
CONNECT_S = 2.0


@pytest.fixture
def hasty(alias):
    made = Database(alias, statement_ms=200)
    assert made.raw is not None
    yield made
    made.close()


def lasted(begin):
    return time.monotonic() - begin


def add_two(database, server):
    """The second while the server is frozen."""
    with database.transaction():
        database.execute(ADD, ("a",))
        with server.frozen(), database.savepoint("part"):
            database.execute(ADD, ("b",))


def add_and_commit(database, until_thawed, server):
    """The server freezes before the commit."""
    with database.transaction():
        database.execute(ADD, ("a",))
        until_thawed.enter_context(server.frozen())


@ON_POSTGRES
def test_a_statement_ends_as_if_the_connection_were_broken(alias, hasty, postgres_server):
    hasty.execute("SELECT 1")
    with postgres_server.frozen():
        begin = time.monotonic()
        with pytest.raises(OperationalError, match="said nothing for"), hasty.transaction():
            hasty.execute(ADD, ("a",))
        assert PATIENCE_S <= lasted(begin) < PATIENCE_S + 1
    with hasty.transaction():
        hasty.execute(ADD, ("b",))
    assert [queue.name for queue in Queue.objects.using(alias)] == ["b"]


@ON_POSTGRES
def test_so_does_one_within_a_transaction(alias, hasty, postgres_server):
    begin = time.monotonic()
    with pytest.raises(OperationalError, match="said nothing for"):
        add_two(hasty, postgres_server)
    assert lasted(begin) < PATIENCE_S + 1
    assert not hasty.in_doubt
    with hasty.transaction():
        hasty.execute(ADD, ("c",))
    assert [queue.name for queue in Queue.objects.using(alias)] == ["c"]


@ON_POSTGRES
def test_a_commit_leaves_a_doubt(hasty, postgres_server):
    with ExitStack() as until_thawed, pytest.raises(OperationalError):
        add_and_commit(hasty, until_thawed, postgres_server)
    assert hasty.in_doubt


@ON_POSTGRES
def test_an_answer_that_goes_on_is_waited_for(database):
    bound_waits(database.raw, 0.3, database.close)
    begin = time.monotonic()
    rows = database.execute("SELECT pg_sleep(0.05), repeat('x', 10000) FROM generate_series(1, 20)").fetchall()
    assert len(rows) == 20
    assert lasted(begin) > 0.9


@ON_POSTGRES
def test_a_new_connection_is_given_up_soon_and_not_tried_again_at_once(alias, hasty, postgres_server):
    hasty.close()
    with postgres_server.frozen():
        begin = time.monotonic()
        with pytest.raises(OperationalError), hasty.transaction():
            pass
        assert lasted(begin) < CONNECT_S + 1
        begin = time.monotonic()
        with pytest.raises(OperationalError, match="asked again in"), hasty.transaction():
            pass
        assert lasted(begin) < 0.1


def test_most_of_the_time_is_left_for_other_things():
    assert rest_s(0.001) == 0.002
    assert rest_s(2.0) == rest_s(60.0) == LONGEST_REST_S
