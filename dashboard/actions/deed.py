"""The frame of every action: who may not is turned away, what is done is said, and why something cannot be done too."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_POST

from dashboard import access
from dashboard.actions.answers import ERRORS, Said, answer, failed, turned_away
from dashboard.browser import send_policy
from dashboard.policy import Action

Deed = Callable[..., Said | HttpResponse]


def deed(action: Action) -> Callable[[Deed], Callable[..., HttpResponse]]:
    """A view that does one thing for those who may."""

    def made(do: Deed) -> Callable[..., HttpResponse]:
        @wraps(do)
        def guarded(request: HttpRequest, **kwargs: Any) -> HttpResponse:
            decision = access.decide(request, action)
            if isinstance(decision, access.Refusal):
                return send_policy(turned_away(request, decision))
            try:
                said = do(request, decision.actor("page"), **kwargs)
            except tuple(ERRORS) as error:
                return send_policy(failed(request, error))
            return send_policy(said if isinstance(said, HttpResponse) else answer(request, said))

        return require_POST(never_cache(csrf_protect(guarded)))

    return made
