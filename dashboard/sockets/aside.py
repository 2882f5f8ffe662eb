"""Threads of our own for what waits for the database, so that a slow one holds up nobody but its caller.

Django's and Channels' own ways lead through threads that all requests and sockets share: with the database locked, one
handshake would stop every other socket. Here the event loop never waits, and each kind of question has its threads.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from django.db import close_old_connections, connections
from django.db.utils import Error

P = ParamSpec("P")
R = TypeVar("R")


class Aside:
    """One thread that keeps its database connection, for questions that come all the time."""

    def __init__(self, name: str) -> None:
        self._threads = ThreadPoolExecutor(1, thread_name_prefix=name)

    async def ask(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        return await asyncio.get_running_loop().run_in_executor(
            self._threads, lambda: _with_connection(function, *args, **kwargs)
        )

    def end(self) -> None:
        """Close the connection and the thread, once it has answered what it was asked."""
        self._threads.submit(connections.close_all)
        self._threads.shutdown(wait=False)


class Desk:
    """A few threads for questions that come now and then. Connections are kept as long as the settings say."""

    def __init__(self, name: str, threads: int) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=name)

    async def ask(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        return await asyncio.get_running_loop().run_in_executor(
            self._threads, lambda: _between_connections(function, *args, **kwargs)
        )


def _with_connection(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    try:
        return function(*args, **kwargs)
    except Error:
        # The next question begins with a new connection.
        connections.close_all()
        raise


def _between_connections(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    close_old_connections()
    try:
        return function(*args, **kwargs)
    finally:
        close_old_connections()
