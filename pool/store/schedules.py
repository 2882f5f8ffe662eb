"""Schedules over the pool's tables: which are due, fired once each, paused, resumed, late.

django-q2's row says what runs when; `ScheduleState` says whether it is paused and how punctual it was. A run is one
transaction: the row is locked and looked at again, its next time is written, and the job is stored. So however many
nodes look at the same moment, one fires it. Used by the clerk, commands, pages, admin and API, over Django's own
connection.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet

from pool.adapters import django_q
from pool.conf import database_alias
from pool.domain.errors import NoSchedules, ScheduleNotFound
from pool.domain.schedules import LATE_AFTER_S
from pool.models import ScheduleState
from pool.store.actor import NOBODY, Actor
from pool.store.enqueue import enqueue_rows
from pool.store.events import write_action
from pool.store.new_job import NewJob

BATCH = 100
"""Schedules that one transaction fires: on SQLite it holds the one write lock."""

LARGEST_ID = 2**31 - 1
LONGEST_NAME = 100


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a schedule, ready to be stored: its job, and what the row says after it."""

    row: Any
    """As it was read; the run counts only while it still is like that."""
    job: NewJob
    next_run: datetime | None
    """None when it was the only one."""
    missed: int = 0


class Late(NamedTuple):
    """A schedule whose run was not started in time."""

    schedule: int
    name: str
    due_at: float
    """Seconds since 1970."""
    late_s: float


def require_schedules(alias: str) -> None:
    """Raise NoSchedules, with the reason, where there are no schedules."""
    if reason := django_q.absent(alias):
        raise NoSchedules(reason)
    if not django_q.is_migrated(alias):
        raise NoSchedules(f"The tables of schedules are missing in the database {alias!r}: run manage.py migrate.")


def late(alias: str, now: float) -> list[Late]:
    """Schedules whose run is overdue, the longest first; none where there are no schedules."""
    if django_q.absent(alias) or not django_q.is_migrated(alias):
        return []
    rows = _due(alias, datetime.fromtimestamp(now - LATE_AFTER_S, UTC)).order_by("next_run", "pk")
    return [Late(row.pk, named(row), at := row.next_run.timestamp(), now - at) for row in rows[:BATCH]]


def named(row: Any) -> str:
    """What people call it."""
    return str(row.name or row.func)


# Firing ------------------------------------------------------------------------


def due(alias: str, now: datetime) -> Iterator[list[Any]]:
    """Those whose time has come, in batches, the longest overdue first."""
    after: Any = None
    while True:
        rows = _due(alias, now).order_by("next_run", "pk")
        if after is not None:
            rows = rows.filter(Q(next_run__gt=after.next_run) | Q(next_run=after.next_run, pk__gt=after.pk))
        batch = list(rows[:BATCH])
        if batch:
            yield batch
        if len(batch) < BATCH:
            return
        after = batch[-1]


def next_due(alias: str, now: datetime) -> datetime | None:
    """When the next one will be due."""
    rows = _open(alias).filter(next_run__gt=now).order_by("next_run")
    at: datetime | None = rows.values_list("next_run", flat=True).first()
    return at


def fire(alias: str, runs: Sequence[Run], now: datetime) -> list[tuple[Run, UUID]]:
    """Store the jobs of these runs, and what becomes of their schedules; those that were still to be fired.

    Beside each stands the id of the job that stands for it: another one where its unique key is held.

    What somebody else fires, changed or paused meanwhile is left alone. Raises what storing a job may raise, and then
    nothing was stored.
    """
    with transaction.atomic(using=alias):
        rows = _still_due(alias, runs, now)
        fired = [run for run in runs if run.row.pk in rows]
        stand = enqueue_rows(alias, [run.job for run in fired])
        _advance(alias, fired, stand)
        _note(alias, fired, stand, now)
    return list(zip(fired, stand, strict=True))


