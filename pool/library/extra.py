"""Loads the optional libraries of the extra `[library]` when a task first needs them.

Called inside tasks, in the worker, never while modules are imported: numpy starts threads when it loads.
"""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from pool.library.errors import MissingExtra

INSTALL = "pip install 'django-pool[library]'"


def load(name: str) -> Any:
    """Import a module of the extra, or say how to install it."""
    try:
        return import_module(name)
    except ImportError as error:
        package = name.partition(".")[0]
        raise MissingExtra(f"This task needs {package}. Install the extra: {INSTALL}") from error


def is_installed(name: str) -> bool:
    """Tell whether a module could be loaded, without loading it."""
    return find_spec(name.partition(".")[0]) is not None
