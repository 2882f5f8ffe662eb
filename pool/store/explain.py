"""Why a job does not run yet, and when it may start: what the rules of `pool.domain.explaining` need, read and judged.

Asked by commands, pages, the API and users' code, over Django's connection. A fixed number of statements, each along an
index and none past a bound, so the answer costs the same whatever waits. Reads only.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connections
from django.db.models import QuerySet, Sum
from django.utils import timezone

from pool.conf import database_alias, get_config
from pool.domain.blockers import Blocker, Explanation
from pool.domain.estimating import Estimate, measured
from pool.domain.explaining import explain as judge
from pool.domain.figures import NodeFigures
from pool.domain.states import EXECUTING, WAITING, JobStatus, NodeState
from pool.domain.token_bucket import filled
from pool.domain.waiting import (
    Facts,
    HolderFacts,
    KeyFacts,
    LineFacts,
    Parent,
    ParentFacts,
    PoolFacts,
    QueueFacts,
)
from pool.models import Job, JobDependency, KeyRate, Node, Queue, Tally, Tenant
from pool.store.family import Relative, unmet
from pool.store.keys import FIRSTS
from pool.store.offers import offers
from pool.store.own_facts import own_facts
from pool.store.place import ahead, own_before, position
from pool.store.presence import lives, living_nodes
from pool.store.read import get_job
from pool.store.snapshots import latest
from pool.store.status import iso

MOST_PARENTS = 20
"""Unmet parents that are named."""


def explain(job: Any) -> dict[str, Any]:
    """Say why a job does not run yet, where it stands and when it may start. Raises JobNotFound.

    The job is a result, an id, or what `get_job` gave.
    """
    id = job["id"] if isinstance(job, Mapping) else getattr(job, "id", job)
    return as_dict(found := get_job(id), explanation(found))


def explanation(job: Job, now: datetime | None = None) -> Explanation:
    """Read what decides about the job, and judge it."""
    now, own = now or timezone.now(), own_facts(job)
    if own.status not in WAITING:
        return judge(Facts(now, own, holder=_holder(job) if own.status in EXECUTING else None))
    is_next = own.status is JobStatus.PENDING
    figures = latest(database_alias(), now)
    facts = Facts(
        now,
        own,
        queue=_queue(job, now),
        key=_key(job, now) if job.limit_key else None,
        parents=_parents(job) if own.status is JobStatus.BLOCKED and job.waits_for > 0 else None,
        pool=_pool(job, figures, now),
        line=_line(job, figures) if is_next else None,
    )
    return judge(facts)


def as_dict(job: Job, told: Explanation) -> dict[str, Any]:
    """Give an explanation ready for JSON."""
    return {
        "id": str(job.pk),
        "status": job.status,
        "summary": told.summary,
        "position": told.before,
        "more_before": told.more_before,
        "estimate": None if told.estimate is None else _estimate_dict(told.estimate),
        "blockers": [_blocker_dict(one) for one in told.blockers],
        "parents": None if told.parents is None else _parents_dict(told.parents),
    }


# The facts ----------------------------------------------------------------------


def _queue(job: Job, now: datetime) -> QueueFacts:
    alias, config = database_alias(), get_config()
    row = Queue.objects.using(alias).filter(pk=job.queue).first() or Queue(name=job.queue, paused=False)
    most = (config.max_waiting if row.max_waiting is None else row.max_waiting) or None
    counted = _counted(job.queue) if most or row.max_running is not None else {}
    return QueueFacts(
        paused=row.paused,
        paused_at=row.paused_at,
        only=config.queues,
        max_running=row.max_running,
        executing=counted.get("executing", 0),
        rate=row.rate,
        opens_at=None if row.rate is None else _opens_at(row.rate, row.burst, row.tokens, row.tokens_at, now),
        max_waiting=most,
        waiting=sum(counted.get(gauge, 0) for gauge in ("scheduled", "blocked", "pending")),
        tight_at=config.backpressure_at,
    )


def _counted(queue: str) -> dict[str, int]:
    """The queue's counters, which are kept; only queues with limits need them."""
    rows = Tally.objects.using(database_alias()).filter(queue=queue).order_by()
    gauges = ("scheduled", "blocked", "pending", "executing")
    sums = rows.aggregate(**{f"{name}_sum": Sum(name) for name in gauges})
    return {name: max(int(sums[f"{name}_sum"] or 0), 0) for name in gauges}


def _opens_at(
    rate: float, burst: float | None, tokens: float | None, at: datetime | None, now: datetime
) -> datetime | None:
    """When a rate lets the next job start; None: now."""
    bucket = filled(rate, burst, tokens or 0.0, None if at is None else at.timestamp(), now.timestamp())
    return None if bucket.ready else now + timedelta(seconds=bucket.wait_s())


