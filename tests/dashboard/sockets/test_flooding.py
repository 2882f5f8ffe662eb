"""Pages that say too much or nonsense: closed with a code, without a traceback, and nobody else notices."""

import json
import os
import struct
import time

import pytest

from tests.dashboard.sockets.test_messages import NONSENSE

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

MALFORMED, TOO_MANY = 4400, 4429
TOO_LONG = (1009, 4400, 1006)
"""By daphne, by us; or the connection breaks while much more is still being sent."""


@pytest.mark.parametrize("text", [text for text in NONSENSE if len(text) < 4096 and text != "\ud800"])
def test_nonsense_closes_the_socket(web, session, text):
    with web.page(session) as page:
        page.next()
        page.connection.send(text)
        assert MALFORMED == page.close_code()


def test_a_binary_message_closes_the_socket(web, session):
    with web.page(session) as page:
        page.next()
        page.connection.send(b'{"type": "ack", "seq": 1}')
        assert MALFORMED == page.close_code()


@pytest.mark.parametrize("length", [4097, 100_000, 5 * 2**20])
def test_a_long_message_closes_the_socket(web, session, length):
    with web.page(session) as page:
        page.next()
        text = json.dumps({"type": "ack", "seq": 1, "x": "x" * length})
        assert page.code_after(lambda: page.connection.send(text)) in TOO_LONG


def test_many_tiny_fragments_of_one_message_close_the_socket(web, session):
    with web.page(session) as page:
        page.next()
        assert page.code_after(lambda: page.connection.send("x" for _ in range(20_000))) in TOO_LONG


def test_a_flood_closes_the_socket_and_nobody_else_notices(web, sign_in):
    ada, ben = sign_in(), sign_in()
    with web.page(ben) as healthy:
        healthy.next()
        before = web.memory_kb()
        with web.raw(**web.let_in(ada)) as (_, sock):
            flood(sock, 100_000)
            assert TOO_MANY == closing_code(sock)
        assert healthy.answers_ping(5.0)
        assert "snapshot" == healthy.next()["type"]
        assert web.memory_kb() - before < 50 * 1024


def test_acknowledging_a_whole_refill_is_no_flood(web, session):
    with web.page(session) as page:
        newest = page.next()["seq"]
        for _ in range(100):
            page.say(type="ack", seq=newest)
        assert "snapshot" == page.next()["type"]


def test_nothing_of_all_this_was_an_error_in_the_log(web):
    said = web.process.said()
    assert "Traceback" not in said, said
    assert "ERROR" not in said, said


def flood(sock, count):
    frame, many = masked(b'{"type":"ack","seq":1}'), 1000
    for _ in range(count // many):
        try:
            sock.sendall(frame * many)
        except OSError:
            return


def masked(payload):
    mask = os.urandom(4)
    return bytes([0x81, 0x80 | len(payload)]) + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))


def closing_code(sock):
    """Read frames up to the closing one; 0 when the connection just broke."""
    end = time.monotonic() + 10
    try:
        while time.monotonic() < end:
            opcode, length = read(sock, 2)
            size = length & 127
            if size == 126:
                (size,) = struct.unpack("!H", read(sock, 2))
            elif size == 127:
                (size,) = struct.unpack("!Q", read(sock, 8))
            payload = read(sock, size)
            if opcode & 15 == 8:
                return struct.unpack("!H", payload[:2])[0]
    except (OSError, ValueError):
        return 0
    return 0


def read(sock, size):
    data = b""
    while len(data) < size:
        more = sock.recv(size - len(data))
        if not more:
            raise ValueError("closed")
        data += more
    return data
