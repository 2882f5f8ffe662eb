"""Ids of jobs: UUIDs of version 7, whose order is the order of creation."""

import uuid
from datetime import datetime

try:
    from uuid import uuid7  # type: ignore[attr-defined, unused-ignore]  # Python 3.14
except ImportError:
    from uuid_utils.compat import uuid7

__all__ = ["first_id", "new_id", "parse_id", "spelled"]

HEX_DIGITS = 32


def new_id() -> uuid.UUID:
    """Make an id that sorts after those this process made before."""
    # A function of ours: migrations name the default of a column, and that name must not depend on Python's version.
    made: uuid.UUID = uuid7()
    return made


def parse_id(text: str) -> uuid.UUID | None:
    """Read an id in any of its spellings; None when it is none."""
    try:
        return uuid.UUID(str(text))
    except ValueError:
        return None


def spelled(id: str) -> str:
    """Write an id as people read it, with hyphens; the database may hold it without."""
    return "-".join((id[:8], id[8:12], id[12:16], id[16:20], id[20:])) if len(id) == HEX_DIGITS else id


def first_id(at: datetime) -> uuid.UUID:
    """Give the id before which all ids made earlier sort, and none made from then on."""
    milliseconds = min(max(int(at.timestamp() * 1000), 0), (1 << 48) - 1)
    return uuid.UUID(int=milliseconds << 80)
