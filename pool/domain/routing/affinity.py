"""Where jobs of one key went: the next ones go to the same worker, while it lives and has room.

A key that names a worker, such as w3, belongs to whichever has that place. A node remembers the keys used last, for its
own workers; another node has its own.
"""

from collections import OrderedDict
from collections.abc import Collection, Sequence

from pool.domain.kinds import is_worker
from pool.domain.routing.places import Place

MOST_KEYS = 10_000


class Homes:
    def __init__(self, most: int = MOST_KEYS) -> None:
        self._most = most
        self._workers: OrderedDict[str, str] = OrderedDict()

    def __len__(self) -> int:
        return len(self._workers)

    def of(self, key: str, places: Sequence[Place]) -> Place | None:
        """The key's own worker, if it is among those that can take the job."""
        if is_worker(key) and (named := next((place for place in places if f"w{place.key}" == key), None)) is not None:
            return named
        worker = self._workers.get(key)
        return next((place for place in places if place.worker == worker), None)

    def settle(self, key: str, worker: str, living: Collection[str]) -> None:
        """A job of the key went to this worker: it is the key's own, unless that lives and only had no room."""
        if self._workers.get(key) not in living:
            self._workers[key] = worker
        self._workers.move_to_end(key)
        while len(self._workers) > self._most:
            self._workers.popitem(last=False)
