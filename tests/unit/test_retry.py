"""How long a failed job waits."""

import json
import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pool.domain.retry import Backoff, read_backoff

seconds = st.floats(0, 1e6)
backoffs = st.builds(Backoff, seconds, st.floats(1, 100), seconds, st.floats(0, 1))
steady = st.builds(Backoff, seconds, st.floats(1, 100), seconds, st.just(0.0))
failures = st.integers(1, 5000)
POOLS = Backoff(1.0, 2.0, 30.0, 0.1)


def waits(backoff, count):
    return [backoff.delay_s(number) for number in range(1, count + 1)]


def test_waits_double_up_to_the_cap():
    assert waits(Backoff(jitter=0.0), 8) == [1, 2, 4, 8, 16, 30, 30, 30]


def test_a_factor_of_one_keeps_them_equal():
    assert waits(Backoff(5.0, 1.0, 30.0, 0.0), 4) == [5, 5, 5, 5]


@given(backoffs, failures)
def test_any_wait_is_a_time_near_the_cap_at_most(backoff, number):
    wait = backoff.delay_s(number)
    assert math.isfinite(wait)
    assert 0 <= wait <= backoff.cap_s * (1 + backoff.jitter)


@given(steady, failures)
def test_no_wait_is_shorter_than_the_one_before(backoff, number):
    assert backoff.delay_s(number) <= backoff.delay_s(number + 1)


@given(st.floats(1, 100), failures, st.floats(0, 1))
def test_without_a_base_nothing_waits(factor, number, jitter):
    assert Backoff(0.0, factor, 30.0, jitter).delay_s(number) == 0


@given(backoffs, failures, st.randoms(use_true_random=False))
def test_chance_moves_a_wait_by_its_part_at_most(backoff, number, random):
    middle = Backoff(backoff.base_s, backoff.factor, backoff.cap_s, 0.0).delay_s(number)
    wait = backoff.delay_s(number, random)
    assert wait == pytest.approx(middle, rel=backoff.jitter + 1e-9, abs=1e-9)


def test_chance_lengthens_and_shortens():
    random = Random(7)
    found = [Backoff(10.0, 2.0, 30.0, 0.1).delay_s(1, random) for _ in range(500)]
    assert (round(min(found)), round(max(found)), round(sum(found) / 500)) == (9, 11, 10)


class TestOwnBackoff:
    @pytest.mark.parametrize("stored", [None, ""])
    def test_without_one_the_pools_holds(self, stored):
        assert read_backoff(stored, POOLS) is POOLS

    def test_a_number_is_the_first_wait(self):
        assert read_backoff("5", POOLS) == Backoff(5.0, 2.0, 30.0, 0.1)

    def test_a_number_above_the_cap_lifts_it(self):
        assert read_backoff("90", POOLS) == Backoff(90.0, 2.0, 90.0, 0.1)

    @pytest.mark.parametrize("key", ["base", "factor", "cap", "jitter"])
    def test_an_object_names_what_differs(self, key):
        number = {"base": 0, "factor": 1, "cap": 2, "jitter": 3}[key]
        wanted = [1.0, 2.0, 30.0, 0.1]
        wanted[number] = 0.5
        assert read_backoff(json.dumps({key: 0.5}), POOLS) == Backoff(*wanted)
