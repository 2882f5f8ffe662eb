"""Our own pool as one of the peers: its tasks, and the functions of a peer."""

from typing import Any

from bench.peers.inside import jobs
from pool import task

FAILED = ("FAILED", "TIMEOUT", "CANCELLED")


@task
def instant(key: str) -> None:
    jobs.instant(key)


@task
def brief(key: str, duration_s: float) -> None:
    jobs.brief(key, duration_s)


@task
def long(key: str, duration_s: float) -> None:
    jobs.long(key, duration_s)


@task
def fails_first(key: str, times: int) -> None:
    jobs.fails_first(key, times)


@task
def poison(key: str) -> None:
    jobs.poison(key)


def prepare() -> None:
    """The database is migrated already."""


def submit(kind: str, key: str, *arguments: jobs.Argument) -> None:
    _set_up()
    max_attempts = jobs.POISON_ATTEMPTS if kind == jobs.POISON else jobs.ENOUGH
    globals()[kind].using(max_attempts=max_attempts).enqueue(key, *arguments)


def outcomes() -> dict[str, Any]:
    _set_up()
    from pool.models import Job

    ended, waiting = {}, []
    for arguments, status in Job.objects.order_by().values_list("args", "status").iterator():
        if status == "COMPLETED":
            ended[arguments[0]] = "succeeded"
        elif status in FAILED:
            ended[arguments[0]] = "failed"
        else:
            waiting.append(arguments[0])
    return {"ended": ended, "waiting": sorted(waiting)}


def _set_up() -> None:
    import django
    from django.apps import apps

    if not apps.ready:
        django.setup()
