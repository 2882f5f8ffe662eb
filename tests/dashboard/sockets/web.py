"""A real daphne for a site, and clients of its sockets: one that behaves as our page does, and a raw one."""

import json
import os
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.acceptance.site import ROOT, Site, free_port, wait_for

HOST = "127.0.0.1"
METRICS = "/ws/metrics/"
SOON_S = 10.0
ACCEPTED = 101
FORBIDDEN = 403


class Web:
    """The web process of a site."""

    def __init__(self, site: Site, extra_path: str = "", **variables: str) -> None:
        self.site, self.port = site, free_port()
        path = os.pathsep.join(filter(None, (str(ROOT), extra_path)))
        command = [sys.executable, "-m", "daphne", "-b", HOST, "-p", str(self.port), "poolsite.asgi:application"]
        self.process = site.start_program(command, PYTHONPATH=path, **variables)
        wait_for(self.is_up, 30, "daphne to listen", self.process.said)

    @property
    def origin(self) -> str:
        return f"http://{HOST}:{self.port}"

    def is_up(self) -> bool:
        with socket.socket() as sock:
            return sock.connect_ex((HOST, self.port)) == 0

    @contextmanager
    def page(self, session: str, path: str = METRICS, csrf: str = "") -> Iterator["Page"]:
        """A page that is open."""
        cookies = f"sessionid={session}" + (f"; csrftoken={csrf}" if csrf else "")
        headers = {"Cookie": cookies}
        with connect(
            f"ws://{HOST}:{self.port}{path}",
            origin=self.origin,  # type: ignore[arg-type]
            additional_headers=headers,
            proxy=None,
            close_timeout=2,
        ) as connection:
            yield Page(connection)

    def status_of(self, path: str = METRICS, **headers: str | None) -> int:
        """What a handshake with these headers is answered."""
        with self.raw(path, **headers) as (status, _):
            return status

    @contextmanager
    def raw(
        self, path: str = METRICS, receive_buffer: int = 0, **headers: str | None
    ) -> Iterator[tuple[int, socket.socket]]:
        """A bare connection after its handshake, which reads nothing unless the test does."""
        with socket.socket() as sock:
            if receive_buffer:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            sock.settimeout(SOON_S)
            sock.connect((HOST, self.port))
            sock.sendall(_handshake(path, {"Host": f"{HOST}:{self.port}", **headers}))
            yield _status(sock), sock

    def let_in(self, session: str) -> dict[str, str]:
        """Headers of a handshake that is accepted."""
        return {"Origin": self.origin, "Cookie": f"sessionid={session}"}

    # What the process holds ---------------------------------------------------------

    def database_files(self) -> int:
        """Descriptors open on the SQLite database."""
        folder, found = f"/proc/{self.process.pid}/fd", 0
        for entry in os.listdir(folder):
            try:
                found += os.readlink(f"{folder}/{entry}").endswith("site.sqlite3")
            except OSError:
                continue
        return found

    def threads(self) -> int:
        return len(os.listdir(f"/proc/{self.process.pid}/task"))

    def memory_kb(self) -> int:
        text = Path(f"/proc/{self.process.pid}/smaps_rollup").read_text()
        return int(next(line for line in text.splitlines() if line.startswith("Rss:")).split()[1])


class Page:
    """Reads what comes, and acknowledges when told."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    def hear(self, limit_s: float = SOON_S) -> dict[str, Any]:
        """The next message, beats aside."""
        found: dict[str, Any] = json.loads(self.text(limit_s))
        while found["type"] == "beat":
            found = json.loads(self.text(limit_s))
        return found

    def text(self, limit_s: float = SOON_S) -> str:
        return str(self.connection.recv(limit_s))

    def say(self, **message: Any) -> None:
        self.connection.send(json.dumps(message))

    def next(self, limit_s: float = SOON_S) -> dict[str, Any]:
        """The next message, acknowledged."""
        message = self.hear(limit_s)
        self.say(type="ack", seq=message["seq"])
        return message

    def next_where(self, is_it: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
        """Go on to the first message of which this is true."""
        while True:
            message = self.next()
            if is_it(message):
                return message

    def hears_nothing(self, for_s: float) -> bool:
        try:
            self.text(for_s)
        except TimeoutError:
            return True
        return False

    def close_code(self, limit_s: float = SOON_S) -> int:
        """Read on, acknowledging, until the server closes; with which code."""
        return self.code_after(lambda: self.next(limit_s))

    def code_after(self, step: Callable[[], object]) -> int:
        """Take a step again and again until the server closes; with which code."""
        with suppress(ConnectionClosed):
            while True:
                step()
        assert self.connection.close_code is not None, "The connection broke without a word."
        return self.connection.close_code

    def answers_ping(self, limit_s: float = 2.0) -> bool:
        return self.connection.ping().wait(limit_s)

    def order(self, **order: Any) -> dict[str, Any]:
        """Give an order; its answer."""
        self.say(**order)
        message = self.next_where(lambda message: message["type"] == "answer")
        return {"seq": message["seq"], **message["data"]}


def _handshake(path: str, headers: Mapping[str, str | None]) -> bytes:
    known = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version": "13",
        **headers,
    }
    lines = [f"{name}: {value}" for name, value in known.items() if value is not None]
    return "\r\n".join([f"GET {path} HTTP/1.1", *lines, "", ""]).encode("latin-1")


def _status(sock: socket.socket) -> int:
    """Read the head of the answer, and not a byte more."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = sock.recv(1)
        if not byte:
            break
        head += byte
    return int(head.split()[1]) if head else 0
