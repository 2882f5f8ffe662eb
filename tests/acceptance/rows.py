"""What tests ask of a site's database and its commands. Called in the side process, through `Site.do`."""

import io
from collections import Counter
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from typing import Any

from django.forms.models import model_to_dict

Call = tuple[Sequence[Any], dict[str, Any]]


def enqueue(task: str, args: Sequence[Any], kwargs: dict[str, Any], options: dict[str, Any]) -> str:
    from pool import registry

    return str(registry.find(task).using(**options).enqueue(*args, **kwargs).id)


def enqueue_many(task: str, calls: Sequence[Call], options: dict[str, Any]) -> list[str]:
    import pool
    from pool import registry

    return [str(one) for one in pool.enqueue_many(registry.find(task).using(**options), calls)]


def job(job_id: str) -> dict[str, Any]:
    from pool.store import read

    row = read.get_job(job_id)
    return read.job_dict(row) | {"row": model_to_dict(row) | {"created_at": row.created_at}}


def attempts(job_id: str) -> list[dict[str, Any]]:
    from pool.store import read

    return read.attempts(job_id)


def output(job_id: str) -> str:
    from pool.store import read

    return "".join(piece["text"] for piece in read.logs(job_id))


def statuses() -> dict[str, int]:
    from pool.models import Job

    return dict(Counter(Job.objects.order_by().values_list("status", flat=True)))


def workers() -> list[dict[str, Any]]:
    from pool.store import status

    return status.workers()


def nodes(ended: bool = False) -> list[dict[str, Any]]:
    from pool.store import status

    return status.nodes(ended=ended)


def figures() -> dict[str, Any]:
    from pool.store import status

    return status.pool_status()


def events(name: str = "") -> list[dict[str, Any]]:
    from pool.models import PoolEvent

    found = PoolEvent.objects.order_by("id")
    return list((found.filter(name=name) if name else found).values())


def age(job_id: str, days: int) -> None:
    """Make a job so old: its id, which holds the time of its creation, and its times."""
    from datetime import timedelta
    from uuid import UUID

    from pool.models import Job

    row = Job.objects.get(pk=job_id)
    back = timedelta(days=days)
    number = row.pk.int - ((days * 86_400_000) << 80)
    Job.objects.filter(pk=job_id).update(
        id=UUID(int=number), created_at=row.created_at - back, finished_at=row.finished_at - back
    )


def token_user(text: str) -> str | None:
    from pool.store.tokens import find_token

    found = find_token(text)
    return found.user.get_username() if found else None


def command(name: str, *arguments: str) -> tuple[int, str, str]:
    """Run a command as from a shell; exit code, stdout and stderr."""
    from django.core.management import load_command_class

    code, out, err = 0, io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        made = load_command_class("pool", name)
        try:
            made.run_from_argv(["manage.py", name, *arguments])
        except SystemExit as leave:
            code = int(leave.code or 0)
    return code, out.getvalue(), err.getvalue()


def superuser(name: str) -> None:
    from django.contrib.auth import get_user_model

    get_user_model().objects.create_superuser(name)
