"""Classes that a project may name as its `worker_class`, rightly and wrongly."""

from pool.engine.worker import Worker


class OwnWorker(Worker):
    """Has something ready in its cache."""

    def prepare(self) -> None:
        self.equipment.cache.set("own", "prepared")


class NoWorker:
    pass
