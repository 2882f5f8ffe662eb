"""What a connection of ours to PostgreSQL asks of its session, also where a pooler lends it one for each transaction.

A pooler such as PgBouncer in its mode `transaction` keeps no setting of a session from one transaction to the next, and
gives what one client has set to others. So behind one nothing is set for the session: each transaction begins with
settings of its own. Django asks projects that pool transactions to set DISABLE_SERVER_SIDE_CURSORS, and that is how it
is known here; a pooler also shows by itself, because it makes up the number of the process that serves the connection.
Used by `pool.store.database`.
"""

from dataclasses import dataclass
from typing import Any

BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED"
"""What the statements are made for, whatever the project or the server has as its default."""

PREPARE_AFTER = 3
"""Times a statement is run before the server keeps its plan."""


@dataclass(frozen=True, slots=True)
class Session:
    begin: str
    """What begins a transaction."""
    listens: bool
    """Whether notifications come through."""


def open_session(raw: Any, pools_transactions: bool, lock_ms: int, statement_ms: int) -> Session:
    """Make a new connection of psycopg ready for the statements of the store."""
    import psycopg

    raw.cursor_factory = psycopg.Cursor
    wanted = _settings(lock_ms, statement_ms)
    if pools_transactions or is_pooled(raw):
        local = "".join(f"; SET LOCAL {setting}" for setting in wanted)
        return Session(BEGIN + local, listens=not pools_transactions)
    raw.prepare_threshold = PREPARE_AFTER
    for setting in (*wanted, "plan_cache_mode = force_generic_plan"):
        raw.execute(f"SET {setting}")
    return Session(BEGIN, listens=True)


def is_pooled(raw: Any) -> bool:
    """Whether somebody stands between this connection of psycopg and the server."""
    (pid,) = raw.execute("SELECT pg_backend_pid()").fetchone()
    return bool(pid != raw.info.backend_pid)


def _settings(lock_ms: int, statement_ms: int) -> list[str]:
    limits = [f"lock_timeout = {lock_ms}", f"statement_timeout = {statement_ms}"]
    # Every statement of ours has its index; statistics of a table that was just filled say otherwise.
    return limits + [f"enable_{way} = off" for way in ("seqscan", "hashjoin", "mergejoin")]
