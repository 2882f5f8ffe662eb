"""One open socket as the feed sees it: who sits behind it, how far it is, and whether it may be told more."""

import time
from collections.abc import Awaitable, Callable
from typing import Any

from django.utils import timezone

from dashboard.sockets.flow import Credit
from dashboard.sockets.messages import Close, write
from dashboard.sockets.rights import Ticket
from dashboard.sockets.topics import Key, Place, Topic

Send = Callable[[dict[str, Any]], Awaitable[None]]

CONFIRMED_FOR_S = 10.0
"""Nothing is told to a viewer whose rights were not confirmed for so long, because the database does not answer."""


class Viewer:
    def __init__(self, key: Key, ticket: Ticket, channel: str, place: Place, send: Send) -> None:
        self.key, self.ticket, self.channel, self.place = key, ticket, channel, place
        self.topic: Topic | None = None
        self.credit = Credit()
        self.confirmed_at = time.monotonic()
        self.is_closed = False
        self._send = send

    async def push(self) -> None:
        """Send the next message, if there is one and the viewer has acknowledged the one before."""
        now = time.monotonic()
        if self.topic is None or self.is_closed or not self.credit.is_there or not self._is_confirmed(now):
            return
        message = self.topic.next_for(self.place)
        if message is not None:
            seq, text = message
            self.credit.spend(seq, now)
            await self.tell(text)

    async def beat(self) -> None:
        """Say that nothing is new, to a viewer who has heard everything."""
        if self.topic is not None and self.credit.is_there and self._is_confirmed(time.monotonic()):
            await self.tell(write("beat", self.topic.seq, {"at": timezone.now().isoformat()}))

    async def acknowledge(self, seq: int) -> None:
        self.credit.acknowledge(seq)
        await self.push()

    async def seek(self, seq: int, log: int | None) -> None:
        """Go on from another place than the one it is at."""
        if self.topic is not None:
            self.topic.seek(self.place, seq, log)
            await self.push()

    async def tell(self, text: str) -> None:
        if not self.is_closed:
            await self._try_to_send({"type": "websocket.send", "text": text})

    async def close(self, code: Close) -> None:
        if not self.is_closed:
            self.is_closed = True
            await self._try_to_send({"type": "websocket.close", "code": int(code)})

    async def _try_to_send(self, message: dict[str, Any]) -> None:
        try:
            await self._send(message)
        except Exception:  # noqa: BLE001  Each server says in a way of its own that nobody is there any more.
            self.is_closed = True

    def _is_confirmed(self, now: float) -> bool:
        return now - self.confirmed_at <= CONFIRMED_FOR_S
