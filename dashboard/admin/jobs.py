"""Jobs in Django admin: read only, except that they can be cancelled, retried and discarded."""

import uuid
from collections.abc import Callable, Sequence
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse

from dashboard.admin.verbs import Do, Verb, as_action, may
from dashboard.policy import Action
from pool.admin import JobAdmin
from pool.conf import database_alias
from pool.domain.ids import parse_id
from pool.models import Job
from pool.store.bulk import BulkAnswer, cancel_many, discard_many, retry_many
from pool.store.operate import Actor

Change = Callable[[Sequence[uuid.UUID], Actor], BulkAnswer]


def over(change: Change, past: str) -> Do:
    """Carry out a change of many jobs, and say of how many."""

    def do(keys: Sequence[str], by: Actor) -> str:
        answer = change([pk for key in keys if (pk := parse_id(key)) is not None], by)
        parts = [f"{answer.done} {past}"]
        if answer.requested:
            parts.append(f"{answer.requested} asked to end")
        if answer.passed_over:
            parts.append(f"{answer.passed_over} left as they were")
        return f"Jobs: {', '.join(parts)}."

    return do


CANCEL = Verb(
    Action.CANCEL,
    "Cancel the chosen jobs",
    "Those that wait will never start. Those that run are asked to end, and are ended if they do not.",
    over(cancel_many, "cancelled"),
)
RETRY = Verb(
    Action.RETRY,
    "Retry the chosen jobs",
    "Those that failed, timed out or were cancelled start again, with a fresh budget of attempts.",
    over(retry_many, "waiting again"),
)
DISCARD = Verb(
    Action.DISCARD,
    "Discard the chosen dead letters",
    "They leave the list of dead letters, and are removed with the finished jobs.",
    over(discard_many, "discarded"),
)

admin.site.unregister(Job)


@admin.register(Job)
class SteeredJobAdmin(JobAdmin):
    actions = (as_action(CANCEL), as_action(RETRY), as_action(DISCARD))

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        return may(request, Action.CANCEL)

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return may(request, Action.RETRY)

    def has_discard_permission(self, request: HttpRequest) -> bool:
        return may(request, Action.DISCARD)

    def view_on_site(self, job: Job) -> str:
        """Lead to the live page of the job."""
        return reverse("dashboard:job", args=[job.pk])

    def rows_of(self, keys: Sequence[str]) -> list[tuple[Any, ...]]:
        """What the page that asks shows of the first chosen jobs."""
        jobs = Job.objects.using(database_alias()).filter(pk__in=keys).order_by("-pk")
        return [(pk, task, status) for pk, task, status in jobs.values_list("pk", "task", "status")]
