"""A job as somebody orders it over the API: its fields checked, then stored.

Everything is checked before anything is stored, by the rules that hold for `.using()` and `.enqueue()`. A wrong field
raises BadField with its name.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Any
from uuid import UUID

from django.db import transaction

from dashboard.api.body import shown
from dashboard.api.errors import BadField
from pool import registry
from pool.adapters.tasks_api import InvalidTask, task_enqueued
from pool.backend import PoolBackend, pool_backend
from pool.conf import database_alias, get_config
from pool.declaration import OPTION_NAMES, PoolTask
from pool.domain.errors import InvalidOption, InvalidPayload, UnknownParent, UnknownTask
from pool.domain.payload import encode_arguments
from pool.results import waiting_result
from pool.store.enqueue import enqueue_rows
from pool.store.events import EVERYDAY, write_action
from pool.store.linked import enqueue_linked
from pool.store.new_job import NewBatch, NewJob
from pool.store.operate import Actor

OPTION_OF = {"queue": "queue_name"} | {name: name for name in sorted(OPTION_NAMES - {"queue_name", "backend"})}
"""The options of `.using()` by their names here."""

MOMENTS = ("run_after", "expires_at")
CALLBACKS = ("on_success", "on_failure")
FIELDS = ("task", "args", "kwargs", *OPTION_OF)

Fields = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Order:
    """A job that will be stored, and what it was made of."""

    task: PoolTask
    args: Sequence[Any]
    kwargs: Mapping[str, Any]
    job: NewJob


def read_orders(bodies: Iterable[Any], actor: Actor) -> list[Order]:
    """Check many; the first that is wrong refuses them all, by its number."""
    now, backend = datetime.now(UTC), pool_backend()
    orders: list[Order] = []
    for number, body in enumerate(bodies):
        try:
            orders.append(_read(_with_earlier(body, orders), backend, now, actor))
        except BadField as error:
            place = f"jobs[{number}]"
            raise BadField(f"{place}.{error.field}" if error.field else place, f"{place}: {error}") from None
    return orders


def read_order(body: Any, actor: Actor) -> Order:
    """Check one."""
    return _read(body, pool_backend(), datetime.now(UTC), actor)


def store(orders: Sequence[Order], actor: Actor, batch: NewBatch | None = None) -> list[UUID]:
    """Store all of them, or none, with the entry for the audit; the ids of the jobs that stand for them."""
    alias, jobs = database_alias(), [order.job for order in orders]
    with transaction.atomic(using=alias):
        stand = enqueue_rows(alias, jobs) if batch is None else enqueue_linked(alias, jobs, batch)
        new = [order for order, id in zip(orders, stand, strict=True) if id == order.job.id]
        if new:
            _note(alias, new, actor)
    _announce(new)
    return stand


def field_of(error: UnknownParent, orders: Sequence[Order]) -> str:
    """Which field names a parent that there is not."""
    if len(orders) == 1:
        return "depends_on"
    number = next((at for at, order in enumerate(orders) if order.job.id == error.child), None)
    return "jobs" if number is None else f"jobs[{number}].depends_on"


def _read(body: Any, backend: PoolBackend, now: datetime, actor: Actor) -> Order:
    if not isinstance(body, dict):
        raise BadField("", "A job is a JSON object with the fields task, args, kwargs and options.")
    _refuse_unknown(body)
    task = _with_options(_find(body.get("task")), body, backend)
    args, kwargs = _arguments(body)
    try:
        job = backend.new_job(task, args, kwargs, now, actor.name)
    except InvalidPayload as error:
        raise BadField(_guilty(args, kwargs, task), str(error)) from None
    except (InvalidOption, InvalidTask) as error:
        raise BadField(next((name for name in CALLBACKS if body.get(name)), ""), str(error)) from None
    return Order(task, args, kwargs, job)


def _with_earlier(body: Any, earlier: Sequence[Order]) -> Any:
    """Put ids in the place of the numbers by which a job names earlier ones of the same list."""
    parents = body.get("depends_on") if isinstance(body, dict) else None
    if not isinstance(parents, list) or not any(type(parent) is int for parent in parents):
        return body
    for parent in parents:
        if type(parent) is int and not 0 <= parent < len(earlier):
            raise BadField("depends_on", f"depends_on names number {parent}, which is no earlier job of the list.")
    ids = [str(earlier[parent].job.id) if type(parent) is int else parent for parent in parents]
    return {**body, "depends_on": ids}


def _refuse_unknown(body: Fields) -> None:
    for name in body:
        if name not in FIELDS:
            near = get_close_matches(name[:50], FIELDS, n=1)
            hint = f" Did you mean {near[0]}?" if near else f" A job has {', '.join(FIELDS)}."
            raise BadField(name[:50], f"There is no field {shown(name)}.{hint}")


def _find(name: Any) -> PoolTask:
    if not isinstance(name, str):
        raise BadField("task", "task must be the dotted name of a task.")
    try:
        return registry.find(name)
    except UnknownTask as error:
        raise BadField("task", str(error)) from None


def _arguments(body: Fields) -> tuple[list[Any], dict[str, Any]]:
    args, kwargs = body.get("args", []), body.get("kwargs", {})
    if not isinstance(args, list):
        raise BadField("args", "args must be a list.")
    if not isinstance(kwargs, dict):
        raise BadField("kwargs", "kwargs must be an object of named arguments.")
    return args, kwargs


def _guilty(args: list[Any], kwargs: Fields, task: PoolTask) -> str:
    """Which of them could not be stored."""
    config, links = get_config(), task.options.links
    callbacks = [(name, getattr(links, name)) for name in CALLBACKS if links and getattr(links, name)]
    calls = [("args", args, {}), ("kwargs", [], kwargs)]
    for field, some, named in [*calls, *((name, one.args or [], one.kwargs) for name, one in callbacks)]:
        try:
            encode_arguments(some, named, config.max_payload_bytes, config.max_json_depth)
        except InvalidPayload:
            return field
    # Only together they are too large.
    return "kwargs"


def _with_options(task: PoolTask, body: Fields, backend: PoolBackend) -> PoolTask:
    given = {name: _moment(name, body[name]) if name in MOMENTS else body[name] for name in OPTION_OF if name in body}
    try:
        return task.using(backend=backend.alias, **_named(given))
    except InvalidTask:
        # All at once is the quick way. Which of them is wrong is found one by one.
        for name, value in given.items():
            _try(task, name, value, backend)
        raise


def _try(task: PoolTask, name: str, value: Any, backend: PoolBackend) -> None:
    try:
        task.using(backend=backend.alias, **_named({name: value}))
    except InvalidTask as error:
        raise BadField(name, str(error).replace("queue_name", "queue")) from None


def _named(given: Mapping[str, Any]) -> dict[str, Any]:
    return {OPTION_OF[name]: value for name, value in given.items()}


def _moment(name: str, value: Any) -> datetime | None:
    if value is None:
        return None
    try:
        return datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise BadField(name, f"{name} must be a time with its zone, as 2030-01-31T12:00:00+01:00.") from None


def _note(alias: str, orders: Sequence[Order], actor: Actor) -> None:
    if len(orders) == 1:
        write_action(alias, "job.submitted", actor.name, actor.source, orders[0].job.id, level=EVERYDAY)
    else:
        write_action(alias, "jobs.submitted", actor.name, actor.source, level=EVERYDAY, jobs=len(orders))


def _announce(orders: Sequence[Order]) -> None:
    """Send Django's signal for each. A listener that fails must not make the caller believe that there is no job."""
    backend = pool_backend()
    for order in orders:
        result = waiting_result(backend.alias, order.task, order.job, order.args, order.kwargs)
        task_enqueued.send_robust(type(backend), task_result=result)
