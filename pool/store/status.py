"""What commands, pages and the API show of the pool: queues, workers, nodes, and the figures of `/metrics`.

Reads only, over Django's connection: counters as they are kept, the last snapshot of each live node, and a bounded look
at the head of each queue. `pool.store.read` passes these on beside the reads of jobs.
"""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from pool.conf import database_alias, get_config
from pool.domain.figures import NodeFigures, QueueView, limits_of, pool_figures
from pool.domain.states import LIVE_NODES, NodeState, WorkerState
from pool.domain.token_bucket import open_s
from pool.domain.wording import age
from pool.models import Node, Queue, WorkerSnapshot
from pool.store import alerts, tally
from pool.store.oldest import oldest_run_at
from pool.store.presence import living_nodes
from pool.store.snapshots import FRESH_S, latest

MOST_ENDED = 200
TELLING_S = 5.0
"""A node writes figures every second; one that has not for so long may have no room for them."""


def pool_status(now: datetime | None = None, newest: Sequence[NodeFigures] | None = None) -> dict[str, Any]:
    """Give the figures of the pool at this moment: the JSON of `/metrics`.

    `newest` are the nodes' last snapshots, for a caller that has read them already.
    """
    now, alias = now or timezone.now(), database_alias()
    tallies = tally.sums(alias)
    oldest = oldest_run_at(alias, _waiting(tallies))
    rows = Queue.objects.using(alias).in_bulk()
    views = {name: _view(rows.get(name), _age(oldest.get(name), now), now) for name in sorted({*rows, *tallies})}
    newest = latest(alias, now) if newest is None else newest
    kept, late_after_s = alerts.kept(alias, now), get_config().late_after_s
    return pool_figures(now, newest, tallies, views, _mute(now, newest), kept, late_after_s)


def queues(now: datetime | None = None) -> list[dict[str, Any]]:
    """List the queues with their counters."""
    now, alias = now or timezone.now(), database_alias()
    tallies, rows = tally.sums(alias), Queue.objects.using(alias).in_bulk()
    oldest = oldest_run_at(alias, _waiting(tallies))
    names = sorted({*tallies, *rows})
    return [_queue_dict(name, rows.get(name), tallies.get(name, {}), oldest.get(name), now) for name in names]


def workers(now: datetime | None = None) -> list[dict[str, Any]]:
    """List the workers of the live nodes."""
    now, alias = now or timezone.now(), database_alias()
    live = [node.pk for node in Node.objects.using(alias).filter(state__in=LIVE_NODES) if not _is_silent(node, now)]
    rows = WorkerSnapshot.objects.using(alias).filter(node__in=live, ended_at=None).order_by("node", "slot")
    return [_worker_dict(row, now) for row in rows.exclude(state=WorkerState.TERMINATED)]


def ended_workers(limit: int = 50, now: datetime | None = None) -> list[dict[str, Any]]:
    """List the workers that ended last, with what they ended of."""
    now = now or timezone.now()
    rows = WorkerSnapshot.objects.using(database_alias()).filter(ended_at__isnull=False).order_by("-ended_at")
    return [
        {**_worker_dict(row, now), "ended_at": iso(row.ended_at), "end_reason": row.end_reason or None,
         "uptime": _age(row.started_at, row.ended_at or now)}
        for row in rows[: max(1, min(limit, MOST_ENDED))]
    ]  # fmt: skip


def nodes(now: datetime | None = None, *, ended: bool = False) -> list[dict[str, Any]]:
    """List the live nodes, newest first, or with `ended` the last hundred of all."""
    now, rows = now or timezone.now(), Node.objects.using(database_alias()).order_by("-started_at")
    chosen = rows[:100] if ended else rows.filter(state__in=LIVE_NODES)
    return [_node_dict(node, now) for node in chosen]


def paused_queues() -> set[str]:
    return set(Queue.objects.using(database_alias()).filter(paused=True).values_list("name", flat=True))


