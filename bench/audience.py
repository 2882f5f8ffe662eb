"""People who watch a bench site, in a process of their own: what they need of the CPU is not the pool's.

The bench writes one JSON object, `{"port", "sessions", "seconds"}`, and reads one at the end. Attentive viewers
acknowledge every snapshot at once and tell how old each was; silent ones never read a byte and tell when they were
closed.
"""

import asyncio
import json
import select
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pool.engine import linux

HOST = "127.0.0.1"
PATH = "/ws/metrics/"
SETTLE_S = 2.0
"""Snapshots of the first moments are not counted: they were there before the viewer came."""


def attentive(port: int, sessions: Sequence[str], seconds: float) -> dict[str, Any]:
    return {"ages": asyncio.run(_watch_all(port, sessions, seconds))}


async def _watch_all(port: int, sessions: Sequence[str], seconds: float) -> list[float]:
    begin = time.time() + SETTLE_S
    viewers = (_watch(port, session, begin, begin + seconds) for session in sessions)
    return [age for ages in await asyncio.gather(*viewers) for age in ages]


async def _watch(port: int, session: str, begin: float, end: float) -> list[float]:
    from websockets.asyncio.client import connect

    ages = []
    url, headers = f"ws://{HOST}:{port}{PATH}", {"Cookie": f"sessionid={session}"}
    async with connect(url, origin=_origin(port), additional_headers=headers, proxy=None) as page:  # type: ignore[arg-type]
        while (now := time.time()) < end:
            text = await page.recv()
            message, now = json.loads(text), time.time()
            await page.send(json.dumps({"type": "ack", "seq": message["seq"]}))
            at = message["data"]["live"]["at"]
            if now >= begin and at is not None:
                ages.append(now - datetime.fromisoformat(at).timestamp())
    return ages


def silent(port: int, sessions: Sequence[str], seconds: float) -> dict[str, Any]:
    """Open all, wait until they are closed; how long each was open."""
    poll, opened, closed = select.poll(), {}, []
    sockets = [_shake_hands(port, session) for session in sessions]
    for sock in sockets:
        poll.register(sock, select.POLLRDHUP)
        opened[sock.fileno()] = time.monotonic()
    print(json.dumps({"open": len(sockets)}), flush=True)
    end = time.monotonic() + seconds
    while opened and (left := end - time.monotonic()) > 0:
        for descriptor, _ in poll.poll(left * 1000):
            poll.unregister(descriptor)
            closed.append(time.monotonic() - opened.pop(descriptor))
    return {"closed": closed}


def _shake_hands(port: int, session: str) -> socket.socket:
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.connect((HOST, port))
    lines = _request({"Host": f"{HOST}:{port}", "Origin": _origin(port), "Cookie": f"sessionid={session}"})
    sock.sendall("\r\n".join([*lines, "", ""]).encode())
    answer = sock.recv(12)
    if not answer.endswith(b"101"):
        raise RuntimeError(f"The web process answered {answer!r}.")
    return sock


def _request(headers: Mapping[str, str]) -> list[str]:
    known = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
    known["Sec-WebSocket-Key"] = "dGhlIHNhbXBsZSBub25jZQ=="
    return [f"GET {PATH} HTTP/1.1", *(f"{name}: {value}" for name, value in (known | dict(headers)).items())]


def _origin(port: int) -> str:
    return f"http://{HOST}:{port}"


KINDS = {"attentive": attentive, "silent": silent}

if __name__ == "__main__":
    linux.die_with(int(sys.argv[1]))
    print(json.dumps(KINDS[sys.argv[2]](**json.loads(sys.stdin.readline()))), flush=True)
