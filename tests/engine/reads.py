"""What tests of the engine ask of a site's database, beside what the acceptance tests ask. Runs in the side process."""

from collections import Counter
from typing import Any, NamedTuple


class Recount(NamedTuple):
    """Counters by queue: as they are kept, and as the rows say."""

    kept: dict[str, dict[str, int]]
    counted: dict[str, dict[str, int]]


COLUMN_OF = {
    "SCHEDULED": "scheduled",
    "BLOCKED": "blocked",
    "PENDING": "pending",
    "ASSIGNED": "executing",
    "RUNNING": "executing",
    "COMPLETED": "completed",
    "FAILED": "failed",
    "TIMEOUT": "timeout",
    "CANCELLED": "cancelled",
}


def recount() -> Recount:
    """Compare the kept counters with the rows. True for jobs that no operator touched."""
    from pool.conf import database_alias
    from pool.models import Job
    from pool.store import tally

    kept = tally.sums(database_alias())
    counted: dict[str, dict[str, int]] = {}
    for queue, status in Job.objects.order_by().values_list("queue", "status"):
        sums = counted.setdefault(queue, dict.fromkeys((*COLUMN_OF.values(), "dead", "submitted"), 0))
        sums[COLUMN_OF[status]] += 1
        sums["submitted"] += 1
        sums["dead"] += status in ("FAILED", "TIMEOUT")
    names = (*COLUMN_OF.values(), "dead", "submitted")
    return Recount({queue: {name: sums[name] for name in names} for queue, sums in kept.items()}, counted)


def unfinished(queue: str) -> int:
    """Jobs of a queue that have not ended."""
    from pool.domain.states import TERMINAL
    from pool.models import Job

    return Job.objects.filter(queue=queue).exclude(status__in=TERMINAL).count()


def statuses_of(jobs: list[str]) -> dict[str, str]:
    from pool.models import Job

    return {str(job): status for job, status in Job.objects.filter(pk__in=jobs).values_list("id", "status")}


def outcomes() -> dict[str, int]:
    """How often attempts of all jobs ended in which way."""
    from pool.models import Attempt

    return dict(Counter(Attempt.objects.order_by().values_list("outcome", flat=True)))


def spent() -> dict[str, tuple[int, int, int, int]]:
    """Of every job: attempts, interruptions, losses, epoch."""
    from pool.models import Job

    rows = Job.objects.values_list("id", "attempts", "interruptions", "losses", "epoch")
    return {str(job): tuple(rest) for job, *rest in rows}  # type: ignore[misc]


def successes_per_job() -> int:
    """The highest number of successes kept of one job."""
    from django.db.models import Count

    from pool.models import Attempt

    most = Attempt.objects.filter(outcome="succeeded").order_by().values("job").annotate(n=Count("id"))
    return max(most.values_list("n", flat=True), default=0)


def pieces(job_id: str) -> list[tuple[str, str]]:
    """What a job said, by stream."""
    from pool.store import read

    return [(piece["stream"], piece["text"]) for piece in read.logs(job_id)]


def queue_exists(name: str) -> bool:
    from pool.models import Queue

    return Queue.objects.filter(name=name).exists()


def rename_task(job_id: str, name: str) -> None:
    """Let a job that waits be one of a task that nobody has any more."""
    from pool.models import Job

    Job.objects.filter(pk=job_id).update(task=name)


def make_due(job_id: str) -> None:
    from django.utils import timezone

    from pool.models import Job

    Job.objects.filter(pk=job_id).update(run_at=timezone.now())


def pool_status() -> dict[str, Any]:
    from pool.store import status

    return status.pool_status()


def ended_workers() -> list[dict[str, Any]]:
    from pool.store import status

    return status.ended_workers()


def operate(verb: str, *args: Any) -> Any:
    """One of the operator's verbs of `pool.store.operate`."""
    from pool.store import operate as verbs

    return getattr(verbs, verb)(*args)


def remove_rows() -> None:
    """Leave the tables as they were when they were made."""
    from django.apps import apps
    from django.db import connection

    tables = [model._meta.db_table for model in apps.get_app_config("pool").get_models()]
    # Rows that refer to others first.
    tables.sort(key=lambda name: name in ("pool_job", "pool_node"))
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"DELETE FROM {table}")


def reconnect() -> None:
    """After the server has closed the connection of the side process."""
    from django.db import connections

    connections.close_all()


def results_of(task: str, key: str) -> list[Any]:
    """One value of the results of all jobs of a task."""
    from pool.models import Job

    return [result[key] for result in Job.objects.filter(task__endswith=task).values_list("result", flat=True)]


def spans_of(jobs: list[str]) -> dict[str, tuple[float, float]]:
    """When jobs that have ended began and ended."""
    from pool.models import Job

    rows: Any = Job.objects.filter(pk__in=jobs, finished_at__isnull=False, started_at__isnull=False)
    found = rows.values_list("id", "started_at", "finished_at")
    return {str(job): (started.timestamp(), finished.timestamp()) for job, started, finished in found}


def tune(queue: str, changes: dict[str, Any]) -> None:
    from pool.store.tune import tune_queue

    tune_queue(queue, changes)


def look_at_stack(job: str) -> str | None:
    """Where a running job is, as its page asks for it; None while nobody knows."""
    from django.utils import timezone

    from pool.store import read, stacks

    found = stacks.look(read.get_job(job), timezone.now())
    return None if found is None else found.text


def stacks_kept(job: str) -> int:
    from pool.models import JobLog

    return JobLog.objects.filter(job=job, stream="stack").count()


def check_health(wait_s: float) -> dict[str, Any]:
    from pool.store.health import check_health as check

    return check(wait_s=wait_s)


def restart_worker(worker: str) -> bool:
    from pool.store.restart_one import restart_worker as restart

    return restart(worker)
