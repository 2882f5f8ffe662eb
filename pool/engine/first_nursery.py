"""The node's first nursery: a fork of the node, made before that opens its database.

Django is loaded once then instead of twice, one after the other, and the tasks are imported while the node looks at its
database: jobs run in half the time after a start. A later nursery is a fresh process, `Staffing` starts it: the code
may have changed since, and the node holds a connection.
"""

import threading

from django.db import connections

from pool.engine.children import Helper
from pool.engine.folder_lock import NodeLock
from pool.engine.messages import NurseryFact
from pool.engine.remains import MARK
from pool.engine.slot import SlotsFile


def fork_nursery(slots: SlotsFile, lock: NodeLock | None) -> Helper | None:
    """None where an app has started a thread: half of it would be copied. A fresh nursery can name it."""
    if threading.active_count() > 1:
        return None
    connections.close_all()
    mark, keeps_not = {MARK: str(slots.path)}, [lock] if lock is not None else []
    return Helper.fork(_live, NurseryFact, slots.arguments(), mark=mark, keeps_not=keeps_not)


def _live(arguments: list[str]) -> None:
    # The node does not need what a nursery imports.
    from pool.engine.nursery import main

    main(arguments)
