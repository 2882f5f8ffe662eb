"""Texts and drawings of `pool top`: what others wrote is harmless, lines keep their shape."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pool.management.top.words import bar, clean, clock, means, short_id, short_task, sparkline


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\x1b[2J\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07rest", "rest"),
        ("\x1b]8;;http://evil\x1b\\link", "link"),
        ("\x9b31mred", "red"),
        ("one\r\ntwo\tthree\x07", "one two three"),
        ("abc\u202edef\u2066g\u200bh", "abc def g h"),
        ("[bold]markup[/bold]", "[bold]markup[/bold]"),
        ("\ud800x\ue000", "x"),
        ("日本語 é", "日本語 é"),
    ],
)
def test_what_others_wrote_is_one_harmless_line(text, expected):
    assert expected == clean(text)


@given(st.text())
def test_nothing_that_moves_a_cursor_is_left(text):
    left = clean(text)
    assert len(left) <= 200
    assert all(unicodedata.category(sign) not in ("Cc", "Cf", "Cs", "Zl", "Zp") for sign in left)


def test_names_are_short():
    assert "shop.resize" == short_task("shop.tasks.resize")
    assert "6853e2f1" == short_id("01a201c9-4ca2-752e-a357-6f2f6853e2f1")
    assert "" == short_task(None)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(None, "–"), (0.4, "0:00"), (62, "1:02"), (3601, "1:00:01"), (90_000, "1 d 1 h")],
)
def test_a_clock_tells_seconds(seconds, expected):
    assert expected == clock(seconds)


def test_a_bar_is_as_wide_as_it_shall_be():
    assert [("", "────"), ("━━", "──"), ("━━━━", "")] == [bar(part, 4) for part in (-1.0, 0.5, 7.0)]


def test_a_line_goes_from_nothing_to_the_greatest():
    assert "▁▄▇ " == sparkline([0, 5, 10, None])
    assert "▁▁▄" == sparkline([0, 0, 5], top=10)
    assert "▁▁" == sparkline([0, 0])


def test_a_line_keeps_its_shape_while_it_moves_on():
    values = [float(second % 7) for second in range(100)]
    lines = [means(values[end - 59 : end + 1], end, 20) for end in (63, 64, 66)]
    assert {20} == {len(line) for line in lines}
    assert lines[0][:-1] == lines[1][:-1]
    # Groups of three seconds: three seconds later each stands one step further left.
    assert lines[0][1:-1] == lines[2][:-2]


def test_a_line_has_a_gap_where_nothing_is_known():
    assert [None, 2.0] == means([None, None, 1.0, 3.0], 3, 2)
