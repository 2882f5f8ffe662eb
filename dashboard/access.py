"""Who may do what: the one place that decides, for pages, metrics and the API.

A caller is a member of staff with a session, or holds a bearer token with the scope in question. A request that
carries a token is judged by it alone. A token grants what it was made for and what its user may do now, never more.
"""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest

from pool.models import ApiToken
from pool.store.tokens import allowed_scopes, find_token, note_use

SCHEME = "bearer"


@dataclass(frozen=True, slots=True)
class Grant:
    user: Any
    token: ApiToken | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    status: int
    """401: nobody we know. 403: somebody who may not."""
    detail: str


def decide(request: HttpRequest, scope: str) -> Grant | Refusal:
    """Decide whether the caller may do what the scope stands for."""
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    # Other schemes are not for us: a proxy in front may ask for a password of its own.
    if scheme.lower() == SCHEME:
        return _by_token(text.strip(), scope)
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return Refusal(401, "Sign in as a member of staff, or send the header Authorization: Bearer TOKEN.")
    if not user.is_staff or scope not in allowed_scopes(user):
        return Refusal(403, f"{user.get_username()} may not {scope} here.")
    return Grant(user)


def _by_token(text: str, scope: str) -> Grant | Refusal:
    token = find_token(text)
    if token is None:
        return Refusal(401, "This token does not exist, has expired, or its user is no longer active.")
    note_use(token)
    if scope not in token.scopes or scope not in allowed_scopes(token.user):
        return Refusal(403, f"This token may not {scope}.")
    return Grant(token.user, token)
