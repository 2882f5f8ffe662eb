"""The answer to addresses of the API that there are not."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

from dashboard.browser import NOTHING, send_policy
from dashboard.problems import problem


@csrf_exempt
@login_not_required
@never_cache
def nowhere(request: HttpRequest) -> HttpResponse:
    """Answer whoever asks: which addresses there are is no secret."""
    detail = "There is nothing at this address. Addresses have no slash at their end; /api/v1/schema lists them."
    return send_policy(problem(404, detail), NOTHING)
