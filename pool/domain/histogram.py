"""Latencies as counts of quantised microseconds: cheap to gather, exact to merge, with true percentiles.

A value falls into the bucket that an HDR histogram of two significant digits would give it, so a dict of counts and an
`HdrHistogram` are two forms of the same thing: the meter in the node counts in dicts, rows hold the encoded form, the
clerk and the web process merge either. What is unknown is None, never 0.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import compress

from hdrh.histogram import HdrHistogram  # type: ignore[import-untyped, unused-ignore]

Counts = dict[int, int]
Percentiles = dict[str, float | None]

LONGEST_US = 24 * 3_600_000_000
"""Longer times count as a day."""

SIGNIFICANT_DIGITS = 2
EXACT_BITS = 8
"""Values of so many bits are their own bucket; larger ones keep their leading bits."""

POINTS = {"p50": 50.0, "p90": 90.0, "p95": 95.0, "p99": 99.0}
UNKNOWN: Percentiles = dict.fromkeys(("avg", *POINTS, "max"))


def quantise(us: int) -> int:
    """Give the lowest value of the bucket that holds so many microseconds."""
    if us <= 0:
        return 0
    if us > LONGEST_US:
        us = LONGEST_US
    shift = us.bit_length() - EXACT_BITS
    return us if shift <= 0 else us >> shift << shift


def count(values: Iterable[int]) -> Counts:
    """Count values by bucket."""
    counts: Counts = {}
    # Most values occur more than once, and Counter counts in C: only the distinct ones are quantised.
    for value, times in Counter(values).items():
        bucket = quantise(value)
        counts[bucket] = counts.get(bucket, 0) + times
    return counts


def add(counts: Counts, more: Mapping[int, int]) -> None:
    """Merge the second into the first."""
    for bucket, times in more.items():
        counts[bucket] = counts.get(bucket, 0) + times


def take_away(counts: Counts, part: Mapping[int, int]) -> None:
    """Remove from the first what was added to it before."""
    for bucket, times in part.items():
        left = counts[bucket] - times
        if left:
            counts[bucket] = left
        else:
            del counts[bucket]


def merged(many: Iterable[Mapping[int, int]]) -> Counts:
    """Merge all into a new one."""
    counts: Counts = {}
    for one in many:
        add(counts, one)
    return counts


def percentiles(counts: Mapping[int, int]) -> Percentiles:
    """Give mean, percentiles and maximum in milliseconds, as an HDR histogram would; all None when there is nothing."""
    total = sum(counts.values())
    if not total:
        return dict(UNKNOWN)
    targets = [(name, max(int(point * total / 100 + 0.5), 1)) for name, point in POINTS.items()]
    found: Percentiles = {"avg": _ms(sum(_middle(bucket) * times for bucket, times in counts.items()) / total)}
    seen, next_target = 0, 0
    for bucket in sorted(counts):
        seen += counts[bucket]
        while next_target < len(targets) and seen >= targets[next_target][1]:
            found[targets[next_target][0]] = _ms(_highest(bucket))
            next_target += 1
    found["max"] = _ms(_highest(max(counts)))
    return found


def mean_ms(counts: Mapping[int, int]) -> float | None:
    """Give the mean in milliseconds; None when there is nothing."""
    return percentiles(counts)["avg"]


def to_hdr(counts: Mapping[int, int]) -> HdrHistogram:
    """Give the same counts as an HDR histogram."""
    histogram = HdrHistogram(1, LONGEST_US, SIGNIFICANT_DIGITS)
    for bucket, times in counts.items():
        histogram.record_value(bucket, times)
    return histogram


def encode(counts: Mapping[int, int]) -> str:
    """Write the counts as HDR's own text (compressed, base64)."""
    text: bytes = to_hdr(counts).encode()
    return text.decode("ascii")


def decode(text: str) -> Counts:
    """Read what `encode` wrote."""
    return _counts(HdrHistogram.decode(text.encode("ascii")))


def decode_all(texts: Sequence[str]) -> Counts:
    """Read what `encode` wrote several times, taken together."""
    if len(texts) == 1:
        return decode(texts[0])
    return _counts(_added(texts)) if texts else {}


def merge_encoded(texts: Iterable[str]) -> str:
    """Merge encoded histograms into one, without the way over dicts."""
    encoded: bytes = _added(texts).encode()
    return encoded.decode("ascii")


def _added(texts: Iterable[str]) -> HdrHistogram:
    histogram = HdrHistogram(1, LONGEST_US, SIGNIFICANT_DIGITS)
    for text in texts:
        histogram.decode_and_add(text.encode("ascii"))
    return histogram


def _counts(histogram: HdrHistogram) -> Counts:
    counts = histogram.counts[: bisect_right(_buckets(), histogram.get_max_value())]
    return dict(compress(zip(_buckets(), counts, strict=False), counts))


@cache
def _buckets() -> list[int]:
    """The buckets in HDR's own order. Asked for one by one they would cost more than all the rest."""
    empty = HdrHistogram(1, LONGEST_US, SIGNIFICANT_DIGITS)
    return [empty.get_value_from_index(index) for index in range(empty.counts_len)]


def _width(bucket: int) -> int:
    return 1 << max(bucket.bit_length() - EXACT_BITS, 0)


def _highest(bucket: int) -> int:
    return bucket + _width(bucket) - 1


@cache
def _middle(bucket: int) -> int:
    return bucket + (_width(bucket) >> 1)


def _ms(us: float) -> float:
    return round(us / 1000, 3)
