"""Changes over Django's own connection that are tried again when they met somebody else's: a deadlock, or, where the
project has chosen a stricter isolation, a serialization failure. The server has undone all of it then.

Not within a transaction of the caller: that is lost as a whole, and only the caller can begin it again.
"""

import random
import time
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from django.db import OperationalError, connections

from pool.conf import database_alias
from pool.store.failures import is_conflict

P = ParamSpec("P")
R = TypeVar("R")

TRIES = 5
LONGEST_PAUSE_S = 0.1
"""Before a try. Uneven, or two that met would meet again."""


def again_on_conflict(change: Callable[P, R]) -> Callable[P, R]:
    """Let a change on the pool's database be tried a few times; its last error goes on."""

    @wraps(change)
    def tried(*args: P.args, **kwargs: P.kwargs) -> R:
        for _ in range(TRIES - 1):
            try:
                return change(*args, **kwargs)
            except OperationalError as error:
                if not is_conflict(error) or connections[database_alias()].in_atomic_block:
                    raise
            time.sleep(random.uniform(0, LONGEST_PAUSE_S))
        return change(*args, **kwargs)

    return tried
