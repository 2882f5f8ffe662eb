"""Queues in Django admin: they can be paused and resumed, and their weight and limits be set."""

from collections.abc import Callable, Sequence
from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from dashboard.admin.limits import Tuned
from dashboard.admin.verbs import Do, Verb, as_action, may
from dashboard.policy import Action
from pool.admin import QueueAdmin
from pool.domain.tuning import QUEUE_KNOBS
from pool.models import Queue
from pool.store.operate import Actor, pause, resume
from pool.store.tune import tune_queue


def over(change: Callable[[str, Actor], bool], past: str) -> Do:
    """Pause or resume many queues, and say how many were not so before."""

    def do(keys: Sequence[str], by: Actor) -> str:
        changed = sum(change(name, by) for name in keys)
        return f"Queues: {changed} {past}, {len(keys) - changed} were so already."

    return do


PAUSE = Verb(
    Action.PAUSE,
    "Pause the chosen queues",
    "No further job of these queues starts until they are resumed. What runs, runs on.",
    over(pause, "paused"),
)
RESUME = Verb(
    Action.RESUME, "Resume the chosen queues", "The jobs of these queues start again.", over(resume, "open again")
)

admin.site.unregister(Queue)


@admin.register(Queue)
class SteeredQueueAdmin(Tuned, QueueAdmin):
    knobs = QUEUE_KNOBS
    tune = staticmethod(tune_queue)
    actions = (as_action(PAUSE), as_action(RESUME))

    def has_pause_permission(self, request: HttpRequest) -> bool:
        return may(request, Action.PAUSE)

    def has_resume_permission(self, request: HttpRequest) -> bool:
        return may(request, Action.RESUME)

    def rows_of(self, keys: Sequence[str]) -> list[tuple[Any, ...]]:
        return [(name,) for name in keys]
