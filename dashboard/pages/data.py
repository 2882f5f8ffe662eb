"""JSON for the scripts of our own pages. It is no API: its form may change with the pages."""

from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from dashboard import access
from dashboard.browser import NOTHING, View, send_policy
from dashboard.policy import Action
from dashboard.problems import refused


def data_for_pages(view: View) -> View:
    """JSON for those who may read; for others an answer that a script can tell from a page."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        decision = access.decide(request, Action.READ)
        answer = refused(decision) if isinstance(decision, access.Refusal) else view(request, *args, **kwargs)
        return send_policy(answer, NOTHING)

    return require_safe(never_cache(guarded))
