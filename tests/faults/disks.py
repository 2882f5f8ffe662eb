"""Disks that a test can fill and empty again while everything runs: a site whose database has only so much room.

Two kinds. A database whose connections may not make it larger than so many pages is full for SQLite as it is on a full
disk, and every machine has that. A small file system in memory is full for whatever writes to it, and needs the right
to mount one.
"""

import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.acceptance import databases
from tests.engine.engine_site import EngineSite
from tests.postgres import PostgresServer

MIB = 1 << 20
PRAGMAS = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL"
SPARE_PAGES = 100
"""What a new database may grow by."""
MODULES = "tests.engine.tasks,tests.faults.database_tasks"


class DiskSite(EngineSite):
    """A site with a disk of its own for the database."""

    def fill(self) -> None:
        """Let the database find no room any more."""
        raise NotImplementedError

    def free(self) -> None:
        """Give the room back."""
        raise NotImplementedError


class PagesSite(DiskSite):
    """SQLite may use so many pages. A table of nobody's takes them all, or gives them back."""

    def make_database(self, migrated: bool) -> str:
        url = super().make_database(migrated)
        with self.connection() as own:
            (pages,) = own.execute("PRAGMA page_count").fetchone()
            own.execute("CREATE TABLE ballast (data)")
        return f"{url}?init_command={quote(f'{PRAGMAS}; PRAGMA max_page_count={pages + SPARE_PAGES}')}"

    def fill(self) -> None:
        with self.connection() as own:
            own.execute(
                "WITH RECURSIVE some(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM some WHERE n < ?) "
                "INSERT INTO ballast SELECT randomblob(4000) FROM some",
                (SPARE_PAGES,),
            )

    def free(self) -> None:
        with self.connection() as own:
            own.execute("DELETE FROM ballast")

    @contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        """Somebody for whom the limit does not hold."""
        with closing(sqlite3.connect(self.folder / "site.sqlite3", timeout=10, isolation_level=None)) as own:
            yield own


class MountedSite(DiskSite):
    """The database lies on a small file system in memory. On PostgreSQL its tables do, and not the server's own log."""

    def make_database(self, migrated: bool) -> str:
        self.small = Path(tempfile.mkdtemp(prefix="sd-", dir="/tmp"))
        self.server: PostgresServer | None = None
        mount(self.small, 12 * MIB if self.database == "sqlite" else 40 * MIB)
        if self.database == "sqlite":
            made = databases.make(self.database, self.folder, self.environment, migrated)
            shutil.move(self.folder / "site.sqlite3", self.small / "site.sqlite3")
            return made.replace(str(self.folder), str(self.small))
        # Not in the site's folder: whatever works there is killed when the site is closed.
        self.data = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
        self.server = PostgresServer(self.data / "data")
        tables = self.small / "tables"
        tables.mkdir()
        for folder in (self.small, tables):
            shutil.chown(folder, self.server.folder.owner())
        self.server.execute(f"CREATE TABLESPACE small LOCATION '{tables}'")
        self.server.execute("CREATE DATABASE site TABLESPACE small")
        url = self.server.url("site")
        done = self.manage("migrate", "--no-input", "-v0", DATABASE_URL=url)
        assert done.returncode == 0, done.stderr
        return url

    def drop_database(self) -> None:
        if self.server is not None:
            self.server.stop()
            shutil.rmtree(self.data)
        unmount(self.small)
        self.small.rmdir()

    def fill(self) -> None:
        if self.database == "sqlite":
            # The clerk does it once a second: from then on the log has room in itself for changes of rows.
            with closing(sqlite3.connect(self.small / "site.sqlite3", timeout=10)) as own:
                own.execute("PRAGMA wal_checkpoint(PASSIVE)")
        with open(self.small / "ballast", "ab") as file:
            try:
                while True:
                    os.write(file.fileno(), b"x" * 4096)
            except OSError:
                return

    def free(self) -> None:
        (self.small / "ballast").unlink()


def mount(folder: Path, size: int) -> None:
    """Put a file system of that size there, or skip the test."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("There is no mount command.")
    if done.returncode:
        folder.rmdir()
        pytest.skip(f"A small disk cannot be mounted here: {done.stderr.strip()}")


def unmount(folder: Path) -> None:
    subprocess.run(["umount", "--lazy", str(folder)], check=True)
