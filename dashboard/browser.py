"""What a browser may load on our pages: our own files and nothing else. Applied to each view, in any project."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, TypeVar

from django.http import HttpRequest, HttpResponse, HttpResponseBase

PAGE = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}
"""A page of ours. Style sheets may hold their small images in themselves."""

NOTHING = {name: "'none'" for name in ("default-src", "base-uri", "form-action", "frame-ancestors")}
"""An answer for programs: a browser that shows it loads nothing."""

View = Callable[..., HttpResponse]
Response = TypeVar("Response", bound=HttpResponseBase)


def policy_header(directives: Mapping[str, str]) -> str:
    return "; ".join(f"{name} {sources}" for name, sources in directives.items())


CONTENT_SECURITY_POLICY = policy_header(PAGE)


def send_policy(response: Response, directives: Mapping[str, str] = PAGE) -> Response:
    """Put the policy on an answer."""
    response["Content-Security-Policy"] = policy_header(directives)
    response["X-Content-Type-Options"] = "nosniff"
    return response


def strict_policy(view: View) -> View:
    """Send the policy of pages with what the view answers."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return send_policy(view(request, *args, **kwargs))

    return guarded
