"""HTTP for jobs, over connections that stay open from one job to the next.

The clients that jobs get can only send requests: headers, cookies and other state that one would set for all are given
with each request, so that nothing of a job goes with the requests of the next. Cookies that a server sets are not kept.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy
from importlib import import_module
from typing import Any

from pool.domain.errors import NotEquipped

TIMEOUT_S = 30.0


class Requests:
    """The part of an httpx client that leaves nothing behind."""

    __slots__ = ("delete", "get", "head", "patch", "post", "put", "request", "stream")

    def __init__(self, client: Any) -> None:
        for name in self.__slots__:
            setattr(self, name, getattr(client, name))


class Http:
    def __init__(self, connections: int) -> None:
        self._connections = connections
        self._client: Any = None
        self._async_client: Any = None
        self.home: asyncio.AbstractEventLoop | None = None
        """The loop of a worker that runs many async jobs: on it they share one client."""

    def client(self) -> Requests:
        """For blocking code; its connections are the worker's."""
        if self._client is None:
            self._client = self._make("Client")
        return Requests(self._client)

    @asynccontextmanager
    async def async_client(self) -> AsyncIterator[Requests]:
        """For async code. Outside an io worker each job has a loop of its own, and so connections of its own."""
        if asyncio.get_running_loop() is self.home:
            if self._async_client is None:
                self._async_client = self._make("AsyncClient")
            yield Requests(self._async_client)
            return
        async with self._make("AsyncClient") as client:
            yield Requests(client)

    def close(self) -> None:
        """Close what blocking code used; sockets of a loop end with their process."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _make(self, kind: str) -> Any:
        try:
            httpx: Any = import_module("httpx")
        except ImportError as error:
            raise NotEquipped from error
        limits = httpx.Limits(max_connections=self._connections, max_keepalive_connections=self._connections)
        no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
        return getattr(httpx, kind)(limits=limits, timeout=TIMEOUT_S, cookies=no_cookies, follow_redirects=False)
