"""A waiting job's place: how many come before it, in the order in which jobs are claimed. Reads only.

Counted along an index, and never beyond MOST_AHEAD: what is further back is not worth the reading.
"""

from django.db.models import QuerySet

from pool.conf import database_alias
from pool.domain.estimating import MOST_AHEAD
from pool.domain.states import JobStatus
from pool.models import Job


def position(job: Job) -> int | None:
    """Count the jobs before a PENDING one in its queue; None for other jobs and beyond MOST_AHEAD."""
    if job.status != JobStatus.PENDING:
        return None
    return ahead(Job.objects.using(database_alias()).filter(status=JobStatus.PENDING, queue=job.queue), job)


def ahead(waiting: QuerySet[Job], job: Job) -> int | None:
    """Count those of the waiting jobs that go before this one; None beyond MOST_AHEAD."""
    waiting = waiting.order_by()
    same = waiting.filter(priority=job.priority)
    # Three ranges of the index instead of one condition that no index answers.
    ranges = (
        waiting.filter(priority__gt=job.priority),
        same.filter(rank__lt=job.rank),
        same.filter(rank=job.rank, id__lt=job.pk),
    )
    count = 0
    for jobs in ranges:
        found = up_to(jobs, MOST_AHEAD - count)
        if found is None:
            return None
        count += found
    return count


def own_before(job: Job) -> int | None:
    """Count the jobs of a PENDING job's own tenant that have their turn before it; None beyond MOST_AHEAD."""
    turns = Job.objects.using(database_alias()).filter(finished_at=None, rank__gt=0, tenant=job.tenant)
    turns = turns.filter(status=JobStatus.PENDING)
    return up_to(turns.filter(queue=job.queue, priority=job.priority, rank__lt=job.rank).order_by(), MOST_AHEAD)


def up_to(jobs: QuerySet[Job], most: int) -> int | None:
    """Count jobs; None when there are more than so many."""
    count = jobs.values("id")[: most + 1].count()
    return None if count > most else count
