"""What a page may say, and how it is told something."""

import json

import pytest

from dashboard.sockets.messages import Ack, Cancel, Pause, Scale, Since, read, write

NONSENSE = [
    "",
    " ",
    "nonsense",
    "null",
    "7",
    '"ack"',
    "[]",
    "{}",
    '{"type": "ack"}',
    '{"type": "ack", "seq": "7"}',
    '{"type": "ack", "seq": 7.5}',
    '{"type": "ack", "seq": -1}',
    '{"type": "ack", "seq": true}',
    '{"type": "ack", "seq": null}',
    '{"type": "ack", "seq": 1e400}',
    '{"type": "ack", "seq": 99999999999999999999999999}',
    '{"type": "dance", "seq": 7}',
    '{"type": "__class__"}',
    '{"type": ["ack"], "seq": 7}',
    '{"type": "scale", "size": "many"}',
    '{"type": "cancel", "id": {"$ne": null}}',
    '{"type": "pause", "queue": "%s"}' % ("x" * 201),
    '{"type": "ack", "seq": 7',
    '{"type": "ack", "seq": 7} {"type": "ack", "seq": 7}',
    '{"type": "ack", "seq": 7, "x": ' + "[" * 100_000,
    '{"type": "ack", "seq": 7, "x": ' + "[" * 100_000 + "]" * 100_000 + "}",
    "\0",
    "\ud800",
]


@pytest.mark.parametrize("text", NONSENSE)
def test_nonsense_is_nothing(text):
    assert read(text) is None


def test_sense_is_decoded():
    assert Ack(7) == read('{"type": "ack", "seq": 7}')
    assert Since(7) == read('{"seq": 7, "type": "since"}')
    assert Since(7, 3) == read('{"type": "since", "seq": 7, "log": 3}')
    assert Cancel("token", 1, "x") == read('{"type": "cancel", "id": "x", "csrf": "token", "seq": 1}')
    assert Pause(queue="mail") == read('{"type": "pause", "queue": "mail"}')
    assert Scale(size=4) == read('{"type": "scale", "size": 4}')


def test_what_a_newer_page_says_beside_it_is_passed_over():
    assert Ack(7) == read('{"type": "ack", "seq": 7, "newer": {"a": [1]}}')


def test_whatever_a_job_holds_can_be_written():
    text = write("job", 1, {"result": ["\ud800", "</script>", "é", 2**80]})
    assert text.isascii()
    assert {"v": 1, "type": "job", "seq": 1, "data": {"result": ["\ud800", "</script>", "é", 2**80]}} == json.loads(
        text
    )
