"""What the checks read of a site's database. Runs in the side process; plain values go over."""

from typing import NamedTuple

STUCK_SHOWN = 30
INDEXED = ("SCHEDULED", "BLOCKED", "PENDING", "ASSIGNED", "RUNNING")


class JobRow(NamedTuple):
    job: str
    """Its id, without hyphens."""
    key: str
    kind: str
    status: str
    epoch: int
    attempts: int
    attempts_base: int
    interruptions: int
    losses: int
    max_attempts: int
    has_result: bool
    result_attempt: int
    cancel_requested: bool
    finished: bool
    batch: str = ""
    """Its id, without hyphens."""


class Tie(NamedTuple):
    """A job waits for another, or for a batch."""

    child: str
    parent: str
    wants: str


class BatchRow(NamedTuple):
    batch: str
    total: int
    completed: int
    failed: int
    cancelled: int
    finished: bool


class AttemptRow(NamedTuple):
    job: str
    epoch: int
    number: int
    outcome: str


def jobs() -> list[JobRow]:
    from pool.domain.states import TERMINAL
    from pool.models import Job

    columns = ("id", "args", "task", "status", "epoch", "attempts", "attempts_base", "interruptions", "losses")
    more = ("max_attempts", "result", "cancel_requested_at", "finished_at", "batch")
    found = []
    for pk, args, task, status, *counts, result, asked, finished, batch in (
        Job.objects.order_by().values_list(*columns, *more).iterator()
    ):
        number = result[0] if isinstance(result, list) and result else 0
        kind = task.rpartition(".")[2]
        ended = finished is not None and status in TERMINAL
        said = (result is not None, number, asked is not None, ended)
        found.append(JobRow(pk.hex, args[0], kind, status, *counts, *said, batch.hex if batch else ""))
    return found


def ties() -> list[Tie]:
    from pool.models import JobDependency

    found = JobDependency.objects.order_by().values_list("child", "parent", "wants")
    return [Tie(child.hex, parent.hex, wants) for child, parent, wants in found.iterator()]


def batches() -> list[BatchRow]:
    from pool.models import Batch

    found = Batch.objects.order_by().values_list("id", "total", "completed", "failed", "cancelled", "finished_at")
    return [BatchRow(id.hex, *counts, finished is not None) for id, *counts, finished in found.iterator()]


def attempts() -> list[AttemptRow]:
    from pool.models import Attempt

    found = Attempt.objects.order_by().values_list("job_id", "epoch", "number", "outcome")
    return [AttemptRow(job.hex, *rest) for job, *rest in found.iterator()]


def audited() -> set[str]:
    """Jobs of which an event says that somebody cancelled them."""
    from pool.models import PoolEvent

    found = PoolEvent.objects.filter(name__in=("job.cancelled", "job.cancel_requested"))
    return {job.hex for job in found.order_by().values_list("job", flat=True)}


def unfinished() -> int:
    """Jobs that have not ended, by the indexes of those who wait and run: it is asked again and again.

    In one statement: a job that fails meanwhile goes from those who run back to those who wait, and would be with
    neither. And what has yet to be added to batches.
    """
    from pool.models import BatchChange, Job

    first, *others = (Job.objects.order_by().filter(status=status).values("pk") for status in INDEXED)
    return first.union(*others, all=True).count() + BatchChange.objects.count()


def figures() -> dict[str, int]:
    """The counters of `/metrics`."""
    from pool.store import status

    return dict(status.pool_status()["tasks"])


def state() -> str:
    """Where everything stands, for a report of a run that did not come to its end."""
    from pool.domain.states import TERMINAL
    from pool.models import Job, Node, Queue

    stuck = Job.objects.exclude(status__in=TERMINAL).order_by("id").values()[:STUCK_SHOWN]
    lines = [f"job {dict(job)}" for job in stuck]
    lines += [f"node {dict(node)}" for node in Node.objects.order_by("-started_at").values()[:10]]
    lines += [f"queue {dict(queue)}" for queue in Queue.objects.values()]
    return "\n".join(line[:1500] for line in lines)


def token() -> str:
    from django.contrib.auth import get_user_model

    from pool.store.tokens import create_token

    _, text = create_token(get_user_model().objects.create_superuser("chaos"), "chaos")
    return text


def resume_all() -> int:
    from pool.models import Queue
    from pool.store import operate

    return sum(operate.resume(name) for name in Queue.objects.values_list("name", flat=True))
