"""Keys of `pool top`: bytes of a terminal in, names out, in whatever pieces they come."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pool.management.top.keys import MOST_KEPT, PASTED, Parser

KEYS = [
    (b"q", ["q"]),
    ("é漢".encode(), ["é", "漢"]),
    (b"\r\n\t\x7f\x08", ["enter", "enter", "tab", "backspace", "backspace"]),
    (b"\x15\x0c", ["ctrl-u", "ctrl-l"]),
    (b"\x1b[A\x1b[B\x1bOC\x1bOD", ["up", "down", "right", "left"]),
    (b"\x1b[5~\x1b[6~\x1b[H\x1b[4~", ["pageup", "pagedown", "home", "end"]),
    (b"\x1b[1;5A\x1b[1;2B", ["up", "down"]),
    (b"\x1b[Z", ["backtab"]),
]
AFTER_ESCAPE = [(b"\x1bq", ["escape", "q"]), (b"\x1b\x1b[A", ["escape", "up"])]
MEANINGLESS = [b"\x1b[<0;10;20M", b"\x1b[200;5~", b"\x1b]11;rgb:0/0/0\x07", b"\x1bP1$r0m\x1b\\", b"\xff", b"\x1b[?1;2c"]


@pytest.mark.parametrize(("data", "names"), KEYS + AFTER_ESCAPE)
def test_keys_have_names(data, names):
    assert names == Parser().feed(data)


@pytest.mark.parametrize("data", MEANINGLESS)
def test_what_means_nothing_is_swallowed_whole(data):
    assert ["q"] == Parser().feed(data + b"q")


@pytest.mark.parametrize(("data", "names"), KEYS)
def test_keys_may_come_byte_by_byte(data, names):
    parser = Parser()
    assert names == [key for byte in data for key in parser.feed(bytes([byte]))]
    assert not parser.is_waiting


def test_escape_alone_is_known_when_nothing_follows():
    parser = Parser()
    assert ([], True) == (parser.feed(b"\x1b"), parser.is_waiting)
    assert (["escape"], False) == (parser.flush(), parser.is_waiting)


def test_a_sequence_that_breaks_off_is_no_key():
    parser = Parser()
    assert [] == parser.feed(b"\x1b[1;")
    assert [] == parser.flush()
    assert ["q"] == parser.feed(b"q")


def test_what_is_pasted_is_one_piece_and_no_key():
    parser = Parser()
    assert [] == parser.feed(b"\x1b[200~cy\n")
    assert [f"{PASTED}cy\nq", "q"] == parser.feed(b"q\x1b[201~q")


@given(st.lists(st.binary(max_size=20), max_size=20))
def test_no_input_stops_it(pieces):
    parser = Parser()
    for piece in pieces:
        assert all(parser.feed(piece))
    parser.flush()
    assert ["q"] == parser.feed(b"q")


def test_a_paste_without_an_end_does_not_grow_without_end():
    parser = Parser()
    for _ in range(3):
        parser.feed(b"\x1b[200~" + b"x" * MOST_KEPT)
    assert len(parser._rest) <= MOST_KEPT
