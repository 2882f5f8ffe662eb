"""One connection of our own to the pool's database, and the one switch between SQLite and PostgreSQL.

The node and the clerk each hold one, apart from Django's thread-local connections: their transactions belong to
nobody's request, and their waits are short. Statements are written for PostgreSQL, with `%s` and casts; `sql()` makes
them SQLite's where that is the whole difference, and each verb's file holds both dialects where it is not. Values: ids
are opaque text, times go in as seconds since 1970 through `at()`.
"""

import math
import re
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from django.db import connections
from django.db.utils import DatabaseErrorWrapper

from pool.domain.payload import clean_text

LOCK_WAIT_MS = 250
"""The node never waits longer for a lock: it tries again next turn."""

LOCK_LOOK_S = 0.0003
"""Between two tries for SQLite's lock. Its own pauses grow to 100 ms, and lose against everybody who comes anew."""

STATEMENT_MS = 30_000
"""PostgreSQL ends a statement of ours that runs longer."""

WAL_BACKSTOP_PAGES = 16_384
"""The clerk checkpoints the write-ahead log of SQLite; a commit does it only past this size."""

NETWORK = {
    "connect_timeout": 2,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 2,
    "tcp_user_timeout": 5000,
}
"""How soon a PostgreSQL server that went silent counts as gone, unless the project's OPTIONS say otherwise."""

Params = Sequence[Any] | Mapping[str, Any]

_CAST = re.compile(r"::[a-z0-9]+(\[\])?")


def as_text(at: float) -> str:
    """Seconds since 1970 as Django writes a DateTimeField in SQLite."""
    whole = math.floor(at)
    return f"{_second_as_text(whole)}.{min(round((at - whole) * 1e6), 999_999):06d}"


@lru_cache(maxsize=64)
def _second_as_text(at: int) -> str:
    """Many rows of a turn share their second."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")


def as_datetime(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def storable(text: str) -> str:
    """Text as it comes from users' code, without what a database refuses. Its length was bounded where it was said."""
    return clean_text(text, 4 * len(text))


def _nothing() -> None:
    return


class Database:
    """A connection with hand-written statements. Not thread-safe; never crosses a fork."""

    def __init__(self, alias: str, lock_wait_ms: int = LOCK_WAIT_MS) -> None:
        self.alias = alias
        self.vendor: str = connections[alias].vendor
        self.is_sqlite = self.vendor == "sqlite"
        self.at: Any = as_text if self.is_sqlite else as_datetime
        self.lock_wait_ms = lock_wait_ms
        self._wrapper: Any = None
        self._raw: Any = None
        self._sql: dict[str, str] = {}
        self.on_close: Callable[[], None] = _nothing
        """Called before the connection goes: its descriptor's number may be somebody else's afterwards."""
        self.in_doubt = False
        """The last transaction failed while it was being committed: either may have happened."""

    @property
    def raw(self) -> Any:
        if self._raw is None:
            self.connect()
        return self._raw

    def connect(self) -> None:
        self.close()
        self._wrapper = connections.create_connection(self.alias)
        if not self.is_sqlite:
            settings = self._wrapper.settings_dict
            self._wrapper.settings_dict = settings | {"OPTIONS": NETWORK | settings["OPTIONS"]}
        self._wrapper.ensure_connection()
        raw = self._wrapper.connection
        if self.is_sqlite:
            raw.execute("PRAGMA busy_timeout=1")
            raw.execute(f"PRAGMA wal_autocheckpoint={WAL_BACKSTOP_PAGES}")
        else:
            import psycopg

            if not self._wrapper.settings_dict.get("DISABLE_SERVER_SIDE_CURSORS"):
                raw.prepare_threshold = 3
            raw.cursor_factory = psycopg.Cursor
            raw.execute(f"SET lock_timeout = {self.lock_wait_ms}")
            raw.execute(f"SET statement_timeout = {STATEMENT_MS}")
            raw.execute("SET plan_cache_mode = force_generic_plan")
            # Every statement of ours has its index; statistics of a table that was just filled say otherwise.
            for way in ("seqscan", "hashjoin", "mergejoin"):
                raw.execute(f"SET enable_{way} = off")
        self._raw = raw

    def close(self) -> None:
        if self._wrapper is not None:
            self.on_close()
            # A connection that cannot even be closed is gone all the same.
            with suppress(Exception):
                self._wrapper.close()
        self._wrapper = self._raw = None

    @property
    def errors(self) -> DatabaseErrorWrapper:
        """Context that turns the driver's errors into Django's."""
        return DatabaseErrorWrapper(self._wrapper or connections[self.alias])

    def sql(self, text: str) -> str:
        """The statement with the placeholders of this database."""
        if not self.is_sqlite:
            return text
        known = self._sql.get(text)
        if known is None:
            known = self._sql[text] = _CAST.sub("", text).replace("%s", "?")
        return known

    def execute(self, text: str, params: Params = ()) -> Any:
        return self.raw.execute(self.sql(text), params)

    def executemany(self, text: str, rows: Sequence[Params]) -> int:
        """Run a statement for every row; the number of rows changed."""
        cursor = self.raw.cursor()
        cursor.executemany(self.sql(text), rows)
        return int(cursor.rowcount)

    def begin(self) -> None:
        if not self.is_sqlite:
            self.raw.execute("BEGIN")
            return
        until = time.monotonic() + self.lock_wait_ms / 1000
        while True:
            try:
                self.raw.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() >= until:
                    raise
            time.sleep(LOCK_LOOK_S)

    def commit(self) -> None:
        self.raw.execute("COMMIT")

    def rollback(self) -> None:
        # SQLite has already rolled back by itself after some errors, such as a full disk.
        if not self.is_sqlite or self.raw.in_transaction:
            self.raw.execute("ROLLBACK")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with self.errors:
            self.in_doubt = False
            self.begin()
            try:
                yield
                self.in_doubt = True
                self.commit()
                self.in_doubt = False
            except BaseException:
                self._undo()
                raise

    @contextmanager
    def savepoint(self, name: str) -> Iterator[None]:
        """A part of a transaction that may fail alone."""
        self.raw.execute(f"SAVEPOINT {name}")
        try:
            yield
        except BaseException:
            self.raw.execute(f"ROLLBACK TO SAVEPOINT {name}")
            self.raw.execute(f"RELEASE SAVEPOINT {name}")
            raise
        self.raw.execute(f"RELEASE SAVEPOINT {name}")

    def _undo(self) -> None:
        try:
            self.rollback()
        except Exception:  # noqa: BLE001  the cause is on its way already
            self.close()
