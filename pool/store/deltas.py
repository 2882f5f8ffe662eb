"""Changes of the counters, gathered over one transaction and written once per queue."""

from pool.store import tally
from pool.store.database import Database


class Deltas:
    """Adds up in memory; `write` puts the sums into the node's own tally rows in the caller's transaction."""

    def __init__(self) -> None:
        self.by_queue: dict[str, dict[str, int]] = {}

    def add(self, queue: str, **changes: int) -> None:
        sums = self.by_queue.setdefault(queue, {})
        for name, change in changes.items():
            sums[name] = sums.get(name, 0) + change

    def write(self, db: Database, node: str) -> None:
        for queue, sums in self.by_queue.items():
            changed = {name: change for name, change in sums.items() if change}
            if changed:
                tally.add(db, node, queue, **changed)
