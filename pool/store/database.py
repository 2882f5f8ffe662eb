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
from typing import Any, NamedTuple

from django.db import OperationalError, connections
from django.db.utils import DatabaseErrorWrapper

from pool import failpoints
from pool.domain.payload import clean_text
from pool.store.patience import bound_waits, rest_s
from pool.store.session import BEGIN, Session, open_session

LOCK_WAIT_MS = 250
"""The node never waits longer for a lock: it tries again next turn."""

LOCK_LOOK_S = 0.0003
"""Between two tries for SQLite's lock. Its own pauses grow to 100 ms, and lose against everybody who comes anew."""

STATEMENT_MS = 30_000
"""PostgreSQL ends a statement of ours that runs longer."""

TURN_STATEMENT_MS = 4_000
"""The same for the node, which looks after nothing else meanwhile."""

ANSWER_MARGIN_S = 1.0
"""A PostgreSQL server that says nothing for so long after that limit is frozen, or gone."""

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

SERVER_TIME = "SELECT extract(epoch from clock_timestamp())::float8"

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


def seconds(column: str) -> str:
    """The expression for a time of SQLite's in seconds since 1970. It would round what is below a millisecond."""
    return f"(strftime('%s', substr({column}, 1, 19)) + substr({column}, 20))"


def storable(text: str) -> str:
    """Text as it comes from users' code, without what a database refuses. Its length was bounded where it was said."""
    return clean_text(text, 4 * len(text))


class ClockReading(NamedTuple):
    """What the database's clock told (seconds since 1970), and when it was asked and heard (monotonic seconds)."""

    asked: float
    told: float
    heard: float


def _nothing() -> None:
    return


class Database:
    """A connection with hand-written statements. Not thread-safe; never crosses a fork."""

    def __init__(self, alias: str, lock_wait_ms: int = LOCK_WAIT_MS, statement_ms: int = STATEMENT_MS) -> None:
        self.alias = alias
        self.vendor: str = connections[alias].vendor
        self.is_sqlite = self.vendor == "sqlite"
        self.at: Any = as_text if self.is_sqlite else as_datetime
        self.lock_wait_ms, self.statement_ms = lock_wait_ms, statement_ms
        self._rests_until = 0.0
        self._wrapper: Any = None
        self._raw: Any = None
        self._sql: dict[str, str] = {}
        self._session = Session(BEGIN, listens=False)
        self.on_close: Callable[[], None] = _nothing
        """Called before the connection goes: its descriptor's number may be somebody else's afterwards."""
        self.in_doubt = False
        """The last transaction failed while it was being committed: either may have happened."""
        self.met_others = False
        """Somebody held SQLite's one write lock when the last transaction began."""
        self.doing = ""
        """What the transaction that is open is about, for the failpoints at its commit."""

    @property
    def raw(self) -> Any:
        if self._raw is None:
            self.connect()
        return self._raw

    def connect(self) -> None:
        """Open it. After an attempt that took long, further ones fail at once for a while."""
        self.close()
        begun = time.monotonic()
        if begun < self._rests_until:
            raise OperationalError(f"It did not answer, and is asked again in {self._rests_until - begun:.1f} s.")
        try:
            self._wrapper = connections.create_connection(self.alias)
            (self._open_sqlite if self.is_sqlite else self._open_postgres)()
        except BaseException:
            now = time.monotonic()
            self._rests_until = 0.0 if self.is_sqlite else now + rest_s(now - begun)
            raise
        self._raw = self._wrapper.connection

    def _open_sqlite(self) -> None:
        self._wrapper.ensure_connection()
        raw = self._wrapper.connection
        raw.execute("PRAGMA busy_timeout=1")
        raw.execute(f"PRAGMA wal_autocheckpoint={WAL_BACKSTOP_PAGES}")

    def _open_postgres(self) -> None:
        wrapper, settings = self._wrapper, self._wrapper.settings_dict
        # One of a pool would go back to it with the settings below, and whoever got it next would have them.
        options = {name: value for name, value in settings["OPTIONS"].items() if name != "pool"}
        wrapper.settings_dict = settings | {"OPTIONS": NETWORK | options}
        made, patience_s = wrapper.get_new_connection, self.statement_ms / 1000 + ANSWER_MARGIN_S
        wrapper.get_new_connection = lambda parameters: bound_waits(made(parameters), patience_s, self.close)
        wrapper.ensure_connection()
        pools_transactions = bool(settings.get("DISABLE_SERVER_SIDE_CURSORS"))
        self._session = open_session(wrapper.connection, pools_transactions, self.lock_wait_ms, self.statement_ms)

    def close(self) -> None:
        if self._wrapper is not None:
            self.on_close()
            # A connection that cannot even be closed is gone all the same.
            with suppress(Exception):
                self._wrapper.close()
        self._wrapper = self._raw = None

    @property
    def listens(self) -> bool:
        """Whether notifications of PostgreSQL come through the open connection."""
        return not self.is_sqlite and self.raw is not None and self._session.listens

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

    def wall(self) -> float:
        """Seconds since 1970, by the clock that all who use this database share."""
        if self.is_sqlite:
            return time.time()
        return float(self.raw.execute(SERVER_TIME).fetchone()[0])

    def read_clock(self) -> ClockReading:
        return ClockReading(time.monotonic(), self.wall(), time.monotonic())

    def execute(self, text: str, params: Params = ()) -> Any:
        return self.raw.execute(self.sql(text), params)

    def executemany(self, text: str, rows: Sequence[Params]) -> int:
        """Run a statement for every row; the number of rows changed."""
        cursor = self.raw.cursor()
        cursor.executemany(self.sql(text), rows)
        return int(cursor.rowcount)

    def begin(self) -> None:
        if not self.is_sqlite:
            # Asked for first: opening it is what tells how a transaction begins.
            raw = self.raw
            raw.execute(self._session.begin)
            return
        self.met_others = False
        until = time.monotonic() + self.lock_wait_ms / 1000
        while True:
            try:
                self.raw.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() >= until:
                    raise
            self.met_others = True
            time.sleep(LOCK_LOOK_S)

    def commit(self) -> None:
        self.raw.execute("COMMIT")

    def rollback(self) -> None:
        # SQLite has already rolled back by itself after some errors, such as a full disk.
        if self._raw is not None and (not self.is_sqlite or self._raw.in_transaction):
            self._raw.execute("ROLLBACK")

    @contextmanager
    def transaction(self, doing: str = "") -> Iterator[None]:
        with self.errors:
            self.in_doubt, self.doing = False, doing
            self.begin()
            try:
                yield
                self.in_doubt = True
                failpoints.hit_commit("before", self.doing)
                self.commit()
                failpoints.hit_commit("after", self.doing)
                self.in_doubt = False
            except BaseException:
                self._undo()
                raise

    @contextmanager
    def savepoint(self, name: str) -> Iterator[None]:
        """A part of a transaction that may fail alone."""
        raw = self.raw
        raw.execute(f"SAVEPOINT {name}")
        try:
            yield
        except BaseException:
            # With the connection it is gone by itself, and with SQLite's transaction when the disk is full.
            if self._raw is raw and (not self.is_sqlite or raw.in_transaction):
                raw.execute(f"ROLLBACK TO SAVEPOINT {name}")
                raw.execute(f"RELEASE SAVEPOINT {name}")
            raise
        raw.execute(f"RELEASE SAVEPOINT {name}")

    def _undo(self) -> None:
        try:
            self.rollback()
        except Exception:  # noqa: BLE001  the cause is on its way already
            self.close()
