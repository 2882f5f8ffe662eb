"""Bearer tokens of the API: made, found and noted as used. Only the hash of a token is stored.

Used by `manage.py pool token` and by `dashboard.access`, the one place that decides what a caller may do. A token never
gives more than its user may do at the moment of use.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from hmac import compare_digest
from typing import Any

from django.db import DatabaseError
from django.db.models import Q
from django.utils import timezone
from knox.crypto import hash_token
from knox.settings import CONSTANTS

from pool.domain.errors import InvalidOption
from pool.models import ApiToken

READ, SUBMIT, OPERATE = "read", "submit", "operate"
SCOPES = (READ, SUBMIT, OPERATE)
"""See figures and jobs; enqueue jobs; cancel, retry, pause, scale."""

PERMISSIONS = {
    READ: ("pool.view_job", "pool.change_job"),
    SUBMIT: ("pool.add_job",),
    OPERATE: ("pool.change_job",),
}
"""The rights of Django of which one is needed for each scope, by members of staff alone."""

LONGEST_TEXT = 200
NOTED_EVERY = timedelta(minutes=1)
"""The time of last use is not written more often."""


def create_token(
    user: Any, name: str = "", scopes: Iterable[str] | None = None, ttl: timedelta | None = None
) -> tuple[ApiToken, str]:
    """Make a token with the scopes named, or all that the user may have; its text is never to be had again.

    Without `ttl` it does not expire. Raises InvalidOption for a scope that is unknown or that the user may not have.
    """
    allowed = allowed_scopes(user)
    wanted = allowed if scopes is None else tuple(dict.fromkeys(scopes))
    for scope in wanted:
        if scope not in SCOPES:
            raise InvalidOption(f"There is no scope {scope!r}: it is one of {', '.join(SCOPES)}.")
        if scope not in allowed:
            raise InvalidOption(f"{user.get_username()} may not {scope}: give the user that right first.")
    if not wanted:
        who = user.get_username()
        raise InvalidOption(f"{who} has no right that a token could carry: make it staff, with the right to view jobs.")
    row, text = ApiToken.objects.create(user=user, expiry=ttl, name=name[:100], scopes=list(wanted))
    return row, text


def find_token(text: str, now: datetime | None = None) -> ApiToken | None:
    """Find the token with this text; None when there is none, or it has expired, or its user is no longer active."""
    now = now or timezone.now()
    if not (text.isascii() and text.isprintable()) or len(text) > LONGEST_TEXT:
        return None
    digest = hash_token(text)
    candidates = ApiToken.objects.select_related("user").filter(token_key=text[: CONSTANTS.TOKEN_KEY_LENGTH])
    for token in candidates:
        if compare_digest(token.digest, digest) and not _has_ended(token, now):
            return token
    return None


def note_use(token: ApiToken, now: datetime | None = None) -> None:
    """Write down that the token was used, at most once a minute. A busy database does not stop the reader."""
    now = now or timezone.now()
    if token.last_used_at is not None and token.last_used_at > now - NOTED_EVERY:
        return
    stale = Q(last_used_at=None) | Q(last_used_at__lte=now - NOTED_EVERY)
    try:
        ApiToken.objects.filter(stale, pk=token.pk).update(last_used_at=now)
    except DatabaseError:
        return


def allowed_scopes(user: Any) -> tuple[str, ...]:
    """Name the scopes that the user's rights allow: members of staff who may view, add or change jobs."""
    if not (user.is_active and user.is_staff):
        return ()
    return tuple(scope for scope in SCOPES if any(map(user.has_perm, PERMISSIONS[scope])))


def _has_ended(token: ApiToken, now: datetime) -> bool:
    return not token.user.is_active or (token.expiry is not None and token.expiry <= now)
