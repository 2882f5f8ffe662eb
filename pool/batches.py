"""`pool.batch`: jobs that are submitted together, counted together, and followed by callbacks when all have ended.

    with pool.batch("nightly import", on_success=tell_everybody) as batch:
        for path in paths:
            batch.enqueue(import_file, path)

Nothing is stored before the block ends, and then all of it in one transaction, or in the caller's. A block that raises
stores nothing.
"""

import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import partial
from typing import Any, Self
from uuid import UUID

import msgspec

from pool.adapters.tasks_api import Task
from pool.backend import Call, PoolBackend, pool_backend
from pool.domain.errors import InvalidOption, NotPossible
from pool.domain.ids import new_id
from pool.domain.links import read_callback
from pool.domain.naming import check_name
from pool.domain.states import ParentEnd
from pool.linking import Entry, callback_job, with_ties
from pool.results import PoolResult, waiting_result
from pool.store.new_job import NewBatch

WANTS = {"on_success": ParentEnd.SUCCESS, "on_failure": ParentEnd.FAILURE, "on_end": ParentEnd.ANY}
"""The callbacks of a batch, and the end of it that each waits for."""

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.01, 0.5


def batch(
    name: str = "", *, on_success: Any = None, on_failure: Any = None, on_end: Any = None, created_by: str = ""
) -> "Batch":
    """Begin a batch; use it in a `with` statement.

    A callback is a task, or `(task, args, kwargs)`; without arguments it gets the batch's id. `on_success` runs when
    all jobs completed, `on_failure` when one of them became a dead letter, `on_end` whatever became of them.
    """
    return Batch(name, on_success=on_success, on_failure=on_failure, on_end=on_end, created_by=created_by)


class Batch:
    """A batch as its maker holds it. Other jobs may wait for it: `depends_on=batch`, once it is stored."""

    def __init__(self, name: str, *, on_success: Any, on_failure: Any, on_end: Any, created_by: str) -> None:
        self.id: UUID = new_id()
        self.name = check_name("name", name) if name else ""
        self.created_by = created_by
        given = zip(WANTS, (on_success, on_failure, on_end), strict=True)
        read = [(read_callback(option, value), WANTS[option]) for option, value in given]
        self._callbacks = [(callback, wants) for callback, wants in read if callback is not None]
        self._entries: list[Entry] = []
        self._heirs: list[Callable[[UUID], None]] = []
        """Of each job, where to note the id of the one that stands for it."""
        self._backend: PoolBackend | None = None
        self._is_open = False

    def __enter__(self) -> Self:
        self._is_open = True
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._is_open = False
        if kind is None:
            self._store()

    def enqueue(self, task: Task, *args: Any, **kwargs: Any) -> PoolResult:
        """Add a job. Its result can be waited for, and named in depends_on, like any other once the block has ended."""
        entry = self._entry(task, args, kwargs)
        result = waiting_result(task.backend, task, entry.job, args, kwargs)
        self._entries.append(entry)
        self._heirs.append(lambda id: object.__setattr__(result, "id", str(id)))
        return result

    def enqueue_many(self, task: Task, calls: Iterable[Call]) -> list[UUID]:
        """Add a job for each call, a pair `(args, kwargs)`; the ids in order."""
        entries = [self._entry(task, args, kwargs) for args, kwargs in calls]
        ids = [entry.job.id for entry in entries]
        self._entries += entries
        self._heirs += [partial(ids.__setitem__, index) for index in range(len(ids))]
        return ids

    def counts(self) -> dict[str, Any]:
        """How many of its jobs have ended, and how, as the database says now."""
        from pool.store.family import batch_dict, get_batch

        return batch_dict(get_batch(self.id))

    def wait(self, timeout: float | None = None) -> dict[str, Any]:
        """Block until all jobs have ended, and return the counts; TimeoutError when it takes longer."""
        deadline = None if timeout is None else time.monotonic() + timeout
        pause = FIRST_PAUSE_S
        while (counts := self.counts())["finished_at"] is None:
            if deadline is not None and time.monotonic() >= deadline:
                raise TimeoutError(f"Batch {self.id} did not end within {timeout} seconds: {counts['waiting']} left.")
            time.sleep(pause)
            pause = min(pause * 1.5, LONGEST_PAUSE_S)
        return counts

    def _entry(self, task: Task, args: Any, kwargs: Any) -> Entry:
        if not self._is_open:
            raise NotPossible("Jobs are added to a batch within its block: with pool.batch() as batch: ...")
        backend = task.get_backend()
        if not isinstance(backend, PoolBackend):
            raise InvalidOption(f"Only tasks of the pool can be in a batch; {task.module_path} has another backend.")
        self._backend = backend
        backend.require_known(task)
        job = with_ties(backend.new_job(task, args, kwargs, datetime.now(UTC), self.created_by))
        return Entry(task, args, kwargs, msgspec.structs.replace(job, batch=self.id))

    def _store(self) -> None:
        backend, now = self._backend or pool_backend(), datetime.now(UTC)
        callbacks = tuple(
            callback_job(backend, callback, wants, self.id, now, self.created_by) for callback, wants in self._callbacks
        )
        made = NewBatch(id=self.id, name=self.name, created_at=now, created_by=self.created_by, callbacks=callbacks)
        stand = backend.enqueue_batch(made, [_at_once(entry, now) for entry in self._entries])
        for entry, inherit, id in zip(self._entries, self._heirs, stand, strict=True):
            # Where another job holds the unique key, what was returned is that job's.
            if entry.job.id != id:
                inherit(id)


def _at_once(entry: Entry, now: datetime) -> Entry:
    """The wait is counted from the end of the block, from which on there is a job."""
    job = entry.job
    run_at = now if job.run_at == job.created_at else max(job.run_at, now)
    return entry._replace(job=msgspec.structs.replace(job, created_at=now, run_at=run_at))
