"""Snapshots as rows: written by nodes every second, rolled up and pruned by the clerk, read by the web process.

A node writes its second inside the transaction of its turn. The clerk makes minutes, hours and days of them, for the
whole pool at once; it may do so twice, or two clerks at the same time, and the rows are the same. Rows are pruned by
age, but never before they were rolled up.
"""

import json
import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from pool.domain.config import PoolConfig
from pool.domain.figures import NodeFigures
from pool.domain.spans import merge_figures, merge_histograms, of_second, whole_pool
from pool.domain.states import LIVE_NODES
from pool.models import Node, PoolSnapshot
from pool.store.database import Database

SECOND, MINUTE, HOUR, DAY = 1, 60, 3600, 86400
STEPS = ((SECOND, MINUTE), (MINUTE, HOUR), (HOUR, DAY))

FRESH_S = 10.0
"""A node whose last snapshot is further from now does not count as live in the figures."""
SETTLE_S = 5.0
"""Seconds that stragglers have to write their last second before a minute is closed."""
MOST_SPANS = 180
"""Spans made in one go, so that catching up after a long pause stays short."""
WHOLE_POOL = ""
END_OF_TIME = 253_370_764_800.0
"""The year 9999."""

Json = Mapping[str, Any]

WRITE = """INSERT INTO pool_poolsnapshot (at, node, span, data, histograms)
VALUES (%s::timestamptz, %s, %s, %s::jsonb, %s::jsonb)
ON CONFLICT (span, at, node) DO UPDATE SET data = excluded.data, histograms = excluded.histograms"""

READ = """SELECT data::text, histograms::text FROM pool_poolsnapshot
WHERE span = %s AND at > %s::timestamptz AND at <= %s::timestamptz"""

PRUNE = """DELETE FROM pool_poolsnapshot WHERE id IN (
SELECT id FROM pool_poolsnapshot WHERE span = %s AND at <= %s::timestamptz ORDER BY at LIMIT %s)"""

SQLITE_EDGE = """SELECT (julianday({which}(at)) - 2440587.5) * 86400.0 FROM pool_poolsnapshot
WHERE span = ? AND at > ? AND at <= ?"""
POSTGRES_EDGE = """SELECT extract(epoch from {which}(at))::float8 FROM pool_poolsnapshot
WHERE span = %s AND at > %s AND at <= %s"""


def write_snapshot(db: Database, node: str, at: float, data: Json, histograms: Json) -> None:
    """Write a node's second, in the transaction of its turn."""
    _write(db, SECOND, at, node, data, histograms)


def latest(alias: str, now: datetime) -> list[NodeFigures]:
    """Read the newest figures of every live node, over Django's connection.

    A clock that was set back has left some that are still to come: they are no news.
    """
    live = Node.objects.using(alias).filter(state__in=LIVE_NODES).values_list("pk", flat=True)
    fresh = timedelta(seconds=FRESH_S)
    recent = PoolSnapshot.objects.using(alias).filter(span=SECOND, at__gt=now - fresh, at__lt=now + fresh)
    newest: dict[str, int] = {}
    for pk, node in recent.filter(node__in=list(live)).order_by("at").values_list("pk", "node"):
        newest[node] = pk
    rows = PoolSnapshot.objects.using(alias).filter(pk__in=newest.values()).order_by("node")
    return [NodeFigures(row.node, row.at, row.data) for row in rows.only("node", "at", "data")]


def roll_up(db: Database, now: float) -> int:
    """Make the minutes, hours and days that are complete and not there yet; how many. One transaction each."""
    total = 0
    for source, span in STEPS:
        made = _roll(db, source, span, now - SETTLE_S)
        total += made
        # What is longer waits until all its parts are there.
        if made == MOST_SPANS:
            break
    return total


def prune_snapshots(db: Database, now: float, config: PoolConfig) -> int:
    """Delete a batch of rows of each span that are too old; how many. Days are kept."""
    kept = {SECOND: config.keep_snapshots_s, MINUTE: config.keep_minutes_s, HOUR: config.keep_hours_s}
    deleted = 0
    for source, span in STEPS:
        rolled = _newest(db, span, now)
        if rolled is not None:
            until = min(now - kept[source], rolled)
            with db.transaction():
                deleted += db.execute(PRUNE, (source, db.at(until), config.prune_batch)).rowcount
    return deleted


def _roll(db: Database, source: int, span: int, until: float) -> int:
    start = _newest(db, span, until)
    made = 0
    while made < MOST_SPANS:
        first = _edge(db, "min", source, after=start)
        # SQLite tells times to the millisecond: a row at the very start of a span must not make the one before again.
        end = None if first is None else max(math.ceil(first / span) * span, start + span if start else 0)
        if end is None or end > until:
            break
        _make(db, source, span, end)
        start = end
        made += 1
    return made


def _make(db: Database, source: int, span: int, end: float) -> None:
    rows = db.execute(READ, (source, db.at(end - span), db.at(end))).fetchall()
    parts = [json.loads(data) for data, _ in rows]
    figures = merge_figures(map(of_second, parts) if source == SECOND else parts)
    histograms = merge_histograms(json.loads(text) for _, text in rows)
    # So that a chart of a day need not merge every queue and task again.
    figures["whole"] = whole_pool(histograms)
    # Merging takes its time, so the lock is taken for the write alone.
    if parts:
        with db.transaction():
            _write(db, span, end, WHOLE_POOL, figures, histograms)


def _newest(db: Database, span: int, until: float) -> int | None:
    """Give the end of the newest span that was rolled up; they end on whole seconds. What is to come does not count."""
    edge = _edge(db, "max", span, until=until)
    return None if edge is None else round(edge)


def _edge(db: Database, which: str, span: int, after: float | None = None, until: float = END_OF_TIME) -> float | None:
    statement = (SQLITE_EDGE if db.is_sqlite else POSTGRES_EDGE).format(which=which)
    row = db.raw.execute(statement, (span, db.at(after or 0.0), db.at(until))).fetchone()
    return None if row is None or row[0] is None else float(row[0])


def _write(db: Database, span: int, at: float, node: str, data: Json, histograms: Json) -> None:
    db.execute(WRITE, (db.at(at), node, span, json.dumps(data), json.dumps(histograms)))
