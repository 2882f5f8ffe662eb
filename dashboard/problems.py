"""Errors for programs, as problem details (RFC 9457)."""

from http import HTTPStatus

from django.http import JsonResponse

from dashboard.access import Refusal

CONTENT_TYPE = "application/problem+json"


def problem(status: int, detail: str, **more: object) -> JsonResponse:
    """Answer with what went wrong and what to do."""
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail, **more}
    return JsonResponse(body, status=status, content_type=CONTENT_TYPE)


def refused(refusal: Refusal) -> JsonResponse:
    """Answer a caller who may not, without a redirect."""
    response = problem(refusal.status, refusal.detail)
    if refusal.status == HTTPStatus.UNAUTHORIZED:
        response["WWW-Authenticate"] = 'Bearer realm="pool"'
    return response
