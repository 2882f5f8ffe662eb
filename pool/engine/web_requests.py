"""How the web process receives requests: a body that is too long is refused while it comes in.

Daphne and Django both take in a whole body before anybody looks at it, whoever sends it. Here it is counted, announced
or not; what is too much is answered 413, thrown away, and never reaches the application. For `pool.engine.web` alone,
which imports this when Twisted's event loop has been chosen.
"""

from typing import Any, cast

from daphne.http_protocol import HTTPFactory, WebRequest
from twisted.internet import reactor

from pool.conf import get_config
from pool.domain.config import PoolConfig
from pool.domain.setting import MIB

LINGER_S = 2.0
"""A client that is still sending reads the answer only if it is listened to for a moment longer."""

JSON_GROWTH = 6
"""A character of a job's arguments may be written in so many."""

REFUSAL = b"""HTTP/1.1 413 Content Too Large\r
Content-Type: text/plain; charset=utf-8\r
Content-Length: %d\r
Connection: close\r
\r
%b"""


def longest_body(config: PoolConfig) -> int:
    return max(config.max_body_bytes, JSON_GROWTH * config.max_payload_bytes + MIB)


class BoundedRequest(WebRequest):  # type: ignore[misc]
    """One request. Twisted calls these while it comes in."""

    def gotLength(self, length: int | None) -> None:
        """Its headers are there, and say how long its body is, or nothing of it."""
        self.room = self.longest = longest_body(get_config())
        self.is_refused = False
        if length is not None and length > self.longest:
            self.refuse()
            length = 0
        super().gotLength(length)

    def handleContentChunk(self, data: bytes) -> None:
        """A piece of its body."""
        self.room -= len(data)
        if self.room < 0 and not self.is_refused:
            self.refuse()
            self.content.truncate(0)
        if not self.is_refused:
            super().handleContentChunk(data)

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """All of it is there."""
        if not self.is_refused:
            super().requestReceived(command, path, version)

    def refuse(self) -> None:
        self.is_refused = True
        text = f"The body is longer than {self.longest} bytes, which is the most that is read here.\n".encode()
        transport = self.channel.transport
        transport.write(REFUSAL % (len(text), text))
        transport.loseWriteConnection()
        cast(Any, reactor).callLater(LINGER_S, transport.abortConnection)


class BoundedFactory(HTTPFactory):  # type: ignore[misc]
    """Makes a connection's protocol."""

    def buildProtocol(self, addr: Any) -> Any:
        protocol = super().buildProtocol(addr)
        protocol.requestFactory = BoundedRequest
        return protocol
