"""Statements about a list of ids, in both dialects, on the node's connection and on Django's."""

import json
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from pool.store.database import Database

SQLITE_AMONG = "IN (SELECT value FROM json_each(%s))"
POSTGRES_AMONG = "= ANY(%s::{kind}[])"


def among(
    db: Database,
    statement: str,
    ids: Iterable[Any],
    before: Sequence[Any] = (),
    after: Sequence[Any] = (),
    kind: str = "uuid",
) -> Any:
    """Execute a statement in which `{among}` stands for the ids, between its other parameters; the cursor."""
    listed = list(ids)
    if db.is_sqlite:
        return db.execute(statement.format(among=SQLITE_AMONG), (*before, json.dumps(listed), *after))
    return db.execute(statement.format(among=POSTGRES_AMONG.format(kind=kind)), (*before, listed, *after))


def rows_among(cursor: Any, is_postgres: bool, statement: str, ids: Iterable[UUID]) -> list[tuple[Any, ...]]:
    """Read what a statement says of the ids, over a cursor of Django's connection."""
    way = POSTGRES_AMONG.format(kind="uuid") if is_postgres else SQLITE_AMONG
    values: Any = list(ids) if is_postgres else json.dumps([id.hex for id in ids])
    cursor.execute(statement.format(among=way), (values,))
    return list(cursor.fetchall())


def as_uuid(value: Any) -> UUID:
    """An id as Django's cursor gave it: SQLite knows text only."""
    return value if isinstance(value, UUID) else UUID(value)
