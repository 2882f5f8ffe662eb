"""Who sits behind a socket, and whether they may still watch: asked of the database, in threads of the feed's own.

A socket outlives what it was opened with: people log out, are deactivated, lose a right, change their password. So the
feed asks again and again, for all viewers at once, with three statements whatever their number. Sessions are only read
here; Django's own look at them would renew or end them, and there is no answer that could carry the new cookie.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from importlib import import_module
from operator import or_
from typing import Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model, load_backend
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from dashboard.access import Caller, Grant, Refusal, decide
from dashboard.policy import RIGHTS, Action
from dashboard.sockets.messages import Close

SessionData = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a viewer was let in with."""

    session: str
    user: Any
    """The user's primary key."""


def session_key(request: HttpRequest) -> str:
    """The session the request names, be it there or not."""
    key = request.COOKIES.get(settings.SESSION_COOKIE_NAME, "")
    return key if key.isascii() and key.isprintable() else ""


def session_of(request: HttpRequest) -> Any:
    return import_module(settings.SESSION_ENGINE).SessionStore(session_key(request) or None)


def admit(request: HttpRequest) -> Ticket | None:
    """Let in whoever may see the pool."""
    grant = judge(request, Action.READ)
    return Ticket(session_key(request), grant.user.pk) if isinstance(grant, Grant) else None


def judge(request: HttpRequest, action: Action) -> Grant | Refusal:
    """Decide whether the person behind the session may do this now."""
    key = session_key(request)
    data = _sessions([key]).get(key, {}) if key else {}
    user = _owner(data, _users([data]))
    return decide(Caller(user, None, request.META.get("REMOTE_ADDR") or ""), action)


def ended(tickets: Collection[Ticket]) -> dict[Ticket, Close]:
    """Name those who may watch no longer, and why."""
    sessions = _sessions({ticket.session for ticket in tickets})
    users = _users(sessions.values())
    owners = {ticket: _owner(sessions.get(ticket.session, {}), users) for ticket in tickets}
    readers = _readers([user for user in owners.values() if user is not None])
    return {ticket: code for ticket, user in owners.items() if (code := _ending(ticket, user, readers)) is not None}


def _ending(ticket: Ticket, user: Any, readers: Collection[Any]) -> Close | None:
    if user is None or user.pk != ticket.user:
        return Close.SIGNED_OUT
    return None if user.pk in readers else Close.FORBIDDEN


def _sessions(keys: Collection[str]) -> dict[str, SessionData]:
    """The sessions that are there and have not expired. Those in the database come in one statement."""
    store = import_module(settings.SESSION_ENGINE).SessionStore
    if not issubclass(store, DatabaseStore):
        return {key: store(key).load() for key in keys}
    rows = store.get_model_class()._default_manager.filter(session_key__in=keys, expire_date__gt=timezone.now())
    return {row.session_key: store().decode(row.session_data) for row in rows}


def _users(sessions: Iterable[SessionData]) -> dict[Any, Any]:
    """The active users that these sessions name."""
    named = {pk for data in sessions if (pk := _user_of(data)) is not None}
    users = get_user_model()._default_manager.filter(pk__in=named) if named else ()
    return {user.pk: user for user in users if user.is_active}


def _user_of(data: SessionData) -> Any:
    if data.get(BACKEND_SESSION_KEY) not in settings.AUTHENTICATION_BACKENDS:
        return None
    try:
        return get_user_model()._meta.pk.to_python(data[SESSION_KEY])
    except (KeyError, ValidationError):
        return None


def _owner(data: SessionData, users: Mapping[Any, Any]) -> Any:
    """The user whose session it is, with the password that it was begun with."""
    user = users.get(_user_of(data))
    if user is None or not hasattr(user, "get_session_auth_hash"):
        return user
    seal = str(data.get(HASH_SESSION_KEY, ""))
    if constant_time_compare(seal, user.get_session_auth_hash()):
        return user
    # A secret key that was retired lately still holds, as it does for requests.
    return user if any(constant_time_compare(seal, known) for known in user.get_session_auth_fallback_hash()) else None


def _readers(users: Collection[Any]) -> set[Any]:
    """Those of the users who may see the pool. Whom one statement does not show to, `decide` is asked about."""
    staff = {user.pk: user for user in users if user.is_staff}
    known = _holders(list(staff)) if staff else set()
    unsure = (user for pk, user in staff.items() if pk not in known)
    return known | {user.pk for user in unsure if isinstance(decide(Caller(user), Action.READ), Grant)}


def _holders(ids: Collection[Any]) -> set[Any]:
    """Users with the right to read, as Django's own backend finds them; empty where it is not in use."""
    backends = (load_backend(path) for path in settings.AUTHENTICATION_BACKENDS)
    backend = next((backend for backend in backends if hasattr(backend, "with_perm")), None)
    if backend is None:
        return set()
    anyone = reduce(or_, (backend.with_perm(permission) for permission in RIGHTS[Action.READ].permissions))
    return set(anyone.filter(pk__in=ids).values_list("pk", flat=True))
