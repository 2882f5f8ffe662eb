"""The last minute, and what falls out of it."""

from pool.domain.histogram import decode
from pool.domain.window import Window


def test_counts_fall_out_after_their_time() -> None:
    window = Window(60)
    window.add(1, {100: 1})
    window.add(30, {100: 2, 200: 1})
    window.expire(61)
    assert window.counts == {100: 2, 200: 1}
    window.expire(90)
    assert not window
    assert window.counts == {}
    assert window.encoded() is None
    assert window.percentiles()["p50"] is None


def test_encoded_form_follows_the_counts() -> None:
    window = Window(60)
    window.add(1, {100: 1})
    assert decode(window.encoded() or "") == {100: 1}
    window.add(2, {100: 1})
    assert decode(window.encoded() or "") == {100: 2}