def fire_once_more(alias: str, schedule: Any, job: NewJob, now: datetime, by: Actor) -> UUID:
    """Store a job of a schedule beside its rhythm, and who asked for it; the id of the job that stands for it."""
    with transaction.atomic(using=alias):
        (id,) = enqueue_rows(alias, [job])
        changes = {"last_fired_at": now, "last_due_at": now, "last_job": id}
        ScheduleState.objects.using(alias).update_or_create(schedule=schedule.pk, defaults=changes)
        django_q.schedules(alias).filter(pk=schedule.pk).update(task=id.hex)
        write_action(alias, "schedule.run", by.name, by.source, id, schedule=named(schedule), id=schedule.pk)
    return id


def _still_due(alias: str, runs: Sequence[Run], now: datetime) -> set[int]:
    """Lock the rows of these runs; which of them are as they were read, and are not paused."""
    read = {run.row.pk: run.row for run in runs}
    # In one order, whoever locks them. Those that somebody else has locked are being fired or changed.
    rows = django_q.schedules(alias).filter(pk__in=read).order_by("pk").select_for_update(skip_locked=True)
    same = {row.pk for row in rows if _values(row) == _values(read[row.pk])}
    # Looked at behind the lock: a statement sees what was committed before it began.
    return same - set(_paused(alias).filter(schedule__in=same).values_list("schedule", flat=True))


def _advance(alias: str, fired: Sequence[Run], stand: Sequence[UUID]) -> None:
    rows = django_q.schedules(alias)
    if over := [run.row.pk for run in fired if run.next_run is None and run.row.repeats < 0]:
        # As django-q2 does with one that runs once, unless its repeats say that it shall be kept.
        rows.filter(pk__in=over).delete()
    for run, id in zip(fired, stand, strict=True):
        repeats = run.row.repeats
        if run.next_run is not None:
            left = repeats - 1 if repeats > 0 else -1
            rows.filter(pk=run.row.pk).update(next_run=run.next_run, repeats=left, task=id.hex)
        elif repeats >= 0:
            rows.filter(pk=run.row.pk).update(repeats=0, task=id.hex)


def _note(alias: str, fired: Sequence[Run], stand: Sequence[UUID], now: datetime) -> None:
    """How punctual each was. One that is deleted leaves nothing behind."""
    states = ScheduleState.objects.using(alias)
    kept = [(run, id) for run, id in zip(fired, stand, strict=True) if run.next_run or run.row.repeats >= 0]
    known = dict(states.filter(schedule__in=[run.row.pk for run, _ in kept]).values_list("schedule", "missed"))
    made = [
        ScheduleState(
            schedule=run.row.pk,
            last_due_at=run.row.next_run,
            last_fired_at=now,
            last_job=id,
            missed=known.get(run.row.pk, 0) + run.missed,
        )
        for run, id in kept
    ]
    changing = ["last_due_at", "last_fired_at", "last_job", "missed"]
    states.bulk_create(made, update_conflicts=True, unique_fields=["schedule"], update_fields=changing)
    states.filter(schedule__in=[run.row.pk for run in fired if not (run.next_run or run.row.repeats >= 0)]).delete()
    for run in fired:
        if run.missed:
            facts = {"schedule": named(run.row), "id": run.row.pk, "runs": run.missed}
            write_action(alias, "schedule.missed", "", "node", level="warning", **facts)


def forget_deleted(alias: str) -> int:
    """Remove what is known of schedules that there are no more; of how many."""
    states = ScheduleState.objects.using(alias)
    alive = django_q.schedules(alias).values("pk")
    return states.exclude(schedule__in=alive).delete()[0]


# What an operator does ---------------------------------------------------------


