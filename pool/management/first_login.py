"""A way in for the first visitor: with no users in the database, a link that logs in a first administrator, once.

Called by `serve`. The link needs django-sesame and the dashboard's addresses; without them there is a sentence instead.
"""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.db import IntegrityError
from django.urls import NoReverseMatch, reverse

NAME = "admin"
SCOPE = "first-login"
"""What the token may be used for; the view that takes it asks for the same."""
VIEW = "dashboard:first-login"
SESAME = "sesame.backends.ModelBackend"


def first_login(base: str) -> str | None:
    """The link under this base URL; None when there are users already, or when no link can be made."""
    if not is_needed() or not can_be_made():
        return None
    user = first_administrator()
    from sesame.utils import get_token

    try:
        return base.rstrip("/") + reverse(VIEW, args=[get_token(user, scope=SCOPE)])
    except NoReverseMatch:
        return None


def is_needed() -> bool:
    """Nobody could log in: there is no user, or only ours, who never did."""
    if not apps.is_installed("django.contrib.auth"):
        return False
    users = list(get_user_model()._default_manager.all()[:2])
    return not users or (len(users) == 1 and is_ours(users[0]))


def is_ours(user: Any) -> bool:
    never = getattr(user, "last_login", None) is None
    return user.get_username() == NAME and never and not user.has_usable_password()


def can_be_made() -> bool:
    """Only for Django's own users: we do not know what others must have."""
    has_backend = SESAME in settings.AUTHENTICATION_BACKENDS and find_spec("sesame") is not None
    # Without a highest age a token would hold no time, and never expire.
    return get_user_model() is User and has_backend and bool(getattr(settings, "SESAME_MAX_AGE", None))


def first_administrator() -> User:
    """Make the administrator, without a password: only the link lets in."""
    found = User.objects.filter(username=NAME).first()
    make: Callable[..., User] = User.objects.create_superuser
    try:
        return found or make(NAME)
    except IntegrityError:
        # The `serve` of another host was quicker.
        return User.objects.get(username=NAME)
