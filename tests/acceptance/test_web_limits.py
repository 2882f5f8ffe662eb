"""What a client may send to the web process: more than that is refused while it comes, and costs no memory."""

import socket
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from pool.domain.setting import MIB
from tests.acceptance.site import ROOT, Site, free_port, wait_for
from tests.dashboard.sockets import stage

pytestmark = [pytest.mark.slow, pytest.mark.timeout(90)]

HOST = "127.0.0.1"
LIMIT = 4 * MIB
PIECE = b"x" * 65_536
SMALL = {"POOL_MAX_BODY_BYTES": str(LIMIT)}
TOO_LARGE = 413
NOT_LOGGED_IN = 401
CUT_OFF, CONSUMER_REFUSED = 1006, 4400
"""How a websocket ends when the server takes no more of it, and when the application read it and made nothing of it."""


class Web:
    def __init__(self, site: Site) -> None:
        self.site, self.port = site, free_port()
        command = [sys.executable, "-m", "tests.acceptance.run_web", str(self.port)]
        self.process = site.start_program(command, PYTHONPATH=str(ROOT), **SMALL)
        wait_for(lambda: self.post({"Content-Length": 0}) == NOT_LOGGED_IN, 30, "the web process", self.process.said)

    def post(self, headers: dict[str, Any], body: bytes = b"", times: int = 0) -> int:
        """Send a body of so many equal parts, as far as it is taken; the status of the answer, 0 for none."""
        lines = [f"{name}: {value}" for name, value in {"Host": f"{HOST}:{self.port}", **headers}.items()]
        head = "\r\n".join(["POST /api/v1/jobs HTTP/1.1", "Content-Type: application/json", *lines, "", ""])
        with suppress(ConnectionRefusedError), socket.create_connection((HOST, self.port), timeout=10) as sock:
            sock.sendall(head.encode())
            with suppress(BrokenPipeError, ConnectionResetError):
                for _ in range(times):
                    sock.sendall(body)
            start = sock.recv(64)
            return int(start.split()[1]) if start else 0
        return 0

    def memory(self) -> int:
        """Most memory it ever had, in bytes."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return 1024 * int(next(line for line in text.splitlines() if line.startswith("VmHWM:")).split()[1])


@pytest.fixture(scope="module")
def web() -> Iterator[Web]:
    with Site() as site:
        yield Web(site)


def test_body_within_the_limit_reaches_the_application(web: Web) -> None:
    assert NOT_LOGGED_IN == web.post({"Content-Length": LIMIT}, PIECE, LIMIT // len(PIECE))


def test_announced_body_that_is_too_long_is_refused_before_it_comes(web: Web) -> None:
    assert TOO_LARGE == web.post({"Content-Length": LIMIT + 1})
    assert TOO_LARGE == web.post({"Content-Length": 2**40, "Expect": "100-continue"})


@pytest.mark.parametrize("is_announced", [True, False], ids=["announced", "in chunks"])
def test_client_that_sends_on_all_the_same_costs_no_memory(web: Web, is_announced: bool) -> None:
    web.post({"Content-Length": LIMIT}, PIECE, LIMIT // len(PIECE))
    before = web.memory()
    chunk = b"%x\r\n%b\r\n" % (len(PIECE), PIECE)
    headers = {"Content-Length": 96 * MIB} if is_announced else {"Transfer-Encoding": "chunked"}
    assert TOO_LARGE == web.post(headers, PIECE if is_announced else chunk, 96 * MIB // len(PIECE))
    assert web.memory() - before < 8 * MIB
    assert NOT_LOGGED_IN == web.post({"Content-Length": 2}, b"{}", 1), "it works on"


def test_limit_follows_the_largest_arguments() -> None:
    with Site(POOL_MAX_PAYLOAD_BYTES=str(MIB)) as site:
        web = Web(site)
        assert NOT_LOGGED_IN == web.post({"Content-Length": 7 * MIB}, b"x" * MIB, 7)
        assert TOO_LARGE == web.post({"Content-Length": 7 * MIB + 1})


@pytest.mark.parametrize(("length", "code"), [(60_000, CONSUMER_REFUSED), (66_000, CUT_OFF)])
def test_message_to_a_websocket_may_not_be_long(web: Web, length: int, code: int) -> None:
    cookie = f"sessionid={web.site.do(stage.sign_in, f'user{length}')}"
    with connect(
        f"ws://{HOST}:{web.port}/ws/metrics/",
        origin=f"http://{HOST}:{web.port}",  # type: ignore[arg-type]
        additional_headers={"Cookie": cookie},
        proxy=None,
    ) as page:
        page.send("x" * length)
        with suppress(ConnectionClosed):
            while True:
                page.recv(10)
        assert code == page.close_code
