"""How long a connection to PostgreSQL waits for the server: not for ever.

A server that is stopped, or a machine that hangs, keeps its sockets open and answers nothing, and none of the limits
that the server itself keeps helps then. psycopg leaves the waiting to whoever goes through the steps of an exchange:
here that ends, as an error like that of a connection that broke. For `pool.store.database`, in the node and the clerk.
"""

import select
from collections.abc import Callable, Generator
from typing import Any

READ, WRITE = 1, 2
"""What a step waits for, and what it is told; both for psycopg."""

REST_FACTOR = 2.0
LONGEST_REST_S = 4.0


def bound_waits(connection: Any, limit_s: float, give_up: Callable[[], None]) -> Any:
    """Let every wait of this connection of psycopg end when the server says nothing for so long.

    It is of no more use then: `give_up` has to close it.
    """

    def wait(steps: Generator[int, int, Any], *_: Any, **__: Any) -> Any:
        return _go_through(steps, connection.pgconn.socket, limit_s, give_up)

    connection.wait = wait
    return connection


def rest_s(took_s: float) -> float:
    """After an attempt to connect that took so long and failed: most of a process's time must be left for the rest."""
    return min(REST_FACTOR * took_s, LONGEST_REST_S)


def _go_through(steps: Generator[int, int, Any], descriptor: int, limit_s: float, give_up: Callable[[], None]) -> Any:
    """Take the steps of an exchange with the server, as long as it takes part."""
    poll = select.poll()
    try:
        wanted = next(steps)
        while True:
            poll.register(descriptor, _events(wanted))
            happened = poll.poll(limit_s * 1000)
            if not happened:
                give_up()
                raise _silence(limit_s)
            events = happened[0][1]
            # An end or an error shows when it is read.
            ready = (READ if events & ~select.POLLOUT else 0) | (WRITE if events & select.POLLOUT else 0)
            wanted = steps.send(ready)
    except StopIteration as end:
        return end.value


def _events(wanted: int) -> int:
    return (select.POLLIN if wanted & READ else 0) | (select.POLLOUT if wanted & WRITE else 0)


def _silence(limit_s: float) -> Exception:
    from psycopg import OperationalError

    return OperationalError(f"the server has said nothing for {limit_s:g} s")
