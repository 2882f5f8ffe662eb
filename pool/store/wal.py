"""SQLite's write-ahead log: copied into the database file, watched, and cut when it has grown. SQLite only.

A reader that stays in one transaction keeps everything that was written since from being reused, and the log grows for
as long. Nothing of ours reads for long; somebody's shell may. The clerk looks after it once a second, so that the
node's commits need not.
"""

from dataclasses import dataclass
from pathlib import Path

from pool.domain.wording import size
from pool.store.database import WAL_BACKSTOP_PAGES, Database

KEPT_BYTES = WAL_BACKSTOP_PAGES * 4096
"""A log that has become larger is cut when nobody needs it."""

PROBLEM_BYTES = 2 * KEPT_BYTES
"""A log that is larger than this, and cannot be cut, is worth telling."""


@dataclass(frozen=True, slots=True)
class Log:
    """What a look has found."""

    bytes: int
    is_held: bool
    """Somebody reads a state of the database that is older than what the log holds."""

    @property
    def problem(self) -> str:
        """What to do about it, in a sentence; empty when all is well."""
        if self.bytes <= PROBLEM_BYTES:
            return ""
        why = "somebody reads in one transaction for long: end it" if self.is_held else "it could not be cut yet"
        return f"SQLite's write-ahead log has grown to {size(self.bytes)}, because {why}."


def checkpoint(db: Database) -> Log:
    """Copy what can be copied, without waiting for anybody, and cut a log that is large and not needed."""
    _, pages, copied = db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    if copied < pages:
        return Log(_size(db), is_held=True)
    if _size(db) > KEPT_BYTES:
        # When somebody is in the way it says so at once, and the next look tries again.
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return Log(_size(db), is_held=False)


def _size(db: Database) -> int:
    (_, _, path) = db.execute("PRAGMA database_list").fetchone()
    try:
        return Path(f"{path}-wal").stat().st_size
    except OSError:
        return 0
