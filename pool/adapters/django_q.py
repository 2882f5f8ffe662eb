"""django-q2's schedules: its model, and its own calculation of the time at which a schedule runs next.

The only file that imports django_q, and only when it is asked for something, so that a project without it is none the
worse. Used by `pool.store.schedules` in the clerk, in commands and in the web process. Nothing is written here, and no
time is taken from the clock.
"""

import importlib.util
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, NamedTuple

from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import connections, router
from django.db.models import Q, QuerySet

APP = "django_q"
CLUSTER = "pool"
"""The cluster whose schedules are ours, in the words of django-q2."""

MOST_COUNTED = 1000
"""Runs of a cron line that are counted when they were left out."""

OF_FIXED_LENGTH = {"I": timedelta(minutes=1), "H": timedelta(hours=1)}
"""Periods that no clock change and no month makes longer or shorter, by type of schedule."""


class Next(NamedTuple):
    """When a schedule runs next, and how many of its runs were left out to get there."""

    at: datetime
    missed: int


def absent(alias: str) -> str:
    """Why there are no schedules here, in a sentence; empty when there are."""
    if not apps.is_installed(APP):
        known = importlib.util.find_spec(APP) is not None
        first = "" if known else "run pip install django-q2 croniter, "
        return f'Schedules are django-q2\'s: {first}add "{APP}" to INSTALLED_APPS, and run manage.py migrate.'
    held_by = router.db_for_write(_model())
    if held_by != alias:
        return (
            f"Schedules are in the database {held_by!r} and jobs in {alias!r}: a schedule fires only where both are "
            f"written in one transaction. Route the app {APP!r} to {alias!r}."
        )
    return ""


def is_migrated(alias: str) -> bool:
    """Whether its tables are there. Asked until they are."""
    if alias not in _migrated and _model()._meta.db_table in connections[alias].introspection.table_names():
        _migrated.add(alias)
    return alias in _migrated


_migrated: set[str] = set()


def schedules(alias: str) -> QuerySet[Any]:
    """The schedules that the pool fires."""
    return _model().objects.using(alias).filter(_ours())


def strangers(alias: str) -> QuerySet[Any]:
    """Those that django-q2's own clusters fire."""
    rows: QuerySet[Any] = _model().objects.using(alias)
    return rows.exclude(pk__in=rows.filter(_ours()).values("pk"))


def new(alias: str, **fields: Any) -> Any:
    """A row of the pool's that is not stored yet, checked as a form would. Raises ValueError with the reason."""
    row = _model()(cluster=CLUSTER, **fields)
    try:
        row.full_clean(validate_unique=False)
    except ValidationError as error:
        wrong = (f"{name}: {' '.join(texts)}" for name, texts in error.message_dict.items())
        raise ValueError("; ".join(wrong)) from None
    return row


def kinds() -> dict[str, str]:
    """The types of schedules by their names in small letters."""
    return {str(name).lower(): kind for kind, name in _model().TYPE}


def catches_up() -> bool:
    """Whether every run whose time has passed is made good, one by one."""
    from django_q.conf import Conf

    return bool(Conf.CATCH_UP)


def zone() -> str:
    """Name of the time zone of cron lines and of days."""
    from django_q.conf import Conf

    return str(Conf.TIME_ZONE)


def is_once(row: Any) -> bool:
    return bool(row.schedule_type == row.ONCE)


def rhythm(row: Any) -> str:
    """How often it runs, in words."""
    if row.schedule_type == row.CRON:
        return f"cron {row.cron}"
    if row.schedule_type == row.MINUTES:
        minutes = row.minutes or 1
        return "every minute" if minutes == 1 else f"every {minutes:,} minutes"
    return str(dict(row.TYPE).get(row.schedule_type, row.schedule_type)).lower()


def following(row: Any, now: datetime, *, catch_up: bool) -> Next:
    """The run behind the one at `row.next_run`, which is due. Raises ValueError when there is none.

    A cron line goes on from now, as with django-q2: it is never caught up with.
    """
    try:
        if row.schedule_type == row.CRON:
            return Next(_next_of_cron(row.cron, now), _times_between(row.cron, row.next_run, now))
        return _next_of_period(row, now, catch_up=catch_up)
    except (ArithmeticError, AttributeError, LookupError, TypeError, UnboundLocalError) as error:
        # A row may hold what its form would refuse.
        raise ValueError(f"its rhythm cannot be read: {rhythm(row)}") from error


def upcoming(row: Any, count: int) -> list[datetime]:
    """The next runs, whatever time it is. Empty for a rhythm that cannot be read."""
    if row.next_run is None or row.repeats == 0:
        return []
    most = 1 if is_once(row) else count if row.repeats < 0 else min(count, row.repeats)
    runs = [row.next_run]
    try:
        while len(runs) < most:
            is_cron = row.schedule_type == row.CRON
            runs.append(_next_of_cron(row.cron, runs[-1]) if is_cron else row.calculate_next_run(runs[-1]))
    except (ArithmeticError, AttributeError, LookupError, TypeError, UnboundLocalError, ValueError):
        return runs
    return runs


def _model() -> Any:
    from django_q.models import Schedule

    return Schedule


def _ours() -> Q:
    """A row that names no cluster belongs to the project's default cluster, which Q_CLUSTER["name"] names."""
    from django_q.conf import Conf

    named = Q(cluster=CLUSTER)
    return named | Q(cluster=None) | Q(cluster="") if Conf.PREFIX == CLUSTER else named


def _next_of_period(row: Any, now: datetime, *, catch_up: bool) -> Next:
    due, missed = row.next_run, 0
    if not catch_up and (unit := OF_FIXED_LENGTH.get(row.schedule_type)):
        # A minute of a year ago would otherwise be half a million steps.
        period = unit * (row.minutes or 1 if row.schedule_type == row.MINUTES else 1)
        missed = max((now - due) // period, 0)
        return Next(row.calculate_next_run(due + missed * period), missed)
    at = row.calculate_next_run(due)
    while not catch_up and at <= now:
        at, missed = row.calculate_next_run(at), missed + 1
    return Next(at, missed)


def _next_of_cron(line: str, after: datetime) -> datetime:
    """As django-q2 works it out, except that a fixed hour which the clock runs through twice counts once."""
    from django_q.conf import croniter
    from django_q.utils import localtime

    at: datetime = croniter(line, localtime(after)).get_next(datetime)
    while at.fold and _is_at_fixed_hours(line):
        at = croniter(line, at).get_next(datetime)
    return at


def _is_at_fixed_hours(line: str) -> bool:
    _, _, fields = line.strip().partition(" ")
    return not fields.strip().startswith("*") if fields else line.strip() != "@hourly"


def _times_between(line: str, due: datetime, now: datetime) -> int:
    """Times of a cron line after `due` and up to `now`."""

    def times() -> Any:
        at = due
        while (at := _next_of_cron(line, at)) <= now:
            yield at

    return sum(1 for _ in islice(times(), MOST_COUNTED))
