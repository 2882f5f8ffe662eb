"""How a job is tied to others: its parents, its callbacks, the key that only one may hold, the key it is limited by.

Read from the options of a task by `pool.domain.options`. A wrong one raises `InvalidOption` with a sentence that starts
with its name. Tasks are known here by their shape alone: what has a `module_path`, or a dotted name.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from pool.domain.errors import InvalidOption
from pool.domain.ids import parse_id
from pool.domain.naming import MAX_NAME, check_name
from pool.domain.states import DEAD_LETTERS, TERMINAL, WAITING, JobStatus, ParentEnd

MAX_PARENTS: Final = 1000
MAX_KEY: Final = 200
MAX_RUNNING: Final = 32_767
MAX_RATE: Final = 1_000_000.0
MAX_PERIOD_S: Final = 366 * 86_400.0
MAX_TASK_NAME: Final = 200


class UniqueScope(StrEnum):
    """How long a job holds its unique key: while it waits, until it has ended, or for a time."""

    WAITING = "waiting"
    RUNNING = "running"
    PERIOD = "period"


class OnParentFailure(StrEnum):
    """What becomes of a job when one that it waits for does not complete."""

    CANCEL = "cancel"
    RUN = "run"


WANTED = {OnParentFailure.CANCEL: ParentEnd.SUCCESS, OnParentFailure.RUN: ParentEnd.ANY}


@dataclass(frozen=True, slots=True)
class Unique:
    """A key that one job at a time may hold."""

    key: str
    scope: UniqueScope = UniqueScope.RUNNING
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Callback:
    """A job that waits for another's end. Without `args` it gets the other's id."""

    task: Any
    args: Sequence[Any] | None = None
    kwargs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Links:
    """All ties of a job."""

    parents: tuple[UUID, ...] = ()
    wants: ParentEnd = ParentEnd.SUCCESS
    unique: Unique | None = None
    on_success: Callback | None = None
    on_failure: Callback | None = None
    limit_key: str = ""
    limit_running: int | None = None
    limit_rate: float | None = None

    @property
    def callbacks(self) -> list[tuple[Callback, ParentEnd]]:
        """Those there are, each with the end that it wants."""
        both = ((self.on_success, ParentEnd.SUCCESS), (self.on_failure, ParentEnd.FAILURE))
        return [(callback, wants) for callback, wants in both if callback is not None]


NO_LINKS = Links()


def goes_on(wants: ParentEnd, end: JobStatus) -> bool:
    """Whether this end of a parent is what its child waits for. A cancelled job neither succeeded nor failed."""
    match wants:
        case ParentEnd.SUCCESS:
            return end is JobStatus.COMPLETED
        case ParentEnd.FAILURE:
            return end in DEAD_LETTERS
        case ParentEnd.ANY:
            return end in TERMINAL


def batch_end(total: int, completed: int, failed: int, cancelled: int) -> JobStatus | None:
    """How a batch ended, in the words of jobs; None while some of its jobs have not."""
    if completed + failed + cancelled < total:
        return None
    if failed > 0:
        return JobStatus.FAILED
    return JobStatus.CANCELLED if cancelled > 0 else JobStatus.COMPLETED


def holds(scope: str, status: JobStatus | None, *, is_in_period: bool) -> bool:
    """Whether a job of this status (None: it is gone) still holds its key."""
    if scope == UniqueScope.PERIOD:
        return is_in_period
    if status is None:
        return False
    return status in WAITING if scope == UniqueScope.WAITING else status not in TERMINAL


def read_parents(value: Any) -> tuple[UUID, ...]:
    """Accept a result, an id or a batch, or several of them."""
    if value is None:
        return ()
    several = isinstance(value, Collection) and not isinstance(value, (str, bytes, Mapping))
    found = [_parent(one) for one in (value if several else (value,))]
    parents = tuple(dict.fromkeys(found))
    if len(parents) > MAX_PARENTS:
        raise InvalidOption(f"depends_on may name {MAX_PARENTS} jobs. Put more of them into a batch, and name that.")
    return parents


def _parent(value: Any) -> UUID:
    id = getattr(value, "id", value)
    parsed = id if isinstance(id, UUID) else parse_id(id) if isinstance(id, str) else None
    if parsed is None:
        raise InvalidOption("depends_on must name jobs or batches: results, ids, or what pool.batch() gave.")
    return parsed


def read_policy(value: Any) -> ParentEnd:
    if value is None:
        return ParentEnd.SUCCESS
    try:
        return WANTED[OnParentFailure(value)]
    except ValueError:
        raise InvalidOption(f"on_parent_failure must be one of {', '.join(OnParentFailure)}.") from None


def read_unique(value: Any) -> Unique | None:
    """Accept a text, or a dict of key, scope and seconds."""
    if value is None or isinstance(value, Unique):
        return value
    given = {"key": value} if isinstance(value, str) else value
    if not isinstance(given, Mapping) or not set(given) <= {"key", "scope", "seconds"} or "key" not in given:
        raise InvalidOption("unique_key must be a text, or a dict of key, scope and seconds.")
    scope, seconds = _scope(given.get("scope")), given.get("seconds")
    if scope is UniqueScope.PERIOD and not _is_number(seconds, 0, MAX_PERIOD_S):
        raise InvalidOption(f"unique_key['seconds'] must be a number above 0 and up to {MAX_PERIOD_S:.0f}.")
    if scope is not UniqueScope.PERIOD and seconds is not None:
        raise InvalidOption("unique_key['seconds'] goes with the scope 'period' alone.")
    key = check_name("unique_key", given["key"], MAX_KEY)
    return Unique(key, scope, None if seconds is None else float(seconds))


def _scope(value: Any) -> UniqueScope:
    try:
        return UniqueScope.RUNNING if value is None else UniqueScope(value)
    except ValueError:
        raise InvalidOption(f"unique_key['scope'] must be one of {', '.join(UniqueScope)}.") from None


def read_callback(option: str, value: Any) -> Callback | None:
    """Accept a task or its dotted name, alone, or with arguments as a tuple (task, args, kwargs) or a dict of them."""
    if value is None or isinstance(value, Callback):
        return value
    if isinstance(value, Mapping):
        parts = dict(value)
        if "task" not in parts or not set(parts) <= {"task", "args", "kwargs"}:
            raise InvalidOption(f"{option} must be a task, a tuple (task, args, kwargs), or a dict of these three.")
    else:
        given = value if isinstance(value, (tuple, list)) else (value,)
        if not 1 <= len(given) <= 3:
            raise InvalidOption(f"{option} must be a task, or a tuple (task, args, kwargs).")
        parts = dict(zip(("task", "args", "kwargs"), given, strict=False))
    return _callback(option, parts["task"], parts.get("args"), parts.get("kwargs"))


def _callback(option: str, task: Any, args: Any, kwargs: Any) -> Callback:
    is_name = isinstance(task, str) and 0 < len(task) <= MAX_TASK_NAME
    if not is_name and not isinstance(getattr(task, "module_path", None), str):
        raise InvalidOption(f"{option} must name a task: the task itself, or its dotted name.")
    if args is not None and (isinstance(args, (str, bytes)) or not isinstance(args, Sequence)):
        raise InvalidOption(f"{option}: the arguments must be a list.")
    if kwargs is not None and not isinstance(kwargs, Mapping):
        raise InvalidOption(f"{option}: the named arguments must be a dict.")
    return Callback(task, args, kwargs or {})


def read_limits(key: Any, running: Any, rate: Any) -> tuple[str, int | None, float | None]:
    """Check the three options of a limit key together."""
    text = "" if key is None or key == "" else check_name("limit_key", key, MAX_NAME)
    if running is not None and (type(running) is not int or not 1 <= running <= MAX_RUNNING):
        raise InvalidOption(f"limit_running must be a whole number from 1 to {MAX_RUNNING}.")
    if rate is not None and not _is_number(rate, 0, MAX_RATE):
        raise InvalidOption(f"limit_rate must be a number of starts in a second, above 0 and up to {MAX_RATE:.0f}.")
    for option, value in (("limit_running", running), ("limit_rate", rate)):
        if value is not None and not text:
            raise InvalidOption(f"{option} needs a limit_key: jobs with the same key share the limit.")
    return text, running, None if rate is None else float(rate)


def _is_number(value: Any, above: float, most: float) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and above < value <= most
