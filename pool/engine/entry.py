"""How a node becomes known: its row, as soon as the database lets it in."""

import time

from django.db import DatabaseError, InterfaceError

from pool.domain.errors import NotReady
from pool.engine.ears import Ears
from pool.engine.signals import Signals
from pool.store import nodes
from pool.store.database import ClockReading, Database

ENTRY_S = 10.0
"""A node that the database does not let in for so long says so and ends."""

AGAIN_S = 0.05


def enter(db: Database, me: nodes.NodeIdentity, size: nodes.KeptSize, signals: Signals, ears: Ears) -> ClockReading:
    """Register; what time it is. Somebody may hold SQLite's lock just now, or PostgreSQL be about to start.

    Raises NotReady.
    """
    until = time.monotonic() + ENTRY_S
    while True:
        try:
            with db.transaction("register"):
                reading = db.read_clock()
                nodes.register(db, me, size.size, reading.told, size.held_until)
            return reading
        except (DatabaseError, InterfaceError) as error:
            db.close()
            if signals.stops or time.monotonic() > until:
                raise NotReady(f"The database does not let the node in: {' '.join(str(error).split())}") from error
        ears.listen(AGAIN_S)
