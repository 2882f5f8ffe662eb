"""What all pages share: who may see them, what a browser may load there, and what stands around their content."""

from collections.abc import Mapping
from functools import wraps
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from dashboard import access
from dashboard.browser import PAGE, View, send_policy
from dashboard.policy import Action
from pool.store.status import pool_status

CHART_PAGE = {**PAGE, "style-src-attr": "'unsafe-inline'"}
"""Plotly places the parts of a chart by style attributes. Scripts and style sheets are as strict as elsewhere."""

NAVIGATION = (
    ("overview", "Overview", "o"),
    ("jobs", "Jobs", "j"),
    ("queues", "Queues", "q"),
    ("workers", "Workers", "w"),
    ("nodes", "Nodes", "n"),
    ("dead-letters", "Dead letters", "d"),
    ("schedules", "Schedules", "s"),
    ("events", "Events", "e"),
)
"""Name of the address, title, and the key after `g`."""

LOUD = ("warning", "critical")
UNDO = "undo "


def page(view: View) -> View:
    """A page for those who may read; others are led to the login of Django admin, or told why not."""
    return _page(view, PAGE)


def page_with_charts(view: View) -> View:
    return _page(view, CHART_PAGE)


def _page(view: View, policy: Mapping[str, str]) -> View:
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        decision = access.decide(request, Action.READ)
        answer = (
            turn_away(request, decision) if isinstance(decision, access.Refusal) else view(request, *args, **kwargs)
        )
        return send_policy(answer, policy)

    return require_safe(never_cache(guarded))


def turn_away(request: HttpRequest, refusal: access.Refusal) -> HttpResponse:
    """Lead somebody unknown to the login, and tell everybody else why they may not."""
    if refusal.status == HTTPStatus.UNAUTHORIZED:
        return redirect_to_login(request.get_full_path(), reverse("admin:login"))
    next_step = " Ask an administrator: it needs staff status and a permission for jobs."
    text = refusal.detail + (next_step if refusal.status == HTTPStatus.FORBIDDEN else "")
    return plain_page(request, refusal.status, "You may not see this", text)


def plain_page(request: HttpRequest, status: int, title: str, text: str, next_step: str = "") -> HttpResponse:
    """A page that only says something."""
    context = {"title": title, "text": text, "next_step": next_step, "is_refusal": status == HTTPStatus.FORBIDDEN}
    return render(request, "dashboard/plain.html", context, status=status)


def show(request: HttpRequest, name: str, context: Mapping[str, Any], *, status: int = 200) -> HttpResponse:
    """Draw the page of that name in its frame."""
    return render(
        request,
        f"dashboard/{name.replace('-', '_')}.html",
        {**frame(request, name, context.get("status")), **context},
        status=status,
    )


def frame(request: HttpRequest, name: str, status: Mapping[str, Any] | None) -> dict[str, Any]:
    figures = pool_status() if status is None else status
    return {
        "page": name,
        "navigation": [(item, title, key, reverse(f"dashboard:{item}")) for item, title, key in NAVIGATION],
        "status": figures,
        "loud_alerts": [
            alert for alert in figures["health"]["alerts"] if alert["level"] in LOUD and not alert.get("muted")
        ],
        "may_operate": isinstance(access.decide(request, Action.CANCEL), access.Grant),
        "zone": timezone.get_current_timezone_name(),
        "notices": [_notice(message) for message in messages.get_messages(request)],
    }


def _notice(message: Any) -> dict[str, Any]:
    """A message with the form that takes back what it tells of, where there is one."""
    tags = message.extra_tags or ""
    undo = None
    if tags.startswith(UNDO):
        url, _, fields = tags.removeprefix(UNDO).partition("?")
        undo = {"url": url, "fields": parse_qsl(fields, keep_blank_values=True)}
    return {"text": str(message), "level": message.level_tag, "undo": undo}
