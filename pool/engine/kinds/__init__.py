"""The classes of workers: one for each kind, and a project's own in place of the one it is made from.

The nursery loads them with the tasks, so that a wrong setting is told before a worker starts.
"""

from django.utils.module_loading import import_string

from pool.domain.config import PoolConfig
from pool.domain.errors import InvalidConfig
from pool.domain.kinds import COMPUTE, GENERAL, IO, MEMORY
from pool.engine.kinds.compute import ComputeWorker
from pool.engine.kinds.io import IoWorker
from pool.engine.kinds.memory import MemoryWorker
from pool.engine.worker import Worker

CLASSES: dict[str, type[Worker]] = {GENERAL: Worker, COMPUTE: ComputeWorker, IO: IoWorker, MEMORY: MemoryWorker}


def load_classes(config: PoolConfig) -> dict[str, type[Worker]]:
    """The class of each kind. Raises InvalidConfig."""
    if not config.worker_class:
        return CLASSES
    own = _load(config.worker_class)
    return CLASSES | {own.kind: own}


def _load(path: str) -> type[Worker]:
    try:
        found = import_string(path)
    except ImportError as error:
        raise InvalidConfig(f"POOL['worker_class'] names {path!r}, which cannot be imported: {error}.") from error
    if not (isinstance(found, type) and issubclass(found, Worker)):
        raise InvalidConfig(
            f"POOL['worker_class'] must name a class derived from pool.engine.worker.Worker, not {path!r}."
        )
    return found
