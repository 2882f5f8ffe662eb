"""Open Django's own connection to a database that other processes may be making at this moment. Used before the first
look at it by whatever may be the first to come: `serve`, `pool run`, `pool start`.

A new file of SQLite gets its write-ahead log when it is first opened. SQLite refuses that change at once while another
process is about it, and no timeout waits for it: so it is tried again here. Once it is made, it stays.
"""

import random
import sqlite3
import time
from typing import Any

from django.db import OperationalError, connections

from pool.domain.errors import NotReady

NEW_FILE_S = 5.0
"""Another process needs milliseconds to make the file."""


def open_connection(alias: str, limit_s: float = NEW_FILE_S) -> None:
    """Open this thread's connection, unless it is open."""
    until = time.monotonic() + limit_s
    while True:
        try:
            connections[alias].ensure_connection()
            return
        except OperationalError as error:
            if not is_locked(error) or time.monotonic() >= until:
                raise
        # Uneven pauses, or two that met once meet again.
        time.sleep(random.uniform(0.001, 0.02))


def leave_pools() -> None:
    """Hold plain connections in this process: a pool's threads outlive the job that opened it, at its worker's cost."""
    for connection in connections.all():
        options: dict[str, Any] = connection.settings_dict["OPTIONS"]
        if options.get("pool"):
            pooled: Any = connection
            pooled.close()
            pooled.close_pool()
            del options["pool"]


def require_shared(alias: str) -> None:
    """Raise NotReady when every process would have a database of its own. Tests of a project may live with that."""
    connection: Any = connections[alias]
    if connection.vendor == "sqlite" and connection.is_in_memory_db():
        raise NotReady(f"DATABASES[{alias!r}] is in memory, where processes cannot share it. Give it a file as NAME.")


def is_locked(error: Exception) -> bool:
    """Whether SQLite says that somebody else holds the file."""
    code = getattr(error.__cause__, "sqlite_errorcode", None)
    return code is not None and code & 0xFF == sqlite3.SQLITE_BUSY
