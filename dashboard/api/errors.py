"""What goes wrong in a request, and the problem details it is answered with."""

from collections.abc import Callable
from typing import Any

from django.core.signals import got_request_exception
from django.db import DatabaseError
from django.http import Http404, HttpResponse
from rest_framework import status
from rest_framework.exceptions import APIException, MethodNotAllowed, Throttled
from rest_framework.views import set_rollback

from dashboard.access import Refusal
from dashboard.problems import problem, refused
from pool.domain.errors import (
    InvalidOption,
    InvalidPayload,
    JobNotFound,
    NotPossible,
    NotReady,
    PoolError,
    QueueFull,
    ScheduleNotFound,
    UnknownTask,
    WorkerNotFound,
)
from pool.logs import get_logger

log = get_logger(__name__)

SHORTLY_S = 1
BUSY = "The database is busy or cannot be reached. Try again."
BROKEN = "Something went wrong here, and it was logged. The request may or may not have had an effect."

STATUS: dict[type[PoolError], int] = {
    InvalidOption: status.HTTP_400_BAD_REQUEST,
    InvalidPayload: status.HTTP_400_BAD_REQUEST,
    UnknownTask: status.HTTP_400_BAD_REQUEST,
    JobNotFound: status.HTTP_404_NOT_FOUND,
    ScheduleNotFound: status.HTTP_404_NOT_FOUND,
    WorkerNotFound: status.HTTP_404_NOT_FOUND,
    NotPossible: status.HTTP_409_CONFLICT,
    QueueFull: status.HTTP_429_TOO_MANY_REQUESTS,
    NotReady: status.HTTP_503_SERVICE_UNAVAILABLE,
}
LATER = {status.HTTP_429_TOO_MANY_REQUESTS, status.HTTP_503_SERVICE_UNAVAILABLE}


class Refused(Exception):
    """The caller may not do this, or is not known."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.detail)
        self.refusal = refusal


class BadField(Exception):
    """Something in the request is wrong. `field` is its name, as jobs[3].priority; empty for the whole."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(detail)
        self.field = field


class TooLarge(Exception):
    """The body of the request is longer than is read."""


def answer(error: Exception, context: dict[str, Any]) -> HttpResponse:
    """Answer an error; REST framework calls it with whatever a view raised."""
    set_rollback()
    for kind, respond in ANSWERS.items():
        if isinstance(error, kind):
            return respond(error)
    return _broken(error, context)


def _bad_field(error: Any) -> HttpResponse:
    more = {"field": error.field} if error.field else {}
    return problem(status.HTTP_400_BAD_REQUEST, str(error), **more)


def _of_pool(error: Any) -> HttpResponse:
    code = next((code for kind, code in STATUS.items() if isinstance(error, kind)), status.HTTP_409_CONFLICT)
    wait_s = getattr(error, "retry_after_s", SHORTLY_S)
    return problem(code, str(error), retry_after_s=wait_s if code in LATER else None)


def _not_allowed(error: Any) -> HttpResponse:
    return problem(error.status_code, "This address does not take this method: the header Allow names those it takes.")


def _throttled(error: Any) -> HttpResponse:
    wait_s = max(1, round(error.wait or 1))
    return problem(error.status_code, f"Too many requests. Go on in {wait_s} s.", retry_after_s=wait_s)


def _busy(error: Any) -> HttpResponse:
    log.warning("api.database_failed", error=str(error))
    return problem(status.HTTP_503_SERVICE_UNAVAILABLE, BUSY, retry_after_s=SHORTLY_S)


def _broken(error: Exception, context: dict[str, Any]) -> HttpResponse:
    request = context["request"]._request
    log.exception("api.failed", path=request.path, method=request.method, exc_info=error)
    # Error trackers listen to it, as for errors of Django's own views.
    got_request_exception.send(sender=type(context["view"]), request=request)
    return problem(status.HTTP_500_INTERNAL_SERVER_ERROR, BROKEN)


ANSWERS: dict[type[Exception], Callable[[Any], HttpResponse]] = {
    Refused: lambda error: refused(error.refusal),
    BadField: _bad_field,
    PoolError: _of_pool,
    Http404: lambda error: problem(status.HTTP_404_NOT_FOUND, "There is nothing at this address."),
    TooLarge: lambda error: problem(status.HTTP_413_REQUEST_ENTITY_TOO_LARGE, str(error)),
    MethodNotAllowed: _not_allowed,
    Throttled: _throttled,
    APIException: lambda error: problem(error.status_code, str(error.detail)),
    DatabaseError: _busy,
}
