"""A real PgBouncer in front of a real PostgreSQL, and a site whose processes reach the database through it."""

import os
import shutil
import socket
import subprocess
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests import postgres
from tests.acceptance import databases
from tests.acceptance.site import free_port, wait_for
from tests.engine.engine_site import EngineSite

PROGRAM = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin")

SETTINGS = """[databases]
* = host={host} port={port}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {own}
unix_socket_dir =
auth_type = any
pool_mode = {mode}
max_client_conn = 200
default_pool_size = {size}
server_round_robin = 1
logfile = {folder}/pgbouncer.log
"""
"""Lent out in turn, so that hardly two transactions of a client come to the same connection of the server."""

POOL_SIZE = 4


class PgBouncer:
    def __init__(self, folder: Path, mode: str) -> None:
        if PROGRAM is None:
            pytest.skip("pgbouncer is not installed.")
        parts = urlsplit(postgres.start().url())
        host = parse_qs(parts.query).get("host", [parts.hostname or ""])[0]
        self.user, self.port = parts.username or "postgres", free_port()
        self.folder = folder / "pgbouncer"
        self.folder.mkdir()
        text = SETTINGS.format(
            host=host, port=parts.port or 5432, own=self.port, mode=mode, size=POOL_SIZE, folder=self.folder
        )
        (self.folder / "pgbouncer.ini").write_text(text.replace("* = ", f"* = user={self.user} "))
        self.command = [PROGRAM, str(self.folder / "pgbouncer.ini")]
        if os.geteuid() == 0:
            # It refuses to work for root, as the server does.
            owner = postgres.start().folder.owner()
            self.command[1:1] = ["-u", owner]
            shutil.chown(self.folder, owner)
            folder.chmod(0o755)
        self.start()

    def start(self) -> None:
        nothing = subprocess.DEVNULL
        self.process = subprocess.Popen(self.command, stdin=nothing, stdout=nothing, stderr=nothing)
        wait_for(self._answers, 10, "pgbouncer to listen", self.said)

    def restart(self) -> None:
        """As if it had crashed: every connection is cut."""
        self.process.kill()
        self.process.wait(5)
        self.start()

    def url(self, database: str) -> str:
        return f"postgresql://{self.user}@127.0.0.1:{self.port}/{database}"

    def said(self) -> str:
        log = self.folder / "pgbouncer.log"
        return log.read_text(errors="replace") if log.exists() else "nothing"

    def close(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(5)

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True


class PooledSite(EngineSite):
    """Its processes know the database by the pooler's address alone."""

    def __init__(self, mode: str = "transaction", *, is_told: bool = True, **variables: str) -> None:
        self.mode, self.is_told = mode, is_told
        self.bouncer: PgBouncer | None = None
        super().__init__("postgresql", **variables)

    def make_database(self, migrated: bool) -> str:
        self.straight = databases.make(self.database, self.folder, self.environment, migrated)
        self.bouncer = PgBouncer(self.folder, self.mode)
        name = urlsplit(self.straight).path[1:]
        told = "?DISABLE_SERVER_SIDE_CURSORS=True" if self.is_told else ""
        return self.bouncer.url(name) + told

    def drop_database(self) -> None:
        if self.bouncer is not None:
            self.bouncer.close()
        databases.drop(self.straight)
