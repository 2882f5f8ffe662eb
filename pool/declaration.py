"""Task objects: Django's Task with the pool's options, and the decorator that makes one on every version of Django.

Imported by modules that define tasks, in every process, perhaps while Django's apps are still loading: nothing here
touches a model or the database. The options are checked when the task object is made, not when it is enqueued.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any, TypedDict, Unpack

from django.utils.module_loading import import_string

from pool.adapters.tasks_api import (
    DEFAULT_TASK_BACKEND_ALIAS,
    DEFAULT_TASK_QUEUE_NAME,
    InvalidTask,
    Task,
    task_backends,
)
from pool.domain.errors import InvalidOption
from pool.domain.options import UNSET, Backoff, JobOptions, TaskKind, Timeout, check_kind


class Options(TypedDict, total=False):
    """What `.using()` takes."""

    priority: int | str | None
    queue_name: str | None
    run_after: datetime | None
    backend: str | None
    expires_at: datetime | None
    timeout: Timeout
    max_attempts: int | None
    backoff: Backoff
    tenant: str | None
    affinity: str | None
    requires: Sequence[str] | None
    metadata: Mapping[str, Any] | None
    tags: Sequence[str] | None
    depends_on: Any
    on_parent_failure: Any
    unique_key: Any
    on_success: Any
    on_failure: Any
    limit_key: str | None
    limit_running: int | None
    limit_rate: float | None


OPTION_NAMES = frozenset(Options.__annotations__)
OF_THE_TASK = frozenset({"kind", "map_result", "isolated"})
"""What a task is declared with, and no job can change."""
DJANGOS_OWN = frozenset({"priority", "queue_name", "run_after", "backend"})


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolTask(Task):
    """A task with the pool's options. Not given means the pool's setting; a timeout of None means no limit."""

    timeout: Timeout = UNSET
    max_attempts: int | None = None
    backoff: Backoff = field(default=None, hash=False)
    expires_at: datetime | None = None
    tenant: str | None = ""
    affinity: str | None = ""
    requires: Sequence[str] | None = field(default=(), hash=False)
    metadata: Mapping[str, Any] | None = field(default=None, hash=False)
    tags: Sequence[str] | None = field(default=(), hash=False)
    kind: TaskKind = TaskKind.CUSTOM
    isolated: bool = False
    """Each of its jobs has a process for itself."""
    map_result: Callable[[Any], Any] | None = field(default=None, hash=False, repr=False)
    """Called in the worker with what the task returned: returns what is kept of it, or raises to fail the attempt."""

    depends_on: Any = field(default=None, hash=False, repr=False)
    on_parent_failure: Any = field(default=None, hash=False, repr=False)
    unique_key: Any = field(default=None, hash=False, repr=False)
    on_success: Any = field(default=None, hash=False, repr=False)
    on_failure: Any = field(default=None, hash=False, repr=False)
    limit_key: str | None = ""
    limit_running: int | None = None
    limit_rate: float | None = None

    options: JobOptions = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Check the pool's options first: Django's validation knows no priority by name."""
        try:
            object.__setattr__(self, "options", self._checked_options())
            object.__setattr__(self, "kind", check_kind(self.kind))
            if self.map_result is not None and not callable(self.map_result):
                raise InvalidOption(f"map_result must be a function of the result, not {self.map_result!r}.")
        except InvalidOption as error:
            raise InvalidTask(str(error)) from None
        object.__setattr__(self, "priority", self.options.priority)
        # A class with slots is made twice, and super() without arguments would mean the first one.
        Task.__post_init__(self)

    def _checked_options(self) -> JobOptions:
        return JobOptions(
            priority=self.priority,
            queue=self.queue_name,
            run_after=self.run_after,
            expires_at=self.expires_at,
            timeout=self.timeout,
            max_attempts=self.max_attempts,
            backoff=self.backoff,
            tenant=self.tenant,
            affinity=self.affinity,
            requires=self.requires,
            metadata=self.metadata,
            tags=self.tags,
            depends_on=self.depends_on,
            on_parent_failure=self.on_parent_failure,
            unique_key=self.unique_key,
            on_success=self.on_success,
            on_failure=self.on_failure,
            limit_key=self.limit_key,
            limit_running=self.limit_running,
            limit_rate=self.limit_rate,
        )

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function here and now, and map what it returns as a worker does."""
        return self.mapped(Task.call(self, *args, **kwargs))

    async def acall(self, *args: Any, **kwargs: Any) -> Any:
        return self.mapped(await Task.acall(self, *args, **kwargs))

    def mapped(self, value: Any) -> Any:
        """What is kept of the value that the function returned. Raises what `map_result` does."""
        return value if self.map_result is None else self.map_result(value)

    def using(self, **options: Unpack[Options]) -> "PoolTask":
        """Return the same task with other options. Django's own four keep their value when they are None."""
        for name in options:
            if name not in OPTION_NAMES:
                raise TypeError(f"using() knows no option {name!r}. It takes {', '.join(sorted(OPTION_NAMES))}.")
        given: dict[str, Any] = {
            name: value for name, value in options.items() if value is not None or name not in DJANGOS_OWN
        }
        return replace(self, **given)

    def __deepcopy__(self, memo: dict[int, Any]) -> "PoolTask":
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        # By its name, as Django 6.1 does: the name of the function leads to this object, not to the function.
        given = {item.name: getattr(self, item.name) for item in fields(self) if item.init}
        return _revive, (type(self), given | {"func": self.module_path})


def _revive(kind: type[PoolTask], given: dict[str, Any]) -> PoolTask:
    task = import_string(given["func"])
    if not isinstance(task, Task):
        raise ValueError(f"Expected {given['func']!r} to point to a Task instance.")
    return kind(**given | {"func": task.func})


def as_pool_task(task: Task) -> PoolTask:
    """The same task as one with the pool's options, all of them left to the settings."""
    return PoolTask(**{item.name: getattr(task, item.name) for item in fields(task)})


def task(
    function: Callable[..., Any] | None = None,
    *,
    priority: int | str = 0,
    queue_name: str = DEFAULT_TASK_QUEUE_NAME,
    backend: str = DEFAULT_TASK_BACKEND_ALIAS,
    takes_context: bool = False,
    **options: Any,
) -> Any:
    """Make a task of a function, with Django's arguments and the pool's options, on every version of Django.

    Whatever backend the project (or its tests) has configured, the options are accepted.
    """
    for name in options:
        if name == "run_after":
            raise TypeError("run_after cannot be given to @task: use .using(run_after=...) when you enqueue.")
        if name not in OPTION_NAMES | OF_THE_TASK:
            known = ", ".join(sorted(OPTION_NAMES | OF_THE_TASK))
            raise TypeError(f"@task knows no option {name!r}. It takes {known}.")

    def make(function: Callable[..., Any]) -> PoolTask:
        wanted: type[Task] = task_backends[backend].task_class
        kind = wanted if issubclass(wanted, PoolTask) else PoolTask
        return kind(
            func=function,
            priority=priority,  # type: ignore[arg-type]
            queue_name=queue_name,
            backend=backend,
            takes_context=takes_context,
            run_after=None,
            **options,
        )

    return make if function is None else make(function)
