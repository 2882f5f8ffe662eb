"""Errors for programs, as problem details (RFC 9457)."""

from http import HTTPStatus

from django.http import JsonResponse

from dashboard.access import Refusal

CONTENT_TYPE = "application/problem+json"
CHALLENGE = 'Bearer realm="pool"'


def problem(status: int, detail: str, *, retry_after_s: int | None = None, **more: object) -> JsonResponse:
    """Answer with what went wrong and what to do."""
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail, **more}
    response = JsonResponse(body, status=status, content_type=CONTENT_TYPE)
    if status == HTTPStatus.UNAUTHORIZED:
        response["WWW-Authenticate"] = CHALLENGE
    if retry_after_s is not None:
        response["Retry-After"] = str(retry_after_s)
    return response


def refused(refusal: Refusal) -> JsonResponse:
    """Answer a caller who may not, without a redirect."""
    return problem(refusal.status, refusal.detail, retry_after_s=refusal.retry_after_s)
