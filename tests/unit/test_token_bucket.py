"""A rate is kept over any time, and a rest saves no more than the bucket holds."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pool.domain.token_bucket import filled, open_s

RATES = st.sampled_from([0.1, 0.5, 1.0, 3.0, 50.0])


@pytest.mark.parametrize(("rate", "burst", "size"), [(5.0, None, 5), (5.0, 20, 20), (0.1, None, 1), (10.0, 1, 1)])
def test_a_new_bucket_is_full(rate, burst, size):
    assert size == filled(rate, burst, 0.0, None, 100.0).ready


def test_it_fills_at_its_rate_up_to_its_size():
    empty = filled(2.0, 10, 0.0, 100.0, 100.0)
    assert (0, 3, 10) == tuple(filled(2.0, 10, empty.tokens, empty.at, 100.0 + wait).ready for wait in (0, 1.5, 60))


def test_it_says_when_the_next_start_may_be():
    empty = filled(2.0, 10, 0.25, 100.0, 100.0)
    assert pytest.approx(0.375) == empty.wait_s()
    assert 1 == filled(2.0, 10, empty.tokens, empty.at, 100.0 + empty.wait_s()).ready


def test_a_clock_that_steps_back_fills_nothing_and_loses_nothing():
    bucket = filled(1.0, 5, 2.0, 100.0, 99.5)
    assert (2.0, 100.0) == (bucket.tokens, bucket.at)


def test_a_clock_that_was_set_back_holds_nothing_up():
    bucket = filled(1.0, 5, 0.0, 100.0, 40.0)
    assert (0.0, 40.0) == (bucket.tokens, bucket.at)
    assert 1 == filled(1.0, 5, bucket.tokens, bucket.at, 41.0).ready


@given(RATES, st.floats(0, 3), st.floats(0, 100))
def test_since_when_it_has_had_a_start_to_give(rate, tokens, passed_s):
    open_for_s = open_s(rate, tokens, 100.0, 100.0 + passed_s)
    if tokens >= 1:
        assert math.inf == open_for_s
    elif abs(open_for_s) > 0.001:
        assert bool(filled(rate, None, tokens, 100.0, 100.0 + passed_s).ready) == (open_for_s > 0)
    assert math.inf == open_s(rate, tokens, None, passed_s)


@given(st.integers(0, 2**32), RATES, st.none() | st.integers(1, 30))
def test_no_time_has_more_starts_than_the_rate_and_one_bucket(seed, rate, burst):
    chance, now = random.Random(seed), 1000.0
    tokens, at = 0.0, None
    starts: list[float] = []
    for _ in range(100):
        now += chance.choice([0.0, 0.01, 0.3, 5.0])
        bucket = filled(rate, burst, tokens, at, now)
        some = min(bucket.ready, chance.randint(0, 8))
        starts += [now] * some
        bucket = bucket.take(some)
        tokens, at = bucket.tokens, bucket.at
    size = max(rate if burst is None else burst, 1)
    for index, first in enumerate(starts):
        for more, last in enumerate(starts[index:], 1):
            assert more <= size + (last - first) * rate + 0.001
