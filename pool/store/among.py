"""Statements about a list of ids, in both dialects, on the node's connection and on Django's."""

import json
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from pool.store.database import Database

SQLITE_AMONG = "IN (SELECT value FROM json_each(%s))"
POSTGRES_AMONG = "= ANY(%s::{kind}[])"
SQLITE_LISTED = "json_each(%s) AS listed"
POSTGRES_LISTED = "unnest(%s::{kind}[]) AS listed (value)"


def among(
    db: Database,
    statement: str,
    ids: Iterable[Any],
    before: Sequence[Any] = (),
    after: Sequence[Any] = (),
    kind: str = "uuid",
) -> Any:
    """Execute a statement about the ids, between its other parameters; the cursor.

    `{among}` stands for the condition to be one of them, or else `{listed}` for a table of them, `listed.value`.
    """
    listed = list(ids)
    if db.is_sqlite:
        statement = statement.format(among=SQLITE_AMONG, listed=SQLITE_LISTED)
        return db.execute(statement, (*before, json.dumps(listed), *after))
    statement = statement.format(among=POSTGRES_AMONG.format(kind=kind), listed=POSTGRES_LISTED.format(kind=kind))
    return db.execute(statement, (*before, listed, *after))


def rows_among(cursor: Any, is_postgres: bool, statement: str, ids: Iterable[UUID]) -> list[tuple[Any, ...]]:
    """Read what a statement says of the ids, over a cursor of Django's connection."""
    way = POSTGRES_AMONG.format(kind="uuid") if is_postgres else SQLITE_AMONG
    values: Any = list(ids) if is_postgres else json.dumps([id.hex for id in ids])
    cursor.execute(statement.format(among=way), (values,))
    return list(cursor.fetchall())


def as_uuid(value: Any) -> UUID:
    """An id as Django's cursor gave it: SQLite knows text only."""
    return value if isinstance(value, UUID) else UUID(value)
