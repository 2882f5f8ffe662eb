"""The pages for staff, drawn by the server from the read service. One view per page."""

from functools import wraps
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from dashboard import access
from dashboard.policy import View, strict_policy
from pool.store.read import list_jobs, nodes, pool_status, workers
from pool.store.tokens import READ

LATEST_JOBS = 20


def for_staff(view: View) -> View:
    """Let in who may read; lead others to the login of Django admin."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        decision = access.decide(request, READ)
        if isinstance(decision, access.Grant):
            return view(request, *args, **kwargs)
        if decision.status == 401:
            return redirect_to_login(request.get_full_path(), reverse("admin:login"))
        raise PermissionDenied(decision.detail)

    return guarded


@require_safe
@never_cache
@strict_policy
@for_staff
def overview(request: HttpRequest) -> HttpResponse:
    """Show the pool at this moment."""
    context = {
        "status": pool_status(),
        "workers": workers(),
        "nodes": nodes(),
        "jobs": list_jobs(limit=LATEST_JOBS).jobs,
    }
    return render(request, "dashboard/overview.html", context)
