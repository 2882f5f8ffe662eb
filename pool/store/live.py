"""What the live view shows of the pool beside its figures: the workers' lanes, the running jobs, the newest events.

Read once a second by the feed of each web process for all who watch, and by each `pool top`, over Django's connection.
A bounded number of statements, whatever the number of viewers, and none of them counts.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connections
from django.utils import timezone

from pool.conf import database_alias
from pool.domain.event_words import in_words
from pool.domain.figures import NodeFigures
from pool.domain.ids import parse_id
from pool.domain.states import EXECUTING, JobStatus, WorkerState
from pool.models import Job, PoolEvent, WorkerSnapshot
from pool.store.events import EVERYDAY
from pool.store.snapshots import latest
from pool.store.status import iso, pool_status

MOST_RUNNING = 50
MOST_EVENTS = 20
EVENTS_LOOKED_AT = 200
"""Some of the newest are everyday ones, which are not told."""

LANE_COLUMNS = (
    "id", "node", "slot", "pid", "state", "healthy", "current_jobs", "jobs_completed", "jobs_failed", "rss", "cpu",
)  # fmt: skip
RUNNING_COLUMNS = (
    "id", "task", "queue", "tenant", "worker", "attempts", "timeout", "started_at", "progress", "progress_message",
    "cancel_requested_at",
)  # fmt: skip
EVENT_COLUMNS = ("id", "at", "name", "level", "node", "worker", "job", "actor", "data")

Row = dict[str, Any]


def newest_snapshot() -> int:
    """Give the number of the newest snapshot of any node: another one means that there is news. One seek."""
    with connections[database_alias()].cursor() as cursor:
        cursor.execute("SELECT max(id) FROM pool_poolsnapshot")
        return cursor.fetchone()[0] or 0


def live_status(now: datetime | None = None) -> dict[str, Any]:
    """Give the JSON of `/metrics`, and under "live" what the overview shows beside it."""
    now, alias = now or timezone.now(), database_alias()
    nodes = latest(alias, now)
    return {**pool_status(now, nodes), "live": _live(alias, nodes, now)}


def _live(alias: str, nodes: Sequence[NodeFigures], now: datetime) -> dict[str, Any]:
    return {
        "at": iso(max((node.at for node in nodes), default=None)),
        "lanes": _lanes(alias, nodes, now),
        "running": _running(alias, now),
        "events": _events(alias),
    }


def _lanes(alias: str, nodes: Sequence[NodeFigures], now: datetime) -> list[Row]:
    """One for each living worker. Its memory and CPU come from the snapshot, which is newer than its row."""
    rows = WorkerSnapshot.objects.using(alias).filter(node__in=[node.node for node in nodes], ended_at=None)
    rows = rows.exclude(state=WorkerState.TERMINATED).order_by("node", "slot")
    workers = list(rows.values(*LANE_COLUMNS))
    measured = {lane["id"]: lane for node in nodes for lane in node.data.get("lanes") or ()}
    jobs = _jobs_of(alias, workers)
    return [_lane(worker, measured.get(worker["id"], worker), jobs, now) for worker in workers]


def _current(worker: Row) -> UUID | None:
    """The job it executes, which nodes write in the spelling of their database."""
    return parse_id(worker["current_jobs"][0]) if worker["current_jobs"] else None


def _jobs_of(alias: str, workers: Sequence[Row]) -> dict[UUID, Row]:
    ids = [job for worker in workers if (job := _current(worker)) is not None]
    found = Job.objects.using(alias).filter(pk__in=ids).order_by() if ids else Job.objects.none()
    return {job["id"]: dict(job) for job in found.values("id", "task", "status", "started_at")}


def _lane(worker: Row, measured: Row, jobs: dict[UUID, Row], now: datetime) -> Row:
    current = _current(worker)
    job = jobs.get(current) if current else None
    since = job["started_at"] if job and job["status"] in EXECUTING else None
    return {
        "id": worker["id"],
        "node": worker["node"],
        "slot": worker["slot"],
        "pid": worker["pid"],
        "state": worker["state"],
        "healthy": worker["healthy"],
        "job": str(current) if current else None,
        "task": job["task"] if job else None,
        "since": _seconds(since, now),
        "rss": measured["rss"],
        "cpu": measured["cpu"],
        "jobs_completed": worker["jobs_completed"],
        "jobs_failed": worker["jobs_failed"],
    }


def _running(alias: str, now: datetime) -> list[Row]:
    """The jobs that run longest. There are never more of them than workers and their streams."""
    jobs = Job.objects.using(alias).filter(status=JobStatus.RUNNING).order_by("started_at")
    return [_running_job(job, now) for job in jobs.values(*RUNNING_COLUMNS)[:MOST_RUNNING]]


def _running_job(job: Row, now: datetime) -> Row:
    return {
        "id": str(job["id"]),
        "task": job["task"],
        "queue": job["queue"],
        "tenant": job["tenant"],
        "worker": job["worker"] or None,
        "attempt": job["attempts"],
        "timeout": job["timeout"],
        "started_at": iso(job["started_at"]),
        "since": _seconds(job["started_at"], now),
        "progress": job["progress"],
        "progress_message": job["progress_message"],
        "cancelling": job["cancel_requested_at"] is not None,
    }


def _events(alias: str) -> list[Row]:
    events = PoolEvent.objects.using(alias).order_by("-id").values(*EVENT_COLUMNS)
    told = [_event(event) for event in events[:EVENTS_LOOKED_AT] if event["level"] != EVERYDAY]
    return told[:MOST_EVENTS]


def _event(event: Row) -> Row:
    return {
        "id": event["id"],
        "at": iso(event["at"]),
        "name": event["name"],
        "level": event["level"],
        "node": event["node"] or None,
        "worker": event["worker"] or None,
        "job": None if event["job"] is None else str(event["job"]),
        "actor": event["actor"] or None,
        "text": in_words(event["name"], event["actor"], event["data"]),
    }


def _seconds(since: datetime | None, now: datetime) -> float | None:
    return None if since is None else round(max((now - since).total_seconds(), 0.0), 3)
