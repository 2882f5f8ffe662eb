"""Verbs of the agent that make the site what a measure wants: its tables, people, size, and a past."""

from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.core.management import call_command
from django.db import connection

from bench import backlog, past
from pool.store import steer


def migrate() -> None:
    call_command("migrate", verbosity=0)
    # Closed, the database stands in one file, which is copied for every site.
    connection.close()


def sign_in(users: int) -> list[str]:
    """Sign in so many administrators; the keys of their sessions."""
    keys = []
    for number in range(users):
        user: Any = get_user_model().objects.create_superuser(f"viewer{number}")
        session = import_module(settings.SESSION_ENGINE).SessionStore()
        session[SESSION_KEY], session[HASH_SESSION_KEY] = str(user.pk), user.get_session_auth_hash()
        session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
        session.save()
        keys.append(session.session_key)
    return keys


def scale(size: int) -> None:
    steer.scale(size)


def fill(jobs: int, tenants: int, queues: int) -> None:
    """Write so many waiting jobs, past everything that enqueuing does."""
    backlog.fill(jobs, tenants, queues)


def fill_past(jobs: int) -> dict[str, Any]:
    """Write so many jobs in all states, and what was measured in a week; names and ids to ask for."""
    return past.fill(jobs)


def beat() -> None:
    """Let the node of that past live on."""
    past.beat()
