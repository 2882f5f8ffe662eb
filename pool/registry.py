"""Which tasks exist: the task objects that workers find when they start.

Every process that enqueues or executes asks here by a task's dotted name. Modules are imported from the project's own
settings alone; a name that comes from outside is looked up and never imported.
"""

from collections.abc import Iterator
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from typing import Any

from django.apps import apps
from django.core.signals import setting_changed
from django.utils.module_loading import module_has_submodule

from pool.adapters.tasks_api import Task
from pool.conf import get_config
from pool.declaration import PoolTask, as_pool_task
from pool.domain.errors import InvalidConfig, UnknownTask
from pool.functions import listed_functions


@cache
def discover() -> dict[str, PoolTask]:
    """Import the modules that hold tasks, once, and return the tasks by their dotted names."""
    found: dict[str, PoolTask] = {}
    for module_name in _module_names():
        for attribute, task in _tasks_of(module_name):
            # A variant made with .using() has its task's name; the one that bears the function's name is the task.
            if task.module_path not in found or attribute == task.name:
                found[task.module_path] = _with_options(task)
    for task in listed_functions():
        found.setdefault(task.module_path, _with_options(task))
    return found


def find(name: str) -> PoolTask:
    """Return the task of this name."""
    tasks = discover()
    if name in tasks:
        return tasks[name]
    near = get_close_matches(name, tasks, n=3)
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    where = "Tasks live in tasks.py of an installed app, or in a module named by POOL['task_modules']."
    raise UnknownTask(f"There is no task {name[:200]!a}.{hint} {where}")


def known(name: str) -> bool:
    """Tell whether workers will find this task."""
    return name in discover()


def _module_names() -> Iterator[str]:
    for app in apps.get_app_configs():
        if module_has_submodule(app.module, "tasks"):
            yield f"{app.name}.tasks"
    if apps.is_installed("pool"):
        yield from import_module("pool.library").MODULES
    yield from get_config().task_modules


def _tasks_of(module_name: str) -> list[tuple[str, Task]]:
    try:
        module = import_module(module_name)
    except ModuleNotFoundError as error:
        is_missing = f"{module_name}.".startswith(f"{error.name}.")
        if not is_missing or module_name not in get_config().task_modules:
            raise
        raise InvalidConfig(f"POOL['task_modules'] names {module_name!r}, and there is no such module.") from error
    return [(name, value) for name, value in vars(module).items() if isinstance(value, Task)]


def _with_options(task: Task) -> PoolTask:
    """A task made by Django's own decorator for another backend may still be sent here with `.using(backend=…)`."""
    return task if isinstance(task, PoolTask) else as_pool_task(task)


def _forget(*, setting: str, **_: Any) -> None:
    if setting in {"POOL", "TASKS", "INSTALLED_APPS"}:
        discover.cache_clear()


setting_changed.connect(_forget)
