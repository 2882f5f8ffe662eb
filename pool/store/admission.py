"""The way in for new jobs: within the limits of their queues and tenants, and with a turn among those that wait.

`pool.store.enqueue` and whatever else stores new jobs calls it before it writes, in the process that enqueues.
"""

from collections.abc import Sequence
from operator import attrgetter

from pool.store.backpressure import Spared, admit
from pool.store.new_job import NewJob
from pool.store.rank import ranked

_place, _tenant = attrgetter("queue", "priority"), attrgetter("tenant")


def admitted(alias: str, rows: Sequence[NewJob], spared: Spared | None = None) -> Sequence[NewJob]:
    """Return the jobs as they are to be stored, perhaps after a pause. Raises QueueFull.

    `spared` finds those that take no place; it is asked only where there is a limit.
    """
    places = set(map(_place, rows))
    have_tenants = any(map(_tenant, rows))
    admit(alias, rows, places, have_tenants=have_tenants, spared=spared)
    return ranked(alias, rows, places, have_tenants=have_tenants)
