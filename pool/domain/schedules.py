"""What a schedule calls, read from the texts in which django-q2 keeps it; and when it counts as late.

Pure. The texts are literals of Python (`1, 'two'` and `x=1, y=[2]`), which are read and never evaluated. What they mean
is what django-q2 makes of them, with one difference: what cannot be read is told, and not passed over.
"""

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from pool.domain.errors import InvalidSchedule

LATE_AFTER_S: Final = 60.0
"""A run that was not started so long after its time is late."""

OF_ITS_CLUSTER: Final = frozenset(
    {"group", "save", "cached", "ack_failure", "iter_count", "iter_cached", "broker", "broker_name", "cluster"}
)
"""Options of django-q2 that say how its clusters keep a task: here they mean nothing."""

ELSEWHERE: Final = {
    "hook": "use on_success and on_failure of the task",
    "chain": "use depends_on or on_success of the task",
    "sync": "call the function",
}
"""Options of django-q2 that would change what happens, and what to do with the pool."""

OPTIONS_AMONG_ARGUMENTS: Final = (
    "save",
    "cached",
    "ack_failure",
    "iter_count",
    "iter_cached",
    "timeout",
    *ELSEWHERE,
)
"""Named arguments that django-q2 takes for options. A group or a cluster it has set itself: those are arguments."""
UNREADABLE: Final = (SyntaxError, ValueError, TypeError, MemoryError, RecursionError)


class ScheduleStatus(StrEnum):
    """How a schedule stands."""

    ACTIVE = "ACTIVE"
    PAUSED = "PAUSED"
    LATE = "LATE"
    FINISHED = "FINISHED"


@dataclass(frozen=True, slots=True)
class Call:
    """What a schedule calls its task with, and the options of `.using()` that it names."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    options: dict[str, Any]


def read_call(
    args: str | None, kwargs: str | None, hook: str | None = None, intended: Mapping[str, str] | None = None
) -> Call:
    """Read the texts of a schedule; `intended` is the argument that tells the task its own time.

    Raises InvalidSchedule.
    """
    named = {**_read_kwargs(kwargs), **(intended or {})}
    options = named.pop("q_options", None) or {}
    if not isinstance(options, dict):
        raise InvalidSchedule("q_options must be a dict of options.")
    options = dict(options)
    for name in OPTIONS_AMONG_ARGUMENTS:
        if name in named and name not in options:
            options[name] = named.pop(name)
    # The name of one task: jobs have none.
    named.pop("task_name", None)
    options.pop("task_name", None)
    if hook:
        options["hook"] = hook
    return Call(_read_args(args), named, _ours(options))


def status_of(next_run: float | None, repeats: int, *, is_paused: bool, now: float) -> ScheduleStatus:
    """How a schedule stands, by the time of its next run (seconds since 1970) and the runs it has left."""
    if repeats == 0 or next_run is None:
        return ScheduleStatus.FINISHED
    if is_paused:
        return ScheduleStatus.PAUSED
    return ScheduleStatus.LATE if now - next_run > LATE_AFTER_S else ScheduleStatus.ACTIVE


def _read_args(text: str | None) -> tuple[Any, ...]:
    if not text:
        return ()
    try:
        value = ast.literal_eval(text.strip())
    except UNREADABLE:
        raise InvalidSchedule(f"Its arguments must be literals as in 1, 'two', not {text[:60]!r}.") from None
    return value if type(value) is tuple else (value,)


def _read_kwargs(text: str | None) -> dict[str, Any]:
    """Named arguments, as a dict or as they would stand in a call."""
    if not text:
        return {}
    try:
        value = ast.literal_eval(text.strip())
    except UNREADABLE:
        value = _as_in_a_call(text)
    if not isinstance(value, dict) or not all(isinstance(name, str) for name in value):
        raise InvalidSchedule(f"Its named arguments must be literals as in x=1, y='two', not {text[:60]!r}.")
    return value


def _as_in_a_call(text: str) -> dict[str | None, Any] | None:
    try:
        (statement,) = ast.parse(f"f({text})").body
        call = statement.value if isinstance(statement, ast.Expr) else None
        if not isinstance(call, ast.Call) or call.args or not isinstance(call.func, ast.Name):
            return None
        return {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords}
    except UNREADABLE:
        return None


def _ours(options: dict[str, Any]) -> dict[str, Any]:
    """The options that mean something here. Raises InvalidSchedule for those that the pool cannot keep."""
    for name, instead in ELSEWHERE.items():
        if options.pop(name, None):
            raise InvalidSchedule(f"It asks for a {name}, which the pool does not have: {instead}.")
    return {name: value for name, value in options.items() if name not in OF_ITS_CLUSTER and value is not None}
