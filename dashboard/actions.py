"""What people do from the pages: one view for each verb, POST only.

Each asks `dashboard.access` for leave, calls one of the store's verbs with who asked and from where, says what came of
it, and leads back to where the form was. A script that asks for JSON gets the same words without a new page.
"""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_POST

from dashboard import access
from dashboard.browser import send_policy
from dashboard.pages.frame import UNDO, plain_page, turn_away
from dashboard.policy import Action
from dashboard.problems import problem, refused
from pool.domain.errors import (
    AlertNotFound,
    InvalidOption,
    InvalidSchedule,
    JobNotFound,
    NoSchedules,
    NotPossible,
    NotReady,
    QueueFull,
    ScheduleNotFound,
    WorkerNotFound,
)
from pool.domain.ids import parse_id
from pool.domain.states import JobStatus
from pool.domain.tuning import QUEUE_KNOBS, read_text
from pool.domain.wording import number
from pool.store import operate, read, tune
from pool.store.bulk import BulkAnswer, cancel_many, discard_many, retry_many
from pool.store.dead_letters import dead_ids
from pool.store.health import check_health
from pool.store.muting import mute_alert, unmute_alert
from pool.store.operate import Actor, CancelAnswer

MOST_AT_ONCE = 1000
"""Jobs that one press of a button changes; a larger group says how many are left."""

ERRORS: dict[type[Exception], int] = {
    JobNotFound: 404,
    AlertNotFound: 404,
    WorkerNotFound: 404,
    ScheduleNotFound: 404,
    NoSchedules: 404,
    InvalidOption: 400,
    NotPossible: 409,
    NotReady: 409,
    InvalidSchedule: 409,
    QueueFull: 429,
}


@dataclass(frozen=True, slots=True)
class Said:
    """What came of an action, and the form that would take it back."""

    text: str
    level: int = messages.SUCCESS
    undo: str = ""
    undo_fields: Mapping[str, Any] = field(default_factory=dict)


Deed = Callable[..., Said | HttpResponse]


def deed(action: Action) -> Callable[[Deed], Callable[..., HttpResponse]]:
    """A view that does one thing for those who may."""

    def made(do: Deed) -> Callable[..., HttpResponse]:
        @wraps(do)
        def guarded(request: HttpRequest, **kwargs: Any) -> HttpResponse:
            decision = access.decide(request, action)
            if isinstance(decision, access.Refusal):
                return send_policy(_turned_away(request, decision))
            try:
                said = do(request, decision.actor("page"), **kwargs)
            except tuple(ERRORS) as error:
                return send_policy(_failed(request, error))
            return send_policy(said if isinstance(said, HttpResponse) else _answer(request, said))

        return require_POST(never_cache(csrf_protect(guarded)))

    return made


# One job -----------------------------------------------------------------------


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


# Many jobs ---------------------------------------------------------------------

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

# Queues, pool and nodes --------------------------------------------------------


@deed(Action.PAUSE)
def pause_queue(request: HttpRequest, by: Actor) -> Said:
    queue = request.POST.get("queue", "")
    if not operate.pause(queue, by):
        return Said(f"Queue {queue} was paused already.", messages.WARNING)
    return Said(f"Queue {queue} is paused.", undo=reverse("dashboard:resume"), undo_fields={"queue": queue})


@deed(Action.RESUME)
def resume_queue(request: HttpRequest, by: Actor) -> Said:
    queue = request.POST.get("queue", "")
    if not operate.resume(queue, by):
        return Said(f"Queue {queue} was open already.", messages.WARNING)
    return Said(f"Queue {queue} is open again.", undo=reverse("dashboard:pause"), undo_fields={"queue": queue})


@deed(Action.TUNE)
def tune_queue(request: HttpRequest, by: Actor) -> Said:
    queue = request.POST.get("queue", "")
    changes = {name: _number(request.POST[name], name) for name in QUEUE_KNOBS if name in request.POST}
    changed = tune.tune_queue(queue, changes, by)
    if not changed:
        return Said(f"Queue {queue} is as it was.", messages.WARNING)
    before = {name: "" if was is None else was for name, (was, _) in changed.items()}
    fields = {"queue": queue, **before}
    return Said(f"The limits of queue {queue} are changed.", undo=reverse("dashboard:tune"), undo_fields=fields)


@deed(Action.SCALE)
def scale_pool(request: HttpRequest, by: Actor) -> Said:
    before = operate.wanted_size()
    if request.POST.get("size") == operate.AUTO:
        operate.follow_load(by)
        return Said("The number of workers follows the load.")
    step = _whole(request.POST.get("step"), "step")
    size = _whole(request.POST.get("size"), "number of workers") if step is None else before + step
    if size is None:
        raise InvalidOption("Say how many workers there should be.")
    operate.scale(size, by)
    undo = reverse("dashboard:scale") if before and before != size else ""
    text = f"Scaling to {number(size)} {'worker' if size == 1 else 'workers'}."
    return Said(text, undo=undo, undo_fields={"size": before})


