"""A Django site with django-q2, as settings module; and the functions of a peer."""

import json
import os
from typing import Any

from bench.peers.inside import jobs

SECRET_KEY = "only for the bench"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = ["django.contrib.contenttypes", "django_q"]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ["PEER_DATABASE"],
        "CONN_MAX_AGE": None,
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
        },
    }
}
Q_CLUSTER = json.loads(os.environ["PEER_SETTINGS"])
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"stderr": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {"django-q": {"handlers": ["stderr"], "level": "WARNING", "propagate": False}},
}


def prepare() -> None:
    from django.core.management import call_command

    _set_up()
    call_command("migrate", verbosity=0)


def submit(kind: str, key: str, *arguments: jobs.Argument) -> None:
    _set_up()
    from django_q.tasks import async_task  # type: ignore[import-not-found, unused-ignore]

    async_task(f"{jobs.MODULE}.{kind}", key, *arguments, task_name=key)


def outcomes() -> dict[str, Any]:
    """A failure is final when its message is gone: until then it is tried again."""
    _set_up()
    from django_q.models import OrmQ, Task  # type: ignore[import-not-found, unused-ignore]

    waiting = {message.name() for message in OrmQ.objects.iterator()}
    ended = {
        name: "succeeded" if success else "failed"
        for name, success in Task.objects.values_list("name", "success").iterator()
        if success or name not in waiting
    }
    return {"ended": ended, "waiting": sorted(waiting)}


def _set_up() -> None:
    import django
    from django.apps import apps

    if not apps.ready:
        django.setup()
