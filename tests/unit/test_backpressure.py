"""How long producers wait, and when a refused one may come again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pool.domain.backpressure import pause_s, retry_after_s, room_for


@pytest.mark.parametrize(
    ("waiting", "pause"), [(0, 0), (89, 0), (90, 0), (95, 0.05), (99, 0.09), (100, 0.1), (150, 0.1)]
)
def test_the_pause_begins_at_the_threshold_and_grows_to_its_longest(waiting, pause):
    assert pytest.approx(pause) == pause_s(waiting, 100, 0.9, 0.1)


@given(st.integers(0, 10**6), st.integers(1, 10**6), st.floats(0, 1), st.floats(0, 10))
def test_it_never_shrinks_as_the_queue_fills_and_has_an_end(waiting, most, begins_at, longest):
    pause = pause_s(waiting, most, begins_at, longest)
    assert 0 <= pause <= longest
    assert pause <= pause_s(waiting + 1, most, begins_at, longest) + 1e-12


@pytest.mark.parametrize(
    ("excess", "rate", "seconds"),
    [(1, 100.0, 1), (250, 100.0, 3), (10**9, 1.0, 60), (10, 0.0, 5), (10, None, 5), (10, -1.0, 5)],
)
def test_one_may_come_again_when_there_may_be_room(excess, rate, seconds):
    assert seconds == retry_after_s(excess, rate)


def test_the_last_place_is_taken_and_no_further_one():
    assert room_for(99, 100, 1)
    assert not room_for(100, 100, 1)
    assert not room_for(0, 100, 101)
