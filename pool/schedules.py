"""Schedules as people see them, and as jobs: what a row of django-q2's calls, made into a job of the pool.

`pool.firing` fires them in the clerk; `run_now` is an operator's. Commands, pages and API show what `listed` says. A
schedule names a registered task, or a function that POOL['schedule_functions'] lists: its name is looked up and never
imported.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Case, F, Q, Value, When

from pool import registry
from pool.adapters import django_q
from pool.adapters.tasks_api import InvalidTask, Task, task_enqueued
from pool.backend import pool_backend
from pool.conf import database_alias
from pool.domain.errors import InvalidOption, InvalidPayload, InvalidSchedule, UnknownTask
from pool.domain.schedules import Call, ScheduleStatus, read_call, status_of
from pool.models import Job, ScheduleState
from pool.results import waiting_result
from pool.store import schedules as store
from pool.store.actor import NOBODY, Actor
from pool.store.new_job import NewJob
from pool.store.status import iso

FUNCTIONS_HINT = " A plain function must be listed in POOL['schedule_functions']."

SHOWN_RUNS = 3
MOST_LISTED = 200
LONGEST_NAME = 150

IS_FINISHED = Case(When(repeats=0, then=Value(1)), default=Value(0))

UNUSABLE = (InvalidTask, InvalidOption, InvalidPayload, UnknownTask, TypeError)
"""What the texts of a row may come to, which nobody has checked."""


class Made(NamedTuple):
    """A job of a schedule that is not stored yet, and what it was made of."""

    job: NewJob
    task: Task
    call: Call


class Listed(NamedTuple):
    """A part of the schedules. Nothing is counted."""

    rows: list[dict[str, Any]]
    has_more: bool
    has_others: bool
    """There are schedules that are not the pool's."""


def make(row: Any, due: datetime, now: datetime) -> Made:
    """The job of the run that is due then. Raises InvalidSchedule."""
    named = row.intended_date_kwarg
    call = read_call(row.args, row.kwargs, row.hook, {named: due.isoformat()} if named else None)
    try:
        task = registry.find(row.func)
        chosen = task.using(**call.options) if call.options else task
        who = f"schedule {store.named(row)}"[:LONGEST_NAME]
        job = pool_backend().new_job(chosen, call.args, call.kwargs, now, created_by=who)
    except UNUSABLE as error:
        hint = FUNCTIONS_HINT if isinstance(error, UnknownTask) else ""
        raise InvalidSchedule(_sentence(error) + hint) from error
    return Made(job, chosen, call)


def announce(made: Made) -> None:
    """Send Django's signal, as every way in does. A listener that fails must not make it seem that there is no job."""
    backend = pool_backend()
    result = waiting_result(backend.alias, made.task, made.job, made.call.args, made.call.kwargs)
    task_enqueued.send_robust(type(backend), task_result=result)


def run_now(id: Any, by: Actor = NOBODY) -> UUID:
    """Enqueue the job of a schedule now, paused or not; its rhythm stays as it is. Return the job's id.

    Raises ScheduleNotFound, InvalidSchedule, QueueFull.
    """
    row, now = store.find(id), datetime.now(UTC)
    made = make(row, now, now)
    stands = store.fire_once_more(database_alias(), row, made.job, now, by)
    if stands == made.job.id:
        announce(made)
    return stands


def problem_of(row: Any, now: datetime) -> str:
    """Why a schedule cannot be run as it stands, in a sentence; empty when it can."""
    try:
        make(row, row.next_run or now, now)
        if row.next_run is not None and not django_q.is_once(row):
            django_q.following(row, now, catch_up=True)
    except (InvalidSchedule, ValueError) as error:
        return _sentence(error)
    return ""


def add(task: str, args: Sequence[Any], kwargs: dict[str, Any], by: Actor = NOBODY, **fields: Any) -> Any:
    """Make a schedule; `fields` are those of django-q2's row. Raises InvalidSchedule when it could not be run."""
    alias, now = database_alias(), datetime.now(UTC)
    store.require_schedules(alias)
    texts = {"args": repr(tuple(args)) if args else "", "kwargs": repr(kwargs) if kwargs else ""}
    try:
        row = django_q.new(alias, func=task, **texts, **fields)
    except ValueError as error:
        raise InvalidSchedule(_sentence(error)) from None
    if problem := problem_of(row, now):
        raise InvalidSchedule(problem)
    store.keep(row, by)
    return row


# Lists -------------------------------------------------------------------------


def listed(search: str = "", after: int = 0, limit: int = MOST_LISTED, *, soonest: bool = False) -> Listed:
    """A part of the schedules, by number or the soonest first. Raises NoSchedules where there are none.

    `search` is a part of a name or of a task's name; `after` is the place in the list.
    """
    alias, now = database_alias(), datetime.now(UTC)
    store.require_schedules(alias)
    rows = django_q.schedules(alias)
    if search:
        rows = rows.filter(Q(name__icontains=search) | Q(func__icontains=search))
    order = (IS_FINISHED, F("next_run").asc(nulls_last=True), "pk") if soonest else ("pk",)
    part = list(rows.order_by(*order)[after : after + limit + 1])
    return Listed(_dicts(alias, part[:limit], now), len(part) > limit, django_q.strangers(alias).exists())


def shown(id: Any) -> dict[str, Any]:
    """One of them. Raises ScheduleNotFound."""
    (found,) = _dicts(database_alias(), [store.find(id)], datetime.now(UTC))
    return found


def _dicts(alias: str, rows: Sequence[Any], now: datetime) -> list[dict[str, Any]]:
    states = store.states(alias, [row.pk for row in rows])
    last = [state.last_job for state in states.values() if state.last_job is not None]
    ends = dict(Job.objects.using(alias).filter(pk__in=last).values_list("pk", "status"))
    nothing = ScheduleState(paused_by="", missed=0)
    return [_dict(row, states.get(row.pk, nothing), ends, now) for row in rows]


def _dict(row: Any, state: ScheduleState, ends: dict[UUID, str], now: datetime) -> dict[str, Any]:
    due = row.next_run and row.next_run.timestamp()
    is_paused = state.paused_at is not None
    status = status_of(due, row.repeats, is_paused=is_paused, now=now.timestamp())
    fired, was_due = state.last_fired_at, state.last_due_at
    return {
        "id": row.pk,
        "name": row.name or None,
        "task": row.func,
        "args": row.args or "",
        "kwargs": row.kwargs or "",
        "rhythm": django_q.rhythm(row),
        "repeats": None if row.repeats < 0 else row.repeats,
        "status": str(status),
        "next_run": iso(row.next_run) if status is not ScheduleStatus.FINISHED else None,
        "next_runs": [iso(at) for at in django_q.upcoming(row, SHOWN_RUNS)],
        "late": now.timestamp() - due if due and status is ScheduleStatus.LATE else None,
        "paused_at": iso(state.paused_at),
        "paused_by": state.paused_by or None,
        "last_due_at": iso(was_due),
        "last_fired_at": iso(fired),
        "last_delay": (fired - was_due).total_seconds() if fired and was_due else None,
        "last_job": str(state.last_job) if state.last_job else None,
        "last_status": ends.get(state.last_job) if state.last_job else None,
        "missed": state.missed,
        "problem": problem_of(row, now) or None,
    }


def _sentence(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{text[:1].upper()}{text[1:]}".rstrip(".") + "."
