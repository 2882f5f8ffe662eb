"""What a clerk looks at for its alerts: workers, jobs that should have ended, dead letters, schedules. Reads only.

Every few seconds, over Django's connection. Bounded, whatever the size of the tables: it counts up to a limit and
follows indexes.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q

from pool.domain.alarms import REPLACED_LATELY_S, Sight, Stuck, WorkerSight
from pool.domain.config import PoolConfig
from pool.domain.figures import NodeFigures
from pool.domain.states import DEAD_LETTERS, SILENT, JobStatus
from pool.models import Job, WorkerSnapshot
from pool.store.schedules import late

DEAD_WITHIN = timedelta(hours=1)
MOST_COUNTED = 1000
"""Dead letters of each kind that are looked at, the newest first."""
MOST_RUNNING = 500
ENDED_LATELY = timedelta(seconds=60)
"""A worker that was recycled a moment ago counts, or its successor would look like an improvement."""
SINGLE_LATELY = timedelta(minutes=10)
"""Workers that had one job each are judged together, so their jobs may come further apart."""
MOST_SINGLE = 1000


def look(alias: str, nodes: Sequence[NodeFigures], config: PoolConfig, now: datetime, *, any_dead: bool) -> Sight:
    """Look at what the figures of the nodes do not tell. `any_dead`: there are dead letters at all."""
    return Sight(
        workers=_workers(alias, nodes, now),
        replaced=_replaced(alias, now),
        pressed={worker: share for node in nodes for worker, share in node.part("pressed").items()},
        stuck=_stuck(alias, config, now),
        dead_lately=_dead_lately(alias, now) if any_dead else 0,
        late_schedules=[(one.name, one.late_s) for one in late(alias, now.timestamp())],
        exhausted=sum(bool(node.data.get("exhausted")) for node in nodes),
    )


def _workers(alias: str, nodes: Sequence[NodeFigures], now: datetime) -> list[WorkerSight]:
    living = Q(node__in=[node.node for node in nodes], ended_at=None)
    rows = WorkerSnapshot.objects.using(alias).filter(living | Q(ended_at__gt=now - ENDED_LATELY)).order_by()
    counts = rows.values_list("id", "jobs_completed", "jobs_failed", "kind")
    many = [WorkerSight(worker, failed, completed + failed, kind) for worker, completed, failed, kind in counts]
    return many + _single(alias, now)


def _single(alias: str, now: datetime) -> list[WorkerSight]:
    """Workers that ended after their only job, as one of each kind: of them alone none says anything."""
    ended = WorkerSnapshot.objects.using(alias).filter(ended_at__gt=now - SINGLE_LATELY).order_by("-ended_at")
    finished, failures = Counter[str](), Counter[str]()
    for completed, failed, kind in ended.values_list("jobs_completed", "jobs_failed", "kind")[:MOST_SINGLE]:
        if completed + failed == 1:
            finished[kind] += 1
            failures[kind] += failed
    return [WorkerSight("", failures[kind], finished[kind], kind) for kind in sorted(finished)]


def _replaced(alias: str, now: datetime) -> int:
    since = now - timedelta(seconds=REPLACED_LATELY_S)
    ended = WorkerSnapshot.objects.using(alias).filter(ended_at__gt=since)
    return ended.filter(end_reason__startswith=SILENT).count()


def _stuck(alias: str, config: PoolConfig, now: datetime) -> list[Stuck]:
    graces = config.flag_grace_s + config.exception_grace_s + config.term_grace_s
    rows = Job.objects.using(alias).filter(status=JobStatus.RUNNING).order_by("started_at")
    columns = ("id", "task", "worker", "started_at", "timeout", "cancel_requested_at")
    return [
        Stuck(str(job["id"]), job["task"], job["worker"], late_s - graces)
        for job in rows.values(*columns)[:MOST_RUNNING]
        if (late_s := _late_s(job, now)) > graces
    ]


def _late_s(job: dict[str, Any], now: datetime) -> float:
    """For how long the job should have been ending."""
    due = [job["cancel_requested_at"]] if job["cancel_requested_at"] else []
    if job["timeout"] is not None and job["started_at"] is not None:
        due.append(job["started_at"] + timedelta(seconds=job["timeout"]))
    return max(((now - at).total_seconds() for at in due), default=0.0)


def _dead_lately(alias: str, now: datetime) -> int:
    """Count new dead letters: among the newest jobs of each kind, for they have no index by their end."""
    since = now - DEAD_WITHIN
    return sum(
        at is not None and at > since
        for status in sorted(DEAD_LETTERS)
        for at in Job.objects.using(alias)
        .filter(status=status, discarded_at=None)
        .order_by("-id")
        .values_list("finished_at", flat=True)[:MOST_COUNTED]
    )
