"""Rows of django-q2's in the database of the test, and the tasks and functions that they name."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from pool.adapters import django_q
from pool.conf import database_alias
from pool.models import Job
from tests.contract import tasks

ADD = f"{tasks.__name__}.add"


class ToThePool:
    """Leads django-q2's rows to wherever the jobs are."""

    def db_for_read(self, model: Any, **_: Any) -> str | None:
        return database_alias() if model._meta.app_label == django_q.APP else None

    db_for_write = db_for_read


def at(text: str) -> datetime:
    """A time in UTC, as 2026-11-22 12:00."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def a_schedule(alias: str, **fields: Any) -> Any:
    """A row that the pool fires. Written as they stand: saving a cron line would move it on from today's time."""
    from django_q.models import Schedule

    values = {"func": ADD, "args": "1", "schedule_type": Schedule.DAILY, "cluster": django_q.CLUSTER}
    (row,) = Schedule.objects.using(alias).bulk_create([Schedule(**{**values, **fields})])
    return row


def jobs(alias: str) -> list[Job]:
    return list(Job.objects.using(alias).order_by("id"))


@contextmanager
def with_conf(**values: Any) -> Iterator[None]:
    """django-q2 reads Q_CLUSTER when it is imported, and from then on this."""
    from django_q.conf import Conf

    before = {name: getattr(Conf, name) for name in values}
    for name, value in values.items():
        setattr(Conf, name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(Conf, name, value)
