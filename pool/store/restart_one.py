"""One worker replaced because somebody wants it: it leaves after its job, and another takes its place.

Over Django's connection. The wish is a ring of the doorbell, and a ring may be lost: so it rings again until the
worker's row says that it leaves. Whoever does not wait is not told whether it was heard.
"""

from django.db import transaction

from pool.conf import database_alias
from pool.domain.errors import WorkerNotFound
from pool.domain.states import WorkerState
from pool.models import WorkerSnapshot
from pool.store.actor import NOBODY, Actor
from pool.store.again import again_on_conflict
from pool.store.doorbell import RESTART_OF, ring_until
from pool.store.events import write_action
from pool.store.status import workers

ANSWER_S = 5.0
"""A node writes how its workers stand once a second."""
RING_EVERY_S = 1.0


def restart_worker(worker: str, by: Actor = NOBODY, wait_s: float = ANSWER_S) -> bool:
    """Ask for another worker in place of this one; whether its node was seen to do it within the time.

    Raises WorkerNotFound. It waits for what others commit: call it outside of transactions.
    """
    if not any(row["id"] == worker for row in workers()):
        raise WorkerNotFound(f"There is no worker {worker[:100]!a} that lives.")
    _note(worker, by)
    reason = f"{RESTART_OF}{worker}"
    return ring_until(lambda: _is_leaving(worker), database_alias(), reason, wait_s, RING_EVERY_S)


@again_on_conflict
def _note(worker: str, by: Actor) -> None:
    alias = database_alias()
    with transaction.atomic(using=alias):
        write_action(alias, "worker.restart_requested", by.name, by.source, worker=worker)


def _is_leaving(worker: str) -> bool:
    staying = WorkerSnapshot.objects.using(database_alias()).filter(pk=worker, ended_at=None)
    return not staying.exclude(state__in=(WorkerState.TERMINATING, WorkerState.TERMINATED)).exists()
