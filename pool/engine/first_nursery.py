"""The node's first nursery: a fork of the node, made before that opens its database.

Django is loaded once then instead of twice, one after the other, and the tasks are imported while the node looks at its
database: jobs run in half the time after a start. A later nursery is a fresh process, `Staffing` starts it: the code
may have changed since, and the node holds a connection.
"""

from contextlib import suppress

from django.db import connections

from pool.engine import linux
from pool.engine.children import Helper
from pool.engine.folder_lock import NodeLock
from pool.engine.messages import NurseryFact
from pool.engine.remains import MARK
from pool.engine.slot import SlotsFile


def fork_nursery(slots: SlotsFile, lock: NodeLock | None) -> Helper | None:
    """None where a fresh process is the better nursery: one that can tell of a thread, or be tried again."""
    if linux.threads() > 1:
        return None
    connections.close_all()
    mark, keeps_not = {MARK: str(slots.path)}, [lock] if lock is not None else []
    with suppress(OSError):
        return Helper.fork(_live, NurseryFact, slots.arguments(), mark=mark, keeps_not=keeps_not)
    return None


def _live(arguments: list[str]) -> None:
    # The node does not need what a nursery imports.
    from pool.engine.nursery import main

    main(arguments)
