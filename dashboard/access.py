"""Who may do what: the one place that decides, for pages, admin, metrics, API and socket.

A caller is a member of staff with a session, or holds a bearer token with the scope in question. A request that
carries a token is judged by it alone. A token grants what it was made for and what its user may do now, never more.
Which right an action needs stands in `dashboard.policy`.
"""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest

from dashboard.policy import RIGHTS, Action
from dashboard.rates import WRONG_TOKENS
from pool.models import ApiToken
from pool.store.operate import Actor
from pool.store.tokens import allowed_scopes, find_token, note_use

SCHEME = "bearer"
LONGEST_NAME = 150
LONGEST_SOURCE = 100
SHOWN_KEY = 8
"""Characters of a token by which its row is found."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: a user with a session, or by a token, and from which address."""

    user: Any
    token: ApiToken | None = None
    address: str = ""


@dataclass(frozen=True, slots=True)
class Grant:
    user: Any
    token: ApiToken | None = None
    address: str = ""

    def actor(self, by_way_of: str) -> Actor:
        """Name the caller for the audit: who, by which surface ("page", "api" …) and from where."""
        name = str(self.user.get_username())
        if self.token is not None:
            name = f"{name} (token {self.token.name or self.token.token_key[:SHOWN_KEY]})"
        return Actor(name[:LONGEST_NAME], f"{by_way_of} {self.address}".strip()[:LONGEST_SOURCE])


@dataclass(frozen=True, slots=True)
class Refusal:
    status: int
    """401: nobody we know. 403: somebody who may not. 429: too many wrong tokens."""
    detail: str
    retry_after_s: int | None = None


def decide(who: HttpRequest | Caller, action: str) -> Grant | Refusal:
    """Decide whether the caller may do this."""
    caller = who if isinstance(who, Caller) else identify(who)
    if isinstance(caller, Refusal):
        return caller
    user, right = caller.user, RIGHTS[Action(action)]
    if user is None or not user.is_authenticated:
        return Refusal(401, "Sign in as a member of staff, or send the header Authorization: Bearer TOKEN.")
    if caller.token is not None and right.scope not in caller.token.scopes:
        return Refusal(403, f"This token may not {action}: it lacks the scope {right.scope}.")
    if right.scope not in allowed_scopes(user):
        return Refusal(403, f"{user.get_username()} may not {action} here.")
    return Grant(user, caller.token, caller.address)


def identify(request: HttpRequest) -> Caller | Refusal:
    """Find out who sent a request; whether they may do anything is not said yet."""
    address = request.META.get("REMOTE_ADDR") or ""
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    # Other schemes are not for us: a proxy in front may ask for a password of its own.
    if scheme.lower() != SCHEME:
        return Caller(getattr(request, "user", None), None, address)
    token = find_token(text.strip())
    if token is None:
        return _wrong_token(address)
    note_use(token)
    return Caller(token.user, token, address)


def _wrong_token(address: str) -> Refusal:
    wait_s = WRONG_TOKENS.take(address)
    if wait_s is not None:
        return Refusal(429, "Too many wrong tokens came from this address. Wait, and check the token.", wait_s)
    return Refusal(401, "This token does not exist, has expired, or its user is no longer active.")