def find(id: Any) -> Any:
    """The schedule with this number, or this name. Raises ScheduleNotFound, or NoSchedules where there are none."""
    alias, text = database_alias(), str(id)
    require_schedules(alias)
    rows = django_q.schedules(alias)
    if text.isascii() and text.isdigit():
        found = list(rows.filter(pk=int(text))) if len(text) < 11 and int(text) <= LARGEST_ID else []
    else:
        found = list(rows.filter(name=text)[:2]) if text.isprintable() and len(text) <= LONGEST_NAME else []
    if len(found) > 1:
        raise ScheduleNotFound(f"Several schedules are called {text!a}: name one by its number.")
    if not found:
        raise ScheduleNotFound(f"There is no schedule {text[:50]!a} of the pool.")
    return found[0]


def keep(row: Any, by: Actor = NOBODY) -> None:
    """Store a new schedule, and who made it."""
    alias = database_alias()
    with transaction.atomic(using=alias):
        row.save(using=alias)
        write_action(alias, "schedule.added", by.name, by.source, schedule=named(row), id=row.pk)


def remove(id: Any, by: Actor = NOBODY) -> None:
    """Take a schedule away. The jobs it has enqueued stay."""
    alias = database_alias()
    with transaction.atomic(using=alias):
        row = _locked(alias, id)
        write_action(alias, "schedule.removed", by.name, by.source, schedule=named(row), id=row.pk)
        ScheduleState.objects.using(alias).filter(schedule=row.pk).delete()
        django_q.schedules(alias).filter(pk=row.pk).delete()


def pause(id: Any, by: Actor = NOBODY) -> bool:
    """Let a schedule fire no more until it is resumed; False when it was paused already."""
    alias = database_alias()
    with transaction.atomic(using=alias):
        row = _locked(alias, id)
        if _paused(alias).filter(schedule=row.pk).exists():
            return False
        fields = {"paused_at": datetime.now(UTC), "paused_by": by.name}
        ScheduleState.objects.using(alias).update_or_create(schedule=row.pk, defaults=fields)
        write_action(alias, "schedule.paused", by.name, by.source, schedule=named(row), id=row.pk)
    return True


def resume(id: Any, by: Actor = NOBODY, now: datetime | None = None) -> bool:
    """Let a schedule fire again; False when it was not paused.

    The runs whose time has passed meanwhile are left out, as was wanted; one that runs only once runs now.
    """
    alias, now = database_alias(), now or datetime.now(UTC)
    with transaction.atomic(using=alias):
        row = _locked(alias, id)
        if not _paused(alias).filter(schedule=row.pk).update(paused_at=None, paused_by=""):
            return False
        if not django_q.is_once(row) and row.next_run is not None and row.next_run <= now:
            django_q.schedules(alias).filter(pk=row.pk).update(next_run=_from_now_on(row, now))
        write_action(alias, "schedule.resumed", by.name, by.source, schedule=named(row), id=row.pk)
    return True


def _locked(alias: str, id: Any) -> Any:
    """The row, which nobody fires until the transaction ends."""
    row = django_q.schedules(alias).filter(pk=find(id).pk).select_for_update().first()
    if row is None:
        raise ScheduleNotFound
    return row


def _from_now_on(row: Any, now: datetime) -> datetime:
    try:
        return django_q.following(row, now, catch_up=False).at
    except ValueError:
        # It cannot be fired either, and whoever looks at it is told why.
        at: datetime = row.next_run
        return at


# Rows --------------------------------------------------------------------------


def states(alias: str, ids: Iterable[int]) -> dict[int, ScheduleState]:
    """What is known of these schedules, by their numbers."""
    return ScheduleState.objects.using(alias).in_bulk(list(ids))


def _open(alias: str) -> QuerySet[Any]:
    """Those that will fire."""
    return django_q.schedules(alias).exclude(repeats=0).exclude(pk__in=_paused(alias).values("schedule"))


def _due(alias: str, now: datetime) -> QuerySet[Any]:
    return _open(alias).filter(next_run__lte=now)


def _paused(alias: str) -> QuerySet[ScheduleState]:
    return ScheduleState.objects.using(alias).filter(paused_at__isnull=False)


def _values(row: Any) -> list[Any]:
    return [getattr(row, field.attname) for field in row._meta.concrete_fields]
