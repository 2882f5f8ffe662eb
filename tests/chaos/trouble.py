"""Trouble for the database: somebody else's locks, connections cut, the server restarted. From the harness."""

import sqlite3
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from tests.chaos.plan import LOCK_SOME, RESTART, TERMINATE, Deed
from tests.postgres import PostgresServer

WAIT_S = 0.3
"""What the monkey waits for a lock itself."""

SOME_ROWS = """SELECT 1 FROM pool_job WHERE status IN ('PENDING', 'ASSIGNED', 'RUNNING', 'SCHEDULED')
ORDER BY random() LIMIT 30 FOR UPDATE SKIP LOCKED"""

BACKENDS = """SELECT pid FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend' ORDER BY pid"""


class Trouble(Protocol):
    def begin(self, deed: Deed) -> bool:
        """False when it could not be done just now."""

    def end(self) -> None:
        """Let go of what is locked, and wait for what is on its way."""


class SqliteTrouble:
    """A foreign connection that holds the write lock."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection: sqlite3.Connection | None = None

    def begin(self, deed: Deed) -> bool:
        if self._connection is not None:
            return False
        self._connection = sqlite3.connect(self.path, timeout=WAIT_S, isolation_level=None)
        try:
            self._connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError:
            self.end()
            return False
        return True

    def end(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class PostgresTrouble:
    """A foreign session, and whoever restarts the server."""

    def __init__(self, server: PostgresServer, url: str) -> None:
        self.server, self.url = server, url
        self._connection: Any = None
        self._restarting: threading.Thread | None = None

    def begin(self, deed: Deed) -> bool:
        import psycopg

        if self._connection is not None or (self._restarting is not None and self._restarting.is_alive()):
            return False
        if deed.what == RESTART:
            self._restarting = threading.Thread(target=self.server.restart, args=("immediate",))
            self._restarting.start()
            return True
        try:
            self._connection = psycopg.connect(self.url, connect_timeout=2)
            self._act(deed)
        except psycopg.Error:
            self._close()
            return False
        return True

    def end(self) -> None:
        self._close()
        if self._restarting is not None:
            self._restarting.join(60)
            self._restarting = None

    def _act(self, deed: Deed) -> None:
        execute = self._connection.execute
        execute(f"SET lock_timeout = {int(WAIT_S * 1000)}")
        if deed.what == TERMINATE:
            pids = [pid for (pid,) in execute(BACKENDS)]
            if pids:
                execute("SELECT pg_terminate_backend(%s)", (pids[int(deed.pick * len(pids))],))
        elif deed.what == LOCK_SOME:
            execute(SOME_ROWS)
        else:
            execute("LOCK TABLE pool_job IN EXCLUSIVE MODE")

    def _close(self) -> None:
        if self._connection is not None:
            with suppress(Exception):
                self._connection.close()
            self._connection = None
