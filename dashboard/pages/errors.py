"""Pages for what went wrong: nothing at an address, a form that is too old, an error of ours.

A project that is ours alone names them in its URLs and settings; an installed app leaves those of its host in place.
None of them asks the database anything, which may be the very thing that is broken.
"""

from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from dashboard.browser import strict_policy


@strict_policy
def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _page(HTTPStatus.NOT_FOUND, "Nothing is here", "There is no page at this address.")


@strict_policy
def broken(request: HttpRequest) -> HttpResponse:
    text = "The page could not be made. The log of the web process says why. Jobs go on meanwhile."
    return _page(HTTPStatus.INTERNAL_SERVER_ERROR, "Something broke here", text)


@strict_policy
def forged(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Refuse a form without its token: the page that sent it is from before a login, or from elsewhere."""
    text = "The form was too old, or came from another site. Go back, load the page again and send it once more."
    return _page(HTTPStatus.FORBIDDEN, "Nothing was changed", text)


def _page(status: HTTPStatus, title: str, text: str) -> HttpResponse:
    return HttpResponse(render_to_string("dashboard/plain.html", {"title": title, "text": text}), status=status)
