"""What is done with one job: cancel, retry and discard."""

import uuid

from django.contrib import messages
from django.http import HttpRequest
from django.urls import reverse

from dashboard.actions.answers import Said
from dashboard.actions.deed import deed
from dashboard.policy import Action
from pool.domain.states import JobStatus
from pool.store import operate, read
from pool.store.operate import Actor, CancelAnswer


@deed(Action.CANCEL)
def cancel_job(request: HttpRequest, by: Actor, job_id: uuid.UUID) -> Said:
    was = read.get_job(job_id).status
    answer = operate.cancel(job_id, by)
    if answer is CancelAnswer.CANCELLED:
        # A job that waited for its time would start at once: that is no way back.
        undo = reverse("dashboard:retry", args=[job_id]) if was == JobStatus.PENDING else ""
        return Said("Job cancelled.", undo=undo)
    if answer is CancelAnswer.REQUESTED:
        return Said("Asked the job to end. It has a few seconds before its worker is ended.")
    return Said("The job has already ended.", messages.WARNING)


@deed(Action.RETRY)
def retry_job(request: HttpRequest, by: Actor, job_id: uuid.UUID) -> Said:
    operate.retry(job_id, by)
    return Said("Job is waiting again, with all its attempts.")


@deed(Action.DISCARD)
def discard_job(request: HttpRequest, by: Actor, job_id: uuid.UUID) -> Said:
    operate.discard(job_id, by)
    return Said("Dead letter discarded. It can still be retried from its own page.")
