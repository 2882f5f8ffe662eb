"""The pool under Django's Tasks API: the backend that TASKS names.

Used by every process that enqueues. Enqueuing checks everything first and then appends rows on Django's own connection,
so that a job exists if and only if its transaction commits. Importing this module touches no model and no database:
tasks may be defined while the apps are still loading.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any
from uuid import UUID

from pool import registry
from pool.adapters.tasks_api import BaseTaskBackend, InvalidTask, Task, task_backends, task_enqueued
from pool.conf import database_alias, get_config
from pool.declaration import PoolTask, as_pool_task, task
from pool.domain.errors import InvalidPayload, NotReady
from pool.domain.ids import new_id, parse_id
from pool.domain.options import UNSET
from pool.domain.payload import encode_arguments
from pool.linking import Entry, linked
from pool.results import PoolResult, stored_result, waiting_result
from pool.store.enqueue import BATCH, enqueue_row, enqueue_rows
from pool.store.linked import enqueue_linked
from pool.store.new_job import NewBatch, NewJob

__all__ = ["PoolBackend", "PoolTask", "enqueue_many", "pool_backend", "task"]

Call = tuple[Sequence[Any], Mapping[str, Any]]

MAX_TASK_NAME = 200

DJANGOS_LOG = logging.getLogger(Task.__module__.removesuffix(".base"))


class PoolBackend(BaseTaskBackend):
    """Sends tasks to the pool. Without QUEUES any name of a queue is valid."""

    task_class = PoolTask
    supports_defer = True
    supports_async_task = True
    supports_get_result = True
    supports_priority = True

    def __init__(self, alias: str, params: dict[str, Any]) -> None:
        super().__init__(alias, params)
        self.queues = set(params.get("QUEUES", ()))

    def validate_task(self, task: Task) -> None:
        """Refuse what Django refuses, and a function without a name that workers could look up."""
        super().validate_task(task)
        if "<" in task.func.__qualname__:
            raise InvalidTask("Task function must be defined at a module level, with def.")
        if len(task.module_path) > MAX_TASK_NAME:
            raise InvalidTask(f"The dotted name of a task may have {MAX_TASK_NAME} characters: {task.module_path}")

    def enqueue(self, task: Task, args: Any, kwargs: Any) -> PoolResult:
        """Store one job in the caller's transaction, or at once when there is none.

        When another job holds its unique key, nothing is stored and the result is that job's.
        """
        self.require_known(task)
        job = self.new_job(task, args, kwargs, datetime.now(UTC))
        stands = enqueue_row(database_alias(), job)
        if stands != job.id:
            return self.get_result(str(stands))
        result = waiting_result(self.alias, task, job, args, kwargs)
        # A listener that fails must not make the caller believe that there is no job.
        task_enqueued.send_robust(type(self), task_result=result)
        return result

    def enqueue_many(self, task: Task, calls: Iterable[Call]) -> list[UUID]:
        """Store a job for each call, in the caller's transaction or in one for each 10,000; return the ids in order."""
        self.require_known(task)
        ids: list[UUID] = []
        for batch in _batches(calls):
            now = datetime.now(UTC)
            jobs = [self.numbered_job(task, call, now, len(ids) + index) for index, call in enumerate(batch)]
            stand = enqueue_rows(database_alias(), jobs)
            ids += stand
            self._announce(task, jobs, batch, stand)
        return ids

    def enqueue_batch(self, batch: NewBatch, entries: Sequence[Entry]) -> list[UUID]:
        """Store a batch with its jobs and callbacks in one transaction; return the ids that stand for the jobs."""
        stand = enqueue_linked(database_alias(), [entry.job for entry in entries], batch)
        for entry, id in zip(entries, stand, strict=True):
            self._announce(entry.task, [entry.job], [(entry.args, entry.kwargs)], [id])
        return stand

    def get_result(self, result_id: str) -> PoolResult:
        """Read a job's result from the database."""
        return stored_result(self.alias, result_id)

    def require_known(self, task: Task) -> None:
        """Refuse a task that workers would not find."""
        self.validate_task(task)
        if not registry.known(task.module_path):
            raise InvalidTask(
                f"Workers will not know {task.module_path}: put it into tasks.py of an installed app, "
                f"or name its module in POOL['task_modules']."
            )

    def new_job(
        self, task: Task, args: Any, kwargs: Any, now: datetime, created_by: str = "", level: int = 0
    ) -> NewJob:
        """Check the arguments and make the row; nothing is stored yet. `level` is that of a callback's callback."""
        config = get_config()
        options = (task if isinstance(task, PoolTask) else as_pool_task(task)).options
        args_json, kwargs_json = encode_arguments(args, kwargs, config.max_payload_bytes, config.max_json_depth)
        run_after = options.run_after
        job = NewJob(
            id=new_id(),
            task=task.module_path,
            args=args_json,
            kwargs=kwargs_json,
            queue=options.queue,
            priority=options.priority,  # type: ignore[arg-type]
            max_attempts=options.max_attempts or config.max_attempts,
            timeout=config.timeout_s if options.timeout is UNSET else options.timeout,
            created_at=now,
            run_at=now if run_after is None else max(now, run_after.astimezone(UTC)),
            expires_at=options.expires_at and options.expires_at.astimezone(UTC),
            tenant=options.tenant or "",
            affinity=options.affinity or "",
            backoff=options.backoff_json,
            requires=options.requires_json,
            metadata=options.metadata_json,
            tags=options.tags_json,
            created_by=created_by,
        )
        return job if options.links is None else linked(self, job, options.links, now, level)

    def numbered_job(self, task: Task, call: Call, now: datetime, index: int) -> NewJob:
        """The same for one of many calls; an error says for which."""
        try:
            args, kwargs = call
        except (TypeError, ValueError):
            raise InvalidPayload(f"calls[{index}] must be a pair (args, kwargs).") from None
        try:
            return self.new_job(task, args, kwargs, now)
        except InvalidPayload as error:
            raise InvalidPayload(f"calls[{index}]: {error}") from None

    def _announce(self, task: Task, jobs: Sequence[NewJob], calls: Sequence[Call], stand: Sequence[UUID]) -> None:
        """Send the signal for each new job, unless Django's own debug log is the only listener and is off."""
        if len(task_enqueued.receivers) <= 1 and not DJANGOS_LOG.isEnabledFor(logging.DEBUG):
            return
        for job, (args, kwargs), id in zip(jobs, calls, stand, strict=True):
            if id != job.id:
                continue
            result = waiting_result(self.alias, task, job, args, kwargs)
            task_enqueued.send_robust(type(self), task_result=result)


def enqueue_many(task: Task, calls: Iterable[Call]) -> list[UUID]:
    """Enqueue a task once for each call, a pair `(args, kwargs)`; return the ids in the order of the calls.

    A transaction of the caller holds them all. Without one, each 10,000 are committed on their own, so that a call that
    cannot be stored leaves the batches before it enqueued.
    """
    backend = task.get_backend()
    if isinstance(backend, PoolBackend):
        return backend.enqueue_many(task, calls)
    return [parse_id(backend.enqueue(task, args, kwargs).id) or new_id() for args, kwargs in calls]


def pool_backend() -> PoolBackend:
    """The first backend of TASKS that is the pool's."""
    for alias in task_backends:
        backend = task_backends[alias]
        if isinstance(backend, PoolBackend):
            return backend
    raise NotReady('No entry of TASKS uses the pool: set TASKS = {"default": {"BACKEND": "pool.backend.PoolBackend"}}.')


def _batches(calls: Iterable[Call]) -> Iterator[list[Call]]:
    remaining = iter(calls)
    while batch := list(islice(remaining, BATCH)):
        yield batch
