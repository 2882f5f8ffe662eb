"""Viewers that do not read, or do not answer: closed in time, and cheap until then. One evening tells all of it."""

import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.acceptance.site import wait_for
from tests.dashboard.sockets import stage
from tests.dashboard.sockets.web import ACCEPTED

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

GONE_WITHIN_S = 15.0
MOST_KB_EACH = 1024
MOST_AGE_S = 3.0
SILENT = 30
BYTES = 100_000
"""Of a snapshot."""

PONG = b"\x8a\x80\0\0\0\0"
"""Unasked for and empty: a sign of life that is no acknowledgement."""


@dataclass
class Evening:
    code: int = 0
    """With which a page that never acknowledges was closed."""
    code_after_s: float = 0.0
    gone_after_s: list[float] = field(default_factory=list)
    memory_kb: int = 0
    """The most that the web process grew by."""
    ages_s: list[float] = field(default_factory=list)
    """Of snapshots, when a page that reads had them."""
    answered_ping: bool = False


@pytest.fixture(scope="module")
def evening(web, live_site) -> Evening:
    """Somebody reads, somebody reads without a word, and thirty never read: half of them send a sign of life."""
    live_site.do(stage.write_snapshot, BYTES)
    sessions = [live_site.do(stage.sign_in, f"user{number}") for number in range(5)]
    with ExitStack() as stack:
        reader = stack.enter_context(web.page(sessions[0]))
        reader.next_where(lambda message: len(message["data"]["live"]["lanes"]) > BYTES / 500)
        before = web.memory_kb()
        start = time.monotonic()
        wordless = stack.enter_context(web.page(sessions[1]))
        silent = [stack.enter_context(web.raw(receive_buffer=4096, **headers)) for headers in thirty(web, sessions)]
        assert {ACCEPTED} == {status for status, _ in silent}
        seen = Evening()
        listening = threading.Thread(target=hear_until_closed, args=(wordless, start, seen))
        listening.start()
        sockets = [sock for _, sock in silent]
        while time.monotonic() - start < GONE_WITHIN_S:
            poke(sockets[::2])
            written = live_site.do(stage.write_snapshot)
            reader.next_where(lambda message: message["data"]["live"]["at"])
            seen.ages_s.append(time.time() - written)
            seen.memory_kb = max(seen.memory_kb, web.memory_kb() - before)
        wait_for(lambda: all(map(is_gone, sockets)), 3, "the silent to be closed")
        seen.gone_after_s.append(time.monotonic() - start)
        seen.answered_ping = reader.answers_ping()
        listening.join(5)
        return seen


def test_a_page_that_never_acknowledges_is_closed_with_4408(evening):
    assert 4408 == evening.code
    assert 10.0 < evening.code_after_s < GONE_WITHIN_S


def test_viewers_that_never_read_are_gone_in_time(evening):
    assert evening.gone_after_s[0] < GONE_WITHIN_S + 3


def test_they_cost_little_until_then(evening):
    assert evening.memory_kb < MOST_KB_EACH * SILENT


def test_who_reads_notices_nothing(evening):
    assert max(evening.ages_s) < MOST_AGE_S
    assert evening.answered_ping


def test_nothing_of_all_this_was_an_error_in_the_log(web, evening):
    said = web.process.said()
    assert "Traceback" not in said, said


def thirty(web, sessions) -> list[dict[str, Any]]:
    return [web.let_in(session) for session in sessions[2:] for _ in range(SILENT // 3)]


def hear_until_closed(page, start, seen) -> None:
    seen.code = page.code_after(lambda: page.text(GONE_WITHIN_S + 5))
    seen.code_after_s = time.monotonic() - start


def poke(sockets) -> None:
    for sock in sockets:
        is_gone(sock)


def is_gone(sock) -> bool:
    """The other end is closed: sending fails, sooner or later."""
    try:
        sock.sendall(PONG)
    except OSError:
        return True
    return False
