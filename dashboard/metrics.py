"""`/metrics` for programs and `/health` for probes. Served by the web process.

The figures need a staff session or a token that may read; without one the answer is an error, never a redirect. The
health addresses are open and tell strangers no more than a state in one word.
"""

from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from dashboard import access, prometheus
from dashboard.problems import refused
from pool.conf import database_alias
from pool.domain.figures import NodeFigures
from pool.domain.health import Status
from pool.store.health import health_summary
from pool.store.read import pool_status
from pool.store.snapshots import latest
from pool.store.tokens import READ

READY_WITHIN_S = 5.0
"""A node's word counts for so long."""

JSON = "application/json"
PROMETHEUS = ("application/openmetrics-text", "text/plain")


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Give the figures of the pool: JSON, or Prometheus' text to a client that asks for it."""
    decision = access.decide(request, READ)
    if isinstance(decision, access.Refusal):
        return refused(decision)
    figures = pool_status()
    if not _wants_prometheus(request):
        return JsonResponse(figures)
    text, content_type = prometheus.exposition(figures, request.headers.get("Accept", ""))
    return HttpResponse(text, content_type=content_type)


@never_cache
@require_safe
def live(request: HttpRequest) -> HttpResponse:
    """Answer as long as this process can: it looks at nothing else."""
    return JsonResponse({"status": "live"})


@never_cache
@require_safe
def ready(request: HttpRequest) -> HttpResponse:
    """Answer whether a job could be claimed lately, and a worker is there to run it."""
    return _state("ready", HTTPStatus.OK) if _is_ready(timezone.now()) else _state("not ready")


@never_cache
@require_safe
def health(request: HttpRequest) -> HttpResponse:
    """Answer with the status of the pool; those who may read its figures are told the whole."""
    try:
        summary = health_summary()
    except DatabaseError:
        return _state(Status.CRITICAL)
    code = HTTPStatus.SERVICE_UNAVAILABLE if summary["status"] == Status.CRITICAL else HTTPStatus.OK
    may_read = isinstance(access.decide(request, READ), access.Grant)
    return _answer(summary if may_read else {"status": summary["status"]}, code)


def _is_ready(now: datetime) -> bool:
    try:
        nodes = latest(database_alias(), now)
    except DatabaseError:
        return False
    since = now - timedelta(seconds=READY_WITHIN_S)
    return any(node.at >= since and _claims(node) for node in nodes)


def _claims(node: NodeFigures) -> bool:
    workers = node.part("workers")
    able = workers.get("idle", 0) + workers.get("active", 0)
    return bool(node.data.get("ready") and able) and not node.part("pool").get("shutting_down")


def _state(status: str, code: HTTPStatus = HTTPStatus.SERVICE_UNAVAILABLE) -> JsonResponse:
    return _answer({"status": status}, code)


def _answer(facts: dict[str, Any], code: HTTPStatus) -> JsonResponse:
    response = JsonResponse(facts, status=code)
    # An answer, not an error: without the mark Django logs each 503 as one.
    response._has_been_logged = True  # type: ignore[attr-defined]
    return response


def _wants_prometheus(request: HttpRequest) -> bool:
    """Tell whether the client names one of Prometheus' types, and JSON not before it."""
    for accepted in request.accepted_types:
        name = f"{accepted.main_type}/{accepted.sub_type}"
        if name in PROMETHEUS:
            return True
        if name in (JSON, "*/*"):
            return False
    return False
