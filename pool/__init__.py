"""Background jobs for Django: an embedded pool of worker processes. This is the door for users' code.

Nothing is imported until it is asked for, so that `import pool` is safe before Django is set up, and in settings.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pool.backend import enqueue_many, task
    from pool.batches import batch
    from pool.results import get_job, wait
    from pool.store.explain import explain
    from pool.store.health import check_health
    from pool.store.operate import cancel, discard, pause, resume, retry
    from pool.store.status import pool_status
    from pool.store.steer import scale

_HOME = {
    "batch": "pool.batches",
    "cancel": "pool.store.operate",
    "check_health": "pool.store.health",
    "discard": "pool.store.operate",
    "enqueue_many": "pool.backend",
    "explain": "pool.store.explain",
    "get_job": "pool.results",
    "pause": "pool.store.operate",
    "pool_status": "pool.store.status",
    "resume": "pool.store.operate",
    "retry": "pool.store.operate",
    "scale": "pool.store.steer",
    "task": "pool.backend",
    "wait": "pool.results",
}

__all__ = [
    "batch",
    "cancel",
    "check_health",
    "discard",
    "enqueue_many",
    "explain",
    "get_job",
    "pause",
    "pool_status",
    "resume",
    "retry",
    "scale",
    "task",
    "wait",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
