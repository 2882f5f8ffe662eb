"""What an action answers when it is done, failed or refused: a message where the form was, or JSON for a script."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from dashboard import access
from dashboard.pages.frame import UNDO, plain_page, turn_away
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


def switched(changed: bool, now: str, already: str, back: str, **fields: str) -> Said:
    """What a switch says: how it stands now, with the form that turns it back; or that it stood so before."""
    return Said(now, undo=back, undo_fields=fields) if changed else Said(already, messages.WARNING)


def answer(request: HttpRequest, said: Said) -> HttpResponse:
    """Say what came of it, with its way back."""
    if _wants_json(request):
        level = messages.DEFAULT_TAGS[said.level]
        undo = {"url": said.undo, "fields": dict(said.undo_fields)} if said.undo else None
        return JsonResponse({"text": said.text, "level": level, "undo": undo})
    tags = f"{UNDO}{said.undo}?{urlencode(said.undo_fields)}" if said.undo else ""
    messages.add_message(request, said.level, said.text, extra_tags=tags)
    return _back(request)


def failed(request: HttpRequest, error: Exception) -> HttpResponse:
    """Say why it could not be done."""
    status, text = ERRORS[type(error)], str(error) or "There is no such job."
    if _wants_json(request):
        return problem(status, text)
    if isinstance(error, JobNotFound):
        return plain_page(request, status, "No such job", text)
    messages.error(request, text)
    return _back(request)


def turned_away(request: HttpRequest, refusal: access.Refusal) -> HttpResponse:
    """Say why somebody may not do it, or lead them to the login."""
    if _wants_json(request):
        return refused(refusal)
    if refusal.status == HTTPStatus.UNAUTHORIZED:
        return HttpResponseRedirect(reverse("admin:login"))
    return turn_away(request, refusal)


def came_from(request: HttpRequest) -> str:
    """Where the form was; never another site."""
    url = request.POST.get("next", "")
    is_ours = url.startswith("/") and url_has_allowed_host_and_scheme(url, allowed_hosts=None)
    return url if is_ours else reverse("dashboard:overview")


def _back(request: HttpRequest) -> HttpResponse:
    return HttpResponseRedirect(came_from(request), status=303)


def _wants_json(request: HttpRequest) -> bool:
    return request.headers.get("Accept", "").startswith("application/json")