@deed(Action.RESTART)
def restart_workers(request: HttpRequest, by: Actor) -> Said:
    asked = operate.request_restart(by, request.POST.get("node", ""))
    if not asked:
        raise NotPossible("No such node is running.")
    return Said("Every worker will be replaced, busy ones after their job.")


@deed(Action.CHECK)
def check_workers(request: HttpRequest, by: Actor) -> Said:
    asked = check_health(by, wait_s=0.0)["checked"]
    if not asked:
        raise NotPossible("No worker is running.")
    workers = "1 worker" if asked == 1 else f"{number(asked)} workers"
    return Said(f"Asked {workers} for a sign of life. Each shows its last beat here.")


@deed(Action.MUTE)
def mute(request: HttpRequest, by: Actor, alert: int) -> Said:
    seconds = _whole(request.POST.get("seconds"), "number of seconds")
    muted = mute_alert(alert, seconds, by)
    return Said(f"Nobody is told of this any more: {muted['message']}", undo=reverse("dashboard:unmute", args=[alert]))


@deed(Action.MUTE)
def unmute(request: HttpRequest, by: Actor, alert: int) -> Said:
    told = unmute_alert(alert, by)
    return Said(f"This is told again: {told['message']}", undo=reverse("dashboard:mute", args=[alert]))


def _number(text: str, name: str) -> float | int | None:
    try:
        return read_text(text[:30])
    except ValueError:
        raise InvalidOption(f"{name} must be a number, or empty, not {text[:20]!r}.") from None


def _whole(text: str | None, what: str) -> int | None:
    if not text:
        return None
    try:
        return int(text[:10])
    except ValueError:
        raise InvalidOption(f"The {what} must be a whole number, not {text[:20]!r}.") from None


def _outcome(verb: str, answer: BulkAnswer) -> str:
    past = {"cancel": "cancelled", "retry": "waiting again", "discard": "discarded"}[verb]
    parts = [f"{_jobs(answer.done)} {past}"] if answer.done or not answer.requested else []
    if answer.requested:
        parts.append(f"{_jobs(answer.requested)} asked to end")
    if answer.passed_over:
        parts.append(f"{_jobs(answer.passed_over)} left as they were")
    return f"{', '.join(parts)}."


def _jobs(count: int) -> str:
    return "1 job" if count == 1 else f"{number(count)} jobs"


# Answers -----------------------------------------------------------------------


def _answer(request: HttpRequest, said: Said) -> HttpResponse:
    if _wants_json(request):
        level = messages.DEFAULT_TAGS[said.level]
        undo = {"url": said.undo, "fields": dict(said.undo_fields)} if said.undo else None
        return JsonResponse({"text": said.text, "level": level, "undo": undo})
    tags = f"{UNDO}{said.undo}?{urlencode(said.undo_fields)}" if said.undo else ""
    messages.add_message(request, said.level, said.text, extra_tags=tags)
    return _back(request)


def _failed(request: HttpRequest, error: Exception) -> HttpResponse:
    status, text = ERRORS[type(error)], str(error) or "There is no such job."
    if _wants_json(request):
        return problem(status, text)
    if isinstance(error, JobNotFound):
        return plain_page(request, status, "No such job", text)
    messages.error(request, text)
    return _back(request)


def _turned_away(request: HttpRequest, refusal: access.Refusal) -> HttpResponse:
    if _wants_json(request):
        return refused(refusal)
    if refusal.status == HTTPStatus.UNAUTHORIZED:
        return HttpResponseRedirect(reverse("admin:login"))
    return turn_away(request, refusal)


def _confirm(request: HttpRequest, verb: str, ids: list[uuid.UUID]) -> HttpResponse:
    """Ask once more, for browsers that could not ask on the page itself."""
    context = {"verb": verb, "ids": ids, "jobs": _jobs(len(ids)), "back": _next(request)}
    return render(request, "dashboard/confirm.html", context)


def _back(request: HttpRequest) -> HttpResponse:
    return HttpResponseRedirect(_next(request), status=303)


def _next(request: HttpRequest) -> str:
    """Where the form was; never another site."""
    url = request.POST.get("next", "")
    is_ours = url.startswith("/") and url_has_allowed_host_and_scheme(url, allowed_hosts=None)
    return url if is_ours else reverse("dashboard:overview")


def _wants_json(request: HttpRequest) -> bool:
    return request.headers.get("Accept", "").startswith("application/json")
