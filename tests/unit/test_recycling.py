"""When a worker is replaced although nothing is wrong with it yet."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pool.domain.recycling import LOOKS, Growth, RecycleLimits, why_recycle

MB = 2**20
LIMITS = RecycleLimits(soft_jobs=100, hard_jobs=500, min_age_s=30.0, max_rss=512 * MB)
YOUNG, OLD = 29.9, 30.0


@pytest.mark.parametrize(
    ("jobs", "age_s", "rss", "idle", "reason"),
    [
        (0, OLD, 100 * MB, True, ""),
        (99, OLD, None, True, ""),
        (100, OLD, None, True, "100 jobs done, idle"),
        (100, OLD, None, False, ""),
        (499, OLD, None, False, ""),
        (500, OLD, None, False, "500 jobs done"),
        (500, OLD, None, True, "500 jobs done"),
        (10_000, YOUNG, None, True, ""),
        (10_000, YOUNG, None, False, ""),
        (1, YOUNG, 512 * MB, False, ""),
        (1, YOUNG, 513 * MB, False, "memory 513 MB is above the limit of 512 MB"),
        (1, OLD, 600 * MB, True, "memory 600 MB is above the limit of 512 MB"),
    ],
)
def test_reasons(jobs, age_s, rss, idle, reason):
    assert why_recycle(LIMITS, jobs=jobs, age_s=age_s, rss=rss, idle=idle) == reason


@given(st.integers(0, 10**9), st.floats(0, 1e9), st.one_of(st.none(), st.integers(0, 10**12)), st.booleans())
def test_without_limits_nobody_is_replaced(jobs, age_s, rss, idle):
    limits = RecycleLimits(soft_jobs=0, hard_jobs=0, min_age_s=0.0, max_rss=0)
    assert why_recycle(limits, jobs=jobs, age_s=age_s, rss=rss, idle=idle) == ""


@given(st.integers(0, 1000), st.floats(0, 100))
def test_a_busy_worker_is_never_replaced_before_an_idle_one(jobs, age_s):
    busy = why_recycle(LIMITS, jobs=jobs, age_s=age_s, rss=None, idle=False)
    assert not busy or why_recycle(LIMITS, jobs=jobs, age_s=age_s, rss=None, idle=True)


AGED = RecycleLimits(soft_jobs=0, hard_jobs=0, min_age_s=30.0, max_rss=0, max_age_s=60.0, max_growth=10 * MB)


@pytest.mark.parametrize(
    ("age_s", "idle", "growth", "reason"),
    [
        (59.9, True, 0, ""),
        (60.0, True, 0, "60 s old, idle"),
        (600.0, False, 0, ""),
        (1.0, False, 10 * MB, "memory grew by 10 MB, with every look higher"),
        (1.0, True, 10 * MB - 1, ""),
    ],
)
def test_age_and_growth(age_s, idle, growth, reason):
    assert why_recycle(AGED, jobs=1, age_s=age_s, rss=None, idle=idle, growth=growth) == reason


def trend_of(*sizes: int) -> int:
    growth = Growth()
    for jobs, size in enumerate(sizes):
        growth.note(jobs, size, at=jobs)
        growth.note(jobs + 1, size + 1, at=jobs)
        growth.note(jobs, size + 1, at=jobs + 0.5)
    return growth.trend


@pytest.mark.parametrize(
    ("sizes", "trend"),
    [
        ([], 0),
        ([1, 2, 3, 4, 5], 0),
        ([1, 2, 3, 4, 5, 6], 5),
        ([1, 2, 3, 4, 5, 6, 16], 14),
        ([1, 2, 3, 3, 5, 6, 7], 0),
        ([9, 2, 3, 4, 5, 6, 7], 5),
        ([1, 9, 9, 9, 9, 9, 9], 0),
    ],
)
def test_only_what_rises_each_time_is_a_trend(sizes, trend):
    assert trend_of(*sizes) == trend


@given(st.lists(st.integers(0, 1000), max_size=30))
def test_a_trend_is_that_of_the_last_looks(sizes):
    trend = trend_of(*sizes)
    assert trend == 0 or trend == sizes[-1] - sizes[-LOOKS - 1] > 0
