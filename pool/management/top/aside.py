"""The thread that talks to the database: it looks once an interval, and carries out orders as they come.

A database that hangs holds up this thread and nothing else: keys are heard, the picture stands, its age is told. What
it finds goes into a box that the loop empties.
"""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, Queue

from django.db import DatabaseError, InterfaceError, connections

from pool.management.command import why_the_database_fails
from pool.management.top.orders import Order, Said
from pool.management.top.reading import Reading
from pool.management.top.words import clean

FINISH_S = 5.0
"""Orders that were given have so long to be carried out when the view is left."""
MOMENT_S = 0.5
"""A look has so long to end."""


@dataclass(frozen=True, slots=True)
class Unread:
    """The figures could not be read."""

    why: str


@dataclass(frozen=True, slots=True)
class Broken:
    """A bug ended the thread."""

    error: BaseException


News = Reading | Unread | Said | Broken


class Aside:
    def __init__(
        self,
        look: Callable[[], Reading],
        carry_out: Callable[[Order], Said],
        wake: Callable[[], None],
        interval_s: float,
    ) -> None:
        self._look, self._carry_out, self._wake, self._interval_s = look, carry_out, wake, interval_s
        self._orders: Queue[Order | None] = Queue()
        self._given = self._done = 0
        self._news: deque[News] = deque()
        self._thread = threading.Thread(target=self._run, name="top-aside", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def order(self, order: Order) -> None:
        self._given += 1
        self._orders.put(order)

    def news(self) -> list[News]:
        """What it found since the last time, oldest first."""
        return [self._news.popleft() for _ in range(len(self._news))]

    def end(self) -> None:
        """Let it carry out what was ordered, and end; a look that hangs ends with the process."""
        self._orders.put(None)
        self._thread.join(FINISH_S if self._done < self._given else MOMENT_S)

    # In the thread -----------------------------------------------------------------

    def _run(self) -> None:
        try:
            while self._turn():
                self._tell(self._looked())
        except BaseException as error:  # noqa: BLE001  The loop raises it, where it can be seen.
            self._tell(Broken(error))
        finally:
            connections.close_all()

    def _turn(self) -> bool:
        """Carry out orders until it is time to look; after an order it is. False at the end."""
        try:
            order = self._orders.get(timeout=self._interval_s)
            while order is not None:
                self._tell(self._carry_out(order))
                self._done += 1
                order = self._orders.get_nowait()
        except Empty:
            return True
        return False

    def _looked(self) -> Reading | Unread:
        try:
            return self._look()
        except (DatabaseError, InterfaceError) as error:
            why = clean(why_the_database_fails(error))
            # The next look begins with a new connection.
            connections.close_all()
            return Unread(why)

    def _tell(self, news: News) -> None:
        self._news.append(news)
        self._wake()
