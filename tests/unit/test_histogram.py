"""Quantised counts and HDR histograms are two forms of the same thing."""

from hypothesis import given, settings
from hypothesis import strategies as st

from pool.domain import histogram

MICROSECONDS = st.lists(st.integers(0, histogram.LONGEST_US), max_size=60)


@given(st.integers(0, histogram.LONGEST_US))
def test_bucket_is_the_one_an_hdr_histogram_gives(value: int) -> None:
    assert histogram.to_hdr({}).get_lowest_equivalent_value(value) == histogram.quantise(value)


def test_values_out_of_range_are_clamped() -> None:
    assert histogram.quantise(-5) == 0
    assert histogram.quantise(10**15) == histogram.quantise(histogram.LONGEST_US)


@given(MICROSECONDS)
def test_counting_loses_no_value(values: list[int]) -> None:
    assert sum(histogram.count(values).values()) == len(values)


@settings(max_examples=40)
@given(MICROSECONDS)
def test_encoded_counts_come_back(values: list[int]) -> None:
    counts = histogram.count(values)
    assert counts == histogram.decode(histogram.encode(counts))


@settings(max_examples=40)
@given(MICROSECONDS.filter(bool))
def test_percentiles_are_those_of_hdr(values: list[int]) -> None:
    counts = histogram.count(values)
    hdr, found = histogram.to_hdr(counts), histogram.percentiles(counts)
    for name, point in histogram.POINTS.items():
        assert round(hdr.get_value_at_percentile(point) / 1000, 3) == found[name]
    assert round(hdr.get_max_value() / 1000, 3) == found["max"]
    assert round(hdr.get_mean_value() / 1000, 3) == found["avg"]


@settings(max_examples=40)
@given(MICROSECONDS, MICROSECONDS)
def test_merging_is_counting_all_at_once(some: list[int], others: list[int]) -> None:
    both = histogram.count(some + others)
    parts = [histogram.count(some), histogram.count(others)]
    assert both == histogram.merged(parts)
    assert both == histogram.decode(histogram.merge_encoded(map(histogram.encode, parts)))


def test_taking_away_undoes_adding() -> None:
    counts = {100: 2}
    histogram.add(counts, {100: 1, 300: 4})
    histogram.take_away(counts, {100: 1, 300: 4})
    assert counts == {100: 2}


def test_nothing_measured_is_unknown_and_not_zero() -> None:
    assert set(histogram.percentiles({}).values()) == {None}
    assert list(histogram.percentiles({})) == ["avg", "p50", "p90", "p95", "p99", "max"]


def test_figures_are_milliseconds() -> None:
    found = histogram.percentiles(histogram.count([1000] * 99 + [2_000_000]))
    assert found["p50"] == 1.003
    assert found["max"] is not None
    assert 2000 <= found["max"] <= 2020