def iso(at: datetime | None) -> str | None:
    """Write a time for JSON."""
    return None if at is None else at.isoformat()


def _view(row: Queue | None, oldest_age: float | None, now: datetime) -> QueueView:
    """A queue as it is set; one that no node has met yet has the settings' limit alone."""
    row = row or Queue(weight=1.0, paused=False)
    config = get_config()
    most = config.max_waiting if row.max_waiting is None else row.max_waiting
    limits = (row.weight, most or None, row.max_running, row.rate, row.burst)
    return QueueView(row.paused, oldest_age, *limits, config.backpressure_at, _open_s(row, now))


def _open_s(row: Queue, now: datetime) -> float:
    """For how long the queue's rate has let a job start."""
    if row.rate is None:
        return math.inf
    at = None if row.tokens_at is None else row.tokens_at.timestamp()
    return open_s(row.rate, row.tokens, at, now.timestamp())


def _mute(now: datetime, newest: Sequence[NodeFigures]) -> list[str]:
    """Write a sentence about each node that lives and tells nothing any more."""
    telling = {figures.node for figures in newest if now - figures.at < timedelta(seconds=TELLING_S)}
    silent = [node for node in living_nodes() if node.pk not in telling]
    return [
        f"The node on {node.host} (pid {node.pid}) can write no figures. "
        f"{node.problem or f'It has not reached the database for {age(_quiet_s(node, now))}; its log tells why.'}"
        for node in silent
        if node.problem or _quiet_s(node, now) > FRESH_S
    ]


def _quiet_s(node: Node, now: datetime) -> float:
    return (now - node.last_beat).total_seconds()


def _waiting(tallies: tally.Sums) -> list[str]:
    """The queues that have jobs which may start."""
    return [queue for queue, counters in tallies.items() if counters.get("pending", 0) > 0]


def _age(since: datetime | None, now: datetime) -> float | None:
    return None if since is None else round(max((now - since).total_seconds(), 0.0), 3)


def _is_silent(node: Node, now: datetime) -> bool:
    return node.last_beat < now - timedelta(seconds=get_config().lease_s)


def _queue_dict(
    name: str, row: Queue | None, counters: dict[str, int], oldest: datetime | None, now: datetime
) -> dict[str, Any]:
    return {
        "name": name,
        "paused": bool(row and row.paused),
        "paused_at": iso(row.paused_at) if row else None,
        "paused_by": (row.paused_by or None) if row else None,
        **{counter: counters.get(counter, 0) for counter in tally.COUNTERS},
        "oldest_age": _age(oldest, now),
        **limits_of(_view(row, None, now), counters),
    }


def _worker_dict(row: WorkerSnapshot, now: datetime) -> dict[str, Any]:
    return {
        "id": row.pk,
        "pid": row.pid,
        "node": row.node,
        "kind": row.kind,
        "capabilities": row.capabilities,
        "state": row.state,
        "healthy": row.healthy,
        "current_jobs": row.current_jobs,
        "jobs_completed": row.jobs_completed,
        "jobs_failed": row.jobs_failed,
        "failed_in_row": row.failed_in_row,
        "mean_run_ms": row.mean_run_ms,
        "uptime": _age(row.started_at, now),
        "last_beat": iso(row.last_beat),
        "rss": row.rss,
        "cpu": row.cpu,
    }


def _node_dict(node: Node, now: datetime) -> dict[str, Any]:
    lost = node.state in LIVE_NODES and _is_silent(node, now)
    return {
        "id": node.pk,
        "host": node.host,
        "pid": node.pid,
        "state": NodeState.LOST if lost else node.state,
        "workers": node.workers,
        "wanted": node.wanted,
        "started_at": iso(node.started_at),
        "last_beat": iso(node.last_beat),
        "stopped_at": iso(node.stopped_at),
        "problem": node.problem or None,
    }
