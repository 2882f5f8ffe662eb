"""Rare facts as rows: what operators did and what broke."""

import json
from collections.abc import Mapping
from typing import Any

from django.db import connections

from pool.store.database import Database, storable

EVERYDAY = "debug"
"""The level of what happens all the time: kept for the audit, and shown where somebody looks for it."""

INSERT = """INSERT INTO pool_poolevent (at, name, level, node, worker, job, actor, source, data)
VALUES (%s::timestamptz, %s, %s, %s, %s, %s::uuid, %s, %s, %s::jsonb)"""


def write_event(
    db: Database,
    at: float,
    name: str,
    *,
    level: str = "info",
    node: str = "",
    worker: str = "",
    job: str | None = None,
    data: Mapping[str, Any] | None = None,
) -> None:
    """From a node or clerk, in its own transaction."""
    db.execute(INSERT, (db.at(at), name, level, node, worker, job, "", "node", _json(data or {})))


def write_action(
    alias: str, name: str, actor: str, source: str, job: Any = None, *, level: str = "info", **data: Any
) -> None:
    """What somebody did, in the caller's transaction over Django's connection."""
    from django.utils import timezone

    from pool.models import PoolEvent

    assert connections[alias]
    PoolEvent.objects.using(alias).create(
        at=timezone.now(), name=name, level=level, actor=actor, source=source, job=job, data=data
    )


def write_fact(alias: str, name: str, *, level: str = "info", **data: Any) -> None:
    """What happened by itself, in the caller's transaction over Django's connection."""
    write_action(alias, name, "", "node", level=level, **data)


def _json(data: Mapping[str, Any]) -> str:
    return storable(json.dumps(dict(data), default=str, ensure_ascii=False)).replace("\\u0000", "\\ufffd")
