"""SQLite takes a partial index only for its own words, and the words are those of the Django that migrated."""

from collections.abc import Iterator

import pytest
from django.db import connections

from pool.domain.states import JobStatus
from pool.store.among import SQLITE_AMONG, SQLITE_LISTED
from pool.store.dependencies import FRESH, SOMETHING_NEW, SOMETHING_OPEN, TELL, TELL_ONE_OF_EACH
from tests.store.graphs import after, end, status, turn
from tests.store.rows import enqueue, plan_of

WORDS = {"Django 5.2": ('NOT "met"', '"fresh"'), "Django 6.1": ('"met" = 0', '"fresh" = 1')}
INDEXES = {"pool_dependency_open": "parent", "pool_dependency_fresh": "id"}


def write_anew(alias: str, statements: dict[str, str]) -> None:
    with connections[alias].cursor() as cursor:
        for name, statement in statements.items():
            cursor.execute(f"DROP INDEX {name}")
            cursor.execute(statement)


@pytest.fixture(params=WORDS)
def worded(request, alias, database) -> Iterator[None]:
    """The database as each Django makes it."""
    if not database.is_sqlite:
        pytest.skip("PostgreSQL reasons about what a condition means.")
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT name, sql FROM sqlite_master WHERE name LIKE 'pool_dependency_%' AND sql LIKE '%WHERE%'")
        before = dict(cursor.fetchall())
    assert set(before) == set(INDEXES)
    made = zip(INDEXES.items(), WORDS[request.param], strict=True)
    write_anew(
        alias, {name: f"CREATE INDEX {name} ON pool_jobdependency ({on}) WHERE {word}" for (name, on), word in made}
    )
    yield
    write_anew(alias, before)


def test_a_child_starts_whichever_django_made_the_tables(alias, database, worded):
    (parent,) = enqueue(alias)
    child = after(alias, parent)
    turn(database)
    end(database, parent)
    assert JobStatus.PENDING == status(alias, child)


def test_what_is_looked_for_in_each_turn_is_found_by_index(database, worded):
    plans = {
        "pool_dependency_open": [
            (SOMETHING_OPEN[True], ()),
            (TELL[True].format(among=SQLITE_AMONG), ("[]", 10)),
            (TELL_ONE_OF_EACH[True].format(listed=SQLITE_LISTED), ("[]",)),
        ],
        "pool_dependency_fresh": [(SOMETHING_NEW[True], ()), (FRESH[True], (0, 10))],
    }
    for index, statements in plans.items():
        for statement, params in statements:
            assert index in plan_of(database, database.sql(statement), params), statement
