"""Ids of jobs: UUIDs of version 7, whose order is the order of creation."""

import uuid

try:
    from uuid import uuid7  # type: ignore[attr-defined, unused-ignore]  # Python 3.14
except ImportError:
    from uuid_utils.compat import uuid7

__all__ = ["new_id", "parse_id"]


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
