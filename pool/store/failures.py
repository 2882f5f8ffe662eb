"""What an error of the database means to whoever met it: its kind, and a sentence for people.

The node goes on in different ways: a conflict is tried again at once, a full disk lets small changes through, and
everything else waits. Used by the ledger, and by whatever is tried again here.
"""

import sqlite3
from enum import StrEnum

CONFLICTS = {"40001", "40P01"}
DISK_FULL = "53100"
TOO_MANY_CLIENTS = "53300"
LONGEST = 200
"""Characters of the database's own words."""


class Kind(StrEnum):
    LOCKED = "locked"
    """SQLite alone: rows that somebody holds on PostgreSQL are a matter of `pool.store.locks`."""
    CONFLICT = "conflict"
    """A deadlock or a serialization failure: nothing is wrong, and the same may work at once."""
    FULL = "full"
    CROWDED = "crowded"
    """The server takes no more connections."""
    OTHER = "other"


def kind_of(error: BaseException) -> Kind:
    """Tell what kind of failure Django's error, or the driver's, stands for."""
    cause = error.__cause__ or error
    state = getattr(cause, "sqlstate", None)
    if state is not None:
        known = {DISK_FULL: Kind.FULL, TOO_MANY_CLIENTS: Kind.CROWDED}
        return Kind.CONFLICT if state in CONFLICTS else known.get(state, Kind.OTHER)
    code = getattr(cause, "sqlite_errorcode", None)
    if code is None:
        # libpq refuses the connection itself, and has no code for it.
        return Kind.CROWDED if "too many clients" in str(error) or "connection slots" in str(error) else Kind.OTHER
    return {sqlite3.SQLITE_BUSY: Kind.LOCKED, sqlite3.SQLITE_FULL: Kind.FULL}.get(code & 0xFF, Kind.OTHER)


def in_words(error: BaseException) -> str:
    """Write it as a sentence."""
    said = " ".join(str(error).split())[:LONGEST]
    return {
        Kind.LOCKED: "Another program holds the lock of the database",
        Kind.FULL: "The disk of the database is full, so nothing can be written",
        Kind.CROWDED: "The database server takes no more connections",
    }.get(kind_of(error), "The database does not answer") + f": {type(error).__name__}: {said}"


def is_conflict(error: BaseException) -> bool:
    return kind_of(error) is Kind.CONFLICT
