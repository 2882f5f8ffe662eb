"""New jobs with ties: parents, callbacks and keys of a task's options put onto the job that is about to be stored.

Called by `pool.backend` and `pool.batches` in the process that enqueues; nothing is stored here.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol
from uuid import UUID

import msgspec

from pool import registry
from pool.adapters.tasks_api import Task
from pool.domain.errors import InvalidOption, UnknownTask
from pool.domain.links import Callback, Links
from pool.domain.states import ParentEnd
from pool.store.new_job import LinkedJob, NewJob, Parent

MOST_LEVELS = 10
"""Callbacks may have callbacks. Without a bound, a task that names itself would have them without end."""


class Entry(NamedTuple):
    """A job of a batch, and what it was made of."""

    task: Task
    args: Sequence[Any]
    kwargs: Mapping[str, Any]
    job: LinkedJob


class Maker(Protocol):
    """The backend, which makes jobs."""

    def require_known(self, task: Task) -> None: ...

    def new_job(
        self, task: Task, args: Any, kwargs: Any, now: datetime, created_by: str = "", level: int = 0
    ) -> NewJob: ...


def linked(maker: Maker, job: NewJob, links: Links, now: datetime, level: int) -> LinkedJob:
    """The job with its ties. Its callbacks are made as well, each with the options of its own task."""
    callbacks = tuple(
        callback_job(maker, callback, wants, job.id, now, job.created_by, level + 1)
        for callback, wants in links.callbacks
    )
    return LinkedJob(
        **msgspec.structs.asdict(job),
        parents=tuple(Parent(id, links.wants) for id in links.parents),
        callbacks=callbacks,
        unique=links.unique,
        unique_key=links.unique.key if links.unique else "",
        limit_key=links.limit_key,
        limit_running=links.limit_running,
        limit_rate=links.limit_rate,
    )


def callback_job(
    maker: Maker, callback: Callback, wants: ParentEnd, parent: UUID, now: datetime, created_by: str, level: int = 1
) -> LinkedJob:
    """A job that waits for the end of a job or batch, and gets its id unless it was given arguments."""
    if level > MOST_LEVELS:
        raise InvalidOption(f"Callbacks have callbacks for more than {MOST_LEVELS} levels. Does a task name itself?")
    task = _task_of(callback)
    maker.require_known(task)
    args = (str(parent),) if callback.args is None else callback.args
    job = with_ties(maker.new_job(task, args, callback.kwargs, now, created_by, level))
    return msgspec.structs.replace(job, parents=(Parent(parent, wants), *job.parents))


def with_ties(job: NewJob) -> LinkedJob:
    """The same job, with room for ties."""
    return job if isinstance(job, LinkedJob) else LinkedJob(**msgspec.structs.asdict(job))


def _task_of(callback: Callback) -> Task:
    if not isinstance(callback.task, str):
        task: Task = callback.task
        return task
    try:
        return registry.find(callback.task)
    except UnknownTask as error:
        raise InvalidOption(f"A callback names a task that there is not. {error}") from None
