"""Where running jobs are just now, for whoever looks at one. The node that runs it is asked by a ring of the doorbell.

The answer is the one piece of the job's log in the stream STACK: each replaces the one before. A ring may be lost, so
whoever goes on looking asks again.
"""

from datetime import datetime, timedelta

from pool.conf import database_alias
from pool.domain.states import STACK, JobStatus
from pool.models import Job, JobLog
from pool.store.doorbell import STACK_OF, ring

FRESH = timedelta(seconds=4)
"""A stack no older than this is not asked for again."""


def look(job: Job, now: datetime) -> JobLog | None:
    """The last stack that is known of the job's present attempt; of one that runs, another is asked for."""
    alias = database_alias()
    last = JobLog.objects.using(alias).filter(job=job, epoch=job.epoch, stream=STACK).order_by("-id").first()
    if job.status == JobStatus.RUNNING and (last is None or now - last.at > FRESH):
        ring(alias, f"{STACK_OF}{job.pk.hex}")
    return last
