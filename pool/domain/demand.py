"""What waits for capable workers, as a demand for more of them. Pure; the autoscaler asks.

Such jobs are out of the claim's way until a worker that offers what they require has room. They ask for more workers
where one of those that would come next could do them, and for nobody where no kind of the pool ever could.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

Required = Mapping[frozenset[str], int]
"""By what jobs require, how many of them wait."""


class Demand(NamedTuple):
    jobs: int = 0
    """That a further worker could do: this node's share."""
    reach: int = 0
    """How many workers there must be so that each of them finds a further one that can do it; 0 when none comes."""
    is_missing: bool = False
    """Some of them nobody can do who is there now."""
    stays: bool = False
    """Jobs wait that workers of this pool can do, there or to come: nobody should leave."""
    required: frozenset[frozenset[str]] = frozenset()
    """What those require that a further worker could do."""


def demand(waiting: Required, offers: Sequence[frozenset[str]], size: int, nodes: int = 1) -> Demand:
    """Judge what waits. `offers` is what each worker offers when the pool is largest; the first `size` are there."""
    comes = {
        requires: number
        for requires in waiting
        if (number := next((at for at, one in enumerate(offers, 1) if at > size and requires <= one), 0))
    }
    return Demand(
        jobs=sum(math.ceil(waiting[requires] / max(nodes, 1)) for requires in comes),
        reach=max(comes.values(), default=0),
        is_missing=any(not _is_there(requires, offers[:size]) for requires in comes),
        stays=any(_is_there(requires, offers) for requires in waiting),
        required=frozenset(comes),
    )


def _is_there(requires: frozenset[str], offers: Sequence[frozenset[str]]) -> bool:
    return any(requires <= one for one in offers)
