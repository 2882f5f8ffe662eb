"""The node's first nursery and clerk: forks of the node, made before that opens its database.

Django is loaded once then instead of three times: the tasks are imported while the node looks at its database, so that
jobs run in half the time after a start, and none of them has to share its processor with a clerk that loads. Later
helpers are fresh processes: the code may have changed since, and the node holds a connection.
"""

import gc
import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

from django.db import connections

from pool.engine import linux
from pool.engine.children import CLERK_NICE, Closes, Helper
from pool.engine.folder_lock import NodeLock
from pool.engine.messages import ClerkFact, NurseryFact
from pool.engine.remains import MARK
from pool.engine.slot import SlotsFile


class FirstHelpers(NamedTuple):
    """None where a fresh process is the better one: a nursery that can tell of a thread, either that is tried again."""

    nursery: Helper | None = None
    clerk: Helper | None = None


def fork_helpers(slots: SlotsFile, node: str, lock: NodeLock | None) -> FirstHelpers:
    """What becomes the nursery and the clerk of the node with this id."""
    if linux.threads() > 1:
        return FirstHelpers()
    connections.close_all()
    keeps_not: list[Closes] = [lock] if lock is not None else []
    nursery = _fork(_live_as_nursery, NurseryFact, slots.arguments(), {MARK: str(slots.path)}, keeps_not)
    if nursery is not None:
        keeps_not.append(nursery)
    return FirstHelpers(nursery, _fork(_live_as_clerk, ClerkFact, [node], {}, keeps_not))


def _fork(
    main: Callable[[list[str]], None],
    receives: Any,
    arguments: list[str],
    mark: dict[str, str],
    keeps_not: list[Closes],
) -> Helper | None:
    with suppress(OSError):
        return Helper.fork(main, receives, arguments, mark=mark, keeps_not=keeps_not)
    return None


# The node does not need what they import.


def _live_as_nursery(arguments: list[str]) -> None:
    from pool.engine.nursery import main

    main(arguments)


def _live_as_clerk(arguments: list[str]) -> None:
    os.nice(CLERK_NICE)
    # What is shared with the node stays so when garbage is looked for.
    gc.freeze()
    from pool.engine.clerk import main

    main(arguments)
