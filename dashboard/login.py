"""The link that `serve` prints when there are no users: it logs the first administrator in, once.

The token in it is django-sesame's: signed, good for an hour, and void after the first login. Without django-sesame the
address answers as if it did not exist.
"""

from importlib.util import find_spec
from typing import Any

from django.conf import settings
from django.contrib.auth import login
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from dashboard.browser import strict_policy
from dashboard.pages.frame import plain_page

SCOPE = "first-login"
LASTS_S = 3600
BACKEND = "sesame.backends.ModelBackend"
REFUSED = "It was used already, or is older than an hour. Start manage.py serve again for a new one."


@require_GET
@never_cache
@strict_policy
def first_login(request: HttpRequest, token: str) -> HttpResponse:
    """Log in whoever holds the token and lead on to the overview."""
    user = _holder(request, token)
    if user is None:
        return plain_page(request, 403, "This link does not work any more", REFUSED)
    login(request, user)
    return HttpResponseRedirect(reverse("dashboard:overview"))


def _holder(request: HttpRequest, token: str) -> Any:
    if BACKEND not in settings.AUTHENTICATION_BACKENDS or find_spec("sesame") is None:
        raise Http404
    from django.contrib.auth import authenticate

    user = authenticate(request, sesame=token, scope=SCOPE, max_age=LASTS_S)
    # A token that is signed but could be used again is not one of ours.
    return user if user is not None and user.last_login is None else None
