"""The sockets of the live view: `/ws/metrics/` for the pool, `/ws/jobs/<id>/` for one job. Served by the web process.

A socket is refused before it is accepted unless a page of our own opens it, for somebody with a session who may see the
pool. Once open it does two things: it passes on what the feed has, at the pace of the reader's acknowledgements, and it
hears what the page says, within limits. It never looks into the database itself.

Plain ASGI applications on Channels' layer, not its consumers: those close old connections before each message, in the
one thread that all of them share, and with a slow database none would answer any more.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from django.core.exceptions import SuspiciousOperation
from django.core.handlers.asgi import ASGIRequest

from dashboard import origins
from dashboard.feed import BEAT, Feed, current_feed
from dashboard.sockets import rights, steering
from dashboard.sockets.aside import Desk
from dashboard.sockets.flow import Inflow
from dashboard.sockets.handshake import request_of
from dashboard.sockets.messages import LONGEST, Ack, Close, Order, Since, read
from dashboard.sockets.rights import Ticket
from dashboard.sockets.seats import MOST_OF_A_USER, Seats, most_sockets
from dashboard.sockets.topics import Key, Place
from dashboard.sockets.viewer import Send, Viewer
from pool.domain.ids import parse_id
from pool.logs import get_logger

Receive = Callable[[], Awaitable[dict[str, Any]]]
Scope = dict[str, Any]

ADMIT_S = 4.0
"""A handshake waits so long for the database. Daphne breaks it off a second later, without an answer."""
MESSAGES_AT_ONCE = 200
"""More than a page acknowledges when it refills a gap."""
MESSAGES_PER_S = 20
BUSY = {"ok": False, "error": "Another order is still being carried out."}

log = get_logger(__name__)

seats = Seats(most_sockets(), MOST_OF_A_USER)
desk = Desk("socket-desk", 4)


async def metrics(scope: Scope, receive: Receive, send: Send) -> None:
    """The pool's figures, about once a second."""
    await Socket(scope, receive, send).serve(None)


async def job(scope: Scope, receive: Receive, send: Send) -> None:
    """One job: its state, progress, attempts and log, as they change."""
    key = parse_id(scope["url_route"]["kwargs"]["job"])
    socket = Socket(scope, receive, send)
    await (socket.serve(key) if key is not None else socket.refuse())


async def nowhere(scope: Scope, receive: Receive, send: Send) -> None:
    """Refuse what has no address here."""
    await Socket(scope, receive, send).refuse()


class Socket:
    """One connection, from its handshake to its end."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope, self.receive, self.send = scope, receive, send
        self.since = self.log_after = 0
        self.order: asyncio.Task[None] | None = None

    async def refuse(self) -> None:
        await self.receive()
        await self._reject()

    async def serve(self, key: Key) -> None:
        await self.receive()
        request = self._request()
        if request is None or not origins.is_own(request) or not rights.session_key(request):
            await self._reject()
            return
        with seats.one() as is_free:
            ticket = await self._admit(request) if is_free else None
            if ticket is None:
                await self._reject()
                return
            await self.send({"type": "websocket.accept"})
            with seats.of(ticket.user) as may_sit:
                if not may_sit:
                    await self.send({"type": "websocket.close", "code": int(Close.TOO_MANY)})
                    return
                await self._watch(key, ticket)

    async def _reject(self) -> None:
        """Before it is accepted a socket is closed with 403."""
        await self.send({"type": "websocket.close"})

    def _request(self) -> ASGIRequest | None:
        """The handshake, and what its address asks for; None when it makes no sense."""
        try:
            request = request_of(self.scope)
            self.since, self.log_after = _number(request, "since"), _number(request, "log")
        except (ValueError, SuspiciousOperation):
            return None
        return request

    async def _admit(self, request: ASGIRequest) -> Ticket | None:
        try:
            async with asyncio.timeout(ADMIT_S):
                return await desk.ask(rights.admit, request)
        except Exception as error:  # noqa: BLE001  Nobody is let in unasked, whatever the reason.
            log.warning("socket.not_admitted", problem=f"{type(error).__name__}: {error}")
            return None

    async def _watch(self, key: Key, ticket: Ticket) -> None:
        feed = current_feed()
        channel = await feed.layer.new_channel()
        viewer = Viewer(key, ticket, channel, Place(log=self.log_after), self.send)
        ears = asyncio.create_task(self._hear_feed(feed, viewer))
        try:
            await feed.join(viewer, self.since)
            await self._hear_page(viewer)
        finally:
            viewer.is_closed = True
            ears.cancel()
            await feed.leave(viewer)

    async def _hear_feed(self, feed: Feed, viewer: Viewer) -> None:
        while True:
            rung = await feed.layer.receive(viewer.channel)
            await (viewer.beat() if rung["type"] == BEAT["type"] else viewer.push())

    async def _hear_page(self, viewer: Viewer) -> None:
        inflow = Inflow.full(time.monotonic(), MESSAGES_AT_ONCE, MESSAGES_PER_S)
        while not viewer.is_closed:
            message = await self.receive()
            if message["type"] == "websocket.disconnect":
                return
            if not inflow.take(time.monotonic()):
                await viewer.close(Close.TOO_MANY)
            elif not viewer.is_closed:
                await self._hear(viewer, message.get("text"))

    async def _hear(self, viewer: Viewer, text: str | None) -> None:
        match read(text) if text is not None and len(text) <= LONGEST else None:
            case None:
                await viewer.close(Close.MALFORMED)
            case Ack(seq):
                await viewer.acknowledge(seq)
            case Since(seq, piece):
                await viewer.seek(seq, piece)
            case order:
                await self._take_order(viewer, order)

    async def _take_order(self, viewer: Viewer, order: Order) -> None:
        """One at a time, and meanwhile the page goes on being heard."""
        if self.order is not None and not self.order.done():
            await viewer.tell(steering.answer(order, BUSY))
        else:
            self.order = asyncio.create_task(self._obey(viewer, order))

    async def _obey(self, viewer: Viewer, order: Order) -> None:
        await viewer.tell(await desk.ask(steering.obey, self.scope, order))


def _number(request: ASGIRequest, name: str) -> int:
    """A number in the address; 0 for anything else."""
    text = request.GET.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 16 else 0
