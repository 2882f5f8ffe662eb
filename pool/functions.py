"""Plain functions as tasks: those that POOL['schedule_functions'] lists, under their own dotted names.

`pool.registry` asks for them in every process that enqueues or executes. A schedule of django-q2's names a function by
its path; here a path is only looked up among those that the project's own settings list. Such a function may return
anything: what is no JSON is kept as text.
"""

import inspect
from collections.abc import Callable, Iterator
from functools import wraps
from importlib import import_module
from types import ModuleType
from typing import Any

from pool.adapters.tasks_api import Task
from pool.conf import get_config
from pool.declaration import task
from pool.domain.errors import InvalidConfig, InvalidPayload
from pool.domain.payload import clean_text, encode_value

SETTING = "POOL['schedule_functions']"
ALL = ".*"
LONGEST_TEXT = 1000
PLAIN_DEPTH = 50


def listed_functions() -> Iterator[Task]:
    """A task for each function that the setting lists. Raises InvalidConfig."""
    for name in get_config().schedule_functions:
        if name.endswith(ALL):
            yield from _all_of(_module(name.removesuffix(ALL), name))
        else:
            yield _one(name)


def _all_of(module: ModuleType) -> Iterator[Task]:
    """The functions that are defined there, and no others: what a module imports is somebody else's."""
    for name, value in vars(module).items():
        if inspect.isfunction(value) and value.__module__ == module.__name__ and not name.startswith("_"):
            yield _as_task(value, module.__name__, name)


def _one(name: str) -> Task:
    path, _, attribute = name.rpartition(".")
    value = getattr(_module(path, name), attribute, None)
    if isinstance(value, Task):
        return value
    if not callable(value) or inspect.isclass(value):
        raise InvalidConfig(f"{SETTING} names {name!r}, and there is no such function.")
    return _as_task(value, path, attribute)


def _module(path: str, name: str) -> ModuleType:
    try:
        return import_module(path)
    except (ModuleNotFoundError, ValueError) as error:
        if isinstance(error, ModuleNotFoundError) and not f"{path}.".startswith(f"{error.name}."):
            raise
        raise InvalidConfig(f"{SETTING} names {name!r}, and there is no module {path!r}.") from error


def _as_task(function: Callable[..., Any], module: str, name: str) -> Task:
    made: Task = task(_named(function, module, name), map_result=storable)
    return made


def _named(function: Callable[..., Any], module: str, name: str) -> Callable[..., Any]:
    """The function under the name by which it is listed, which need not be where it is defined."""
    if inspect.isfunction(function) and (function.__module__, function.__qualname__) == (module, name):
        return function
    if inspect.iscoroutinefunction(function):

        @wraps(function)
        async def call(*args: Any, **kwargs: Any) -> Any:
            return await function(*args, **kwargs)

    else:

        @wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            return function(*args, **kwargs)

    call.__module__, call.__name__, call.__qualname__ = module, name, name
    return call


def storable(value: Any) -> Any:
    """What is kept of a result: JSON as it is, anything else as the text it prints as."""
    try:
        encode_value(value, "result", get_config().max_result_bytes, PLAIN_DEPTH)
    except InvalidPayload:
        return clean_text(str(value), LONGEST_TEXT)
    return value
