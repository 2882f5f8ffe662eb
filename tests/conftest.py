"""Fixtures of all tests: both databases, migrated once in a run and emptied between tests.

A test that takes `alias` or `database` runs twice, on SQLite and on PostgreSQL. The store makes its own transactions,
so nothing is wrapped in one: what a test commits is there for every connection, and is removed before the next test.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import environ
import hypothesis
import pytest
from django.core.management import call_command
from django.db import connections

from pool.store import standing
from pool.store.database import Database
from tests.postgres import PostgresServer, postgres_server
from tests.settings import SQLITE_OPTIONS, TEST_DIR
from tests.tables import empty

__all__ = ["postgres_server"]

VENDORS = ("sqlite", "postgresql")

# No test fails because the machine is busy.
hypothesis.settings.register_profile("pool", deadline=None)
hypothesis.settings.load_profile("pool")

PATIENT_MS = 10_000
"""What a test's connection waits for a lock. Tests of the waiting itself say otherwise."""


@pytest.fixture(scope="session")
def sqlite_alias(django_test_environment: None, django_db_blocker: Any) -> Iterator[str]:
    """The alias of a migrated database on SQLite."""
    url = f"sqlite:///{Path(TEST_DIR) / 'store.sqlite3'}"
    options = SQLITE_OPTIONS | {"init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF"}
    yield from _migrated("on_sqlite", environ.Env.db_url_config(url) | {"OPTIONS": options}, django_db_blocker)


@pytest.fixture(scope="session")
def postgres_alias(
    postgres_server: PostgresServer, django_test_environment: None, django_db_blocker: Any
) -> Iterator[str]:
    """The alias of a migrated database on PostgreSQL."""
    url = postgres_server.create("store")
    yield from _migrated("on_postgresql", environ.Env.db_url_config(url), django_db_blocker)


@pytest.fixture(params=VENDORS)
def alias(request: pytest.FixtureRequest, settings: Any, django_db_blocker: Any) -> Iterator[str]:
    """The alias of an empty database, which is the pool's own for the length of the test."""
    name = request.getfixturevalue("sqlite_alias" if request.param == "sqlite" else "postgres_alias")
    settings.POOL = {**settings.POOL, "database": name}
    standing.forget()
    with django_db_blocker.unblock():
        empty(name)
        yield name


@pytest.fixture
def database(alias: str) -> Iterator[Database]:
    """A connection as the node and the clerk have one."""
    yield from _opened(alias)


@pytest.fixture
def other_database(alias: str) -> Iterator[Database]:
    """The connection of somebody else."""
    yield from _opened(alias)


def _opened(alias: str) -> Iterator[Database]:
    made = Database(alias, PATIENT_MS)
    yield made
    made.close()


def _migrated(alias: str, config: dict[str, Any], blocker: Any) -> Iterator[str]:
    connections.settings[alias] = config
    connections.configure_settings(connections.settings)
    with blocker.unblock():
        call_command("migrate", database=alias, interactive=False, verbosity=0)
    yield alias
    with blocker.unblock():
        connections[alias].close()