def _key(job: Job, now: datetime) -> KeyFacts:
    rows = Job.objects.using(database_alias()).filter(limit_key__gt="", limit_key=job.limit_key).order_by()
    executing = sum(rows.filter(status=status).count() for status in sorted(EXECUTING)) if job.limit_running else 0
    before: int | None = 0
    if job.status == JobStatus.BLOCKED:
        before = ahead(waiting_for_key(job.limit_key), job)
    opens_at = None
    if job.limit_rate is not None:
        bucket = KeyRate.objects.using(database_alias()).filter(pk=job.limit_key).first()
        # A key without a bucket has let nothing start yet.
        opens_at = None if bucket is None else _opens_at(job.limit_rate, None, bucket.tokens, bucket.at, now)
    return KeyFacts(executing, before, opens_at)


def waiting_for_key(key: str) -> QuerySet[Job]:
    """Jobs that wait for room of the key, but for those of paused queues: they stand before nobody else."""
    with connections[database_alias()].cursor() as cursor:
        cursor.execute(FIRSTS, (key, key, key))
        queues = [queue for queue, _ in cursor.fetchall()]
    # In the words of their index.
    jobs = Job.objects.using(database_alias()).exclude(limit_key="").filter(status=JobStatus.BLOCKED)
    return jobs.filter(limit_key=key, queue__in=queues, waits_for=0, lacks="")


def _parents(job: Job) -> ParentFacts:
    left = unmet(job, MOST_PARENTS)
    # Of parents that ended long ago no row may be left.
    kept = JobDependency.objects.using(database_alias()).filter(child=job.pk).count()
    total = max(kept, job.waits_for)
    return ParentFacts(total - job.waits_for, total, [_parent(one) for one in left.shown], left.are_more)


def _parent(one: Relative) -> Parent:
    if one.batch is not None:
        batch = one.batch
        done = batch.completed + batch.failed + batch.cancelled
        return Parent(str(one.id), batch.name, True, None, one.wants, done, batch.total)
    if one.job is not None:
        return Parent(str(one.id), one.job.task, status=JobStatus(one.job.status), wants=one.wants)
    return Parent(str(one.id), wants=one.wants)


def _pool(job: Job, figures: list[NodeFigures], now: datetime) -> PoolFacts:
    nodes = living_nodes()
    telling = [one.part("workers") for one in figures]
    counts = {name: sum(part.get(name, 0) for part in telling) for name in ("total", "active", "idle")}
    return PoolFacts(
        nodes=len(nodes),
        draining=sum(node.state == NodeState.DRAINING for node in nodes),
        problems=[(node.host, node.problem) for node in nodes if node.problem],
        workers=counts["total"] if telling else None,
        busy=counts["active"],
        idle=counts["idle"],
        offers=offers(now) if job.requires else None,
    )


def _line(job: Job, figures: list[NodeFigures]) -> LineFacts:
    before, rate = position(job), measured(figures, job.queue)
    if before == 0 or not (job.tenant and job.rank):
        return LineFacts(before, rate=rate)
    weights = Tenant.objects.using(database_alias()).filter(pk=job.tenant).values_list("weight", flat=True)
    weight = weights.first()
    return LineFacts(before, own_before(job), 1.0 if weight is None else weight, rate)


def _holder(job: Job) -> HolderFacts:
    node = Node.objects.using(database_alias()).filter(pk=job.node).first()
    if node is None:
        return HolderFacts()
    if lives(node):
        return HolderFacts(node.host)
    return HolderFacts(node.host, node.last_beat, node.last_beat + timedelta(seconds=get_config().lease_s))


# As JSON ------------------------------------------------------------------------


def _blocker_dict(one: Blocker) -> dict[str, Any]:
    return {
        "code": one.code.value,
        "sentence": one.sentence,
        "subject": one.subject,
        "since": iso(one.since),
        "until": iso(one.until),
        "blocks": one.blocks,
    }


def _estimate_dict(one: Estimate) -> dict[str, Any]:
    return {
        "at": iso(one.at),
        "seconds": round(one.seconds, 3),
        "at_least": one.at_least,
        "sure": None if one.sure is None else one.sure.value,
        "rate": None if one.rate is None else round(one.rate, 3),
    }


def _parents_dict(parents: ParentFacts) -> dict[str, Any]:
    return {
        "done": parents.done,
        "total": parents.total,
        "unmet": [
            {
                "id": str(UUID(one.id)),
                "name": one.name,
                "is_batch": one.is_batch,
                "status": one.status and one.status.value,
                "wants": one.wants,
                "done": one.done,
                "total": one.total,
            }
            for one in parents.unmet
        ],
        "are_more": parents.are_more,
    }
