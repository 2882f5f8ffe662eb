"""What is done with many jobs at once: those that were selected in a list, or a whole group of dead letters."""

import uuid
from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from dashboard.actions.answers import Said, came_from
from dashboard.actions.deed import deed
from dashboard.policy import Action
from pool.domain.ids import parse_id
from pool.domain.wording import counted
from pool.store.bulk import BulkAnswer, cancel_many, discard_many, retry_many
from pool.store.dead_letters import dead_ids
from pool.store.operate import Actor

MOST_AT_ONCE = 1000
"""Jobs that one press of a button changes; a larger group says how many are left."""

VERBS: dict[str, tuple[Action, Callable[..., BulkAnswer]]] = {
    "cancel": (Action.CANCEL, cancel_many),
    "retry": (Action.RETRY, retry_many),
    "discard": (Action.DISCARD, discard_many),
}


def _selected(verb: str) -> Callable[..., HttpResponse]:
    action, change = VERBS[verb]

    def do(request: HttpRequest, by: Actor) -> Said | HttpResponse:
        ids = [pk for text in request.POST.getlist("id")[:MOST_AT_ONCE] if (pk := parse_id(text)) is not None]
        if not ids:
            return Said("No job is selected.", messages.WARNING)
        if not request.POST.get("confirmed"):
            return _confirm(request, verb, ids)
        return Said(_outcome(verb, change(ids, by)))

    do.__name__ = f"{verb}_selected"
    return deed(action)(do)


cancel_selected, retry_selected, discard_selected = map(_selected, VERBS)


def _group(verb: str) -> Callable[..., HttpResponse]:
    action, change = VERBS[verb]

    def do(request: HttpRequest, by: Actor) -> Said:
        task, error = request.POST.get("task", ""), request.POST.get("error", "")
        ids = dead_ids(task, error, MOST_AT_ONCE + 1)
        if not ids:
            return Said("There are no such dead letters any more.", messages.WARNING)
        text = _outcome(verb, change(ids[:MOST_AT_ONCE], by))
        more = " There are more: press again for the next ones." if len(ids) > MOST_AT_ONCE else ""
        return Said(text + more)

    do.__name__ = f"{verb}_group"
    return deed(action)(do)


retry_group, discard_group = _group("retry"), _group("discard")


def _confirm(request: HttpRequest, verb: str, ids: list[uuid.UUID]) -> HttpResponse:
    """Ask once more, for browsers that could not ask on the page itself."""
    context = {"verb": verb, "ids": ids, "jobs": _jobs(len(ids)), "back": came_from(request)}
    return render(request, "dashboard/confirm.html", context)


def _outcome(verb: str, answer: BulkAnswer) -> str:
    past = {"cancel": "cancelled", "retry": "waiting again", "discard": "discarded"}[verb]
    parts = [f"{_jobs(answer.done)} {past}"] if answer.done or not answer.requested else []
    if answer.requested:
        parts.append(f"{_jobs(answer.requested)} asked to end")
    if answer.passed_over:
        parts.append(f"{_jobs(answer.passed_over)} left as they were")
    return f"{', '.join(parts)}."


def _jobs(count: int) -> str:
    return counted(count, "job", "jobs")
