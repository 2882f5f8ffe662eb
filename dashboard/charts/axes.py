"""The upright axes: from nothing up, or logarithmic for times."""

import math
from typing import Any

from dashboard.charts.series import Values

MOST_TICKS = 4
TIME_TICKS_MS = {
    0.1: "100 µs", 1: "1 ms", 10: "10 ms", 100: "100 ms", 1000: "1 s", 10_000: "10 s", 60_000: "1 min",
    600_000: "10 min", 3_600_000: "1 h", 36_000_000: "10 h",
}  # fmt: skip
LOWEST_MS = 0.05
"""What a logarithmic axis takes for nothing."""


def linear(*many: Values) -> dict[str, Any]:
    """Begin at nothing, and leave room above the highest value."""
    highest = max((value for values in many for value in values if value is not None), default=0.0)
    return {"rangemode": "tozero", "range": [0, max(highest * 1.15, 1.0)]}


def logarithmic(values: Values) -> dict[str, Any]:
    """Span the powers of ten around these times, with ticks in units that people use."""
    known = [max(value, LOWEST_MS) for value in values if value is not None]
    low = math.floor(math.log10(min(known, default=1.0)))
    high = max(math.ceil(math.log10(max(known, default=100.0))), low + 1)
    ticks = [value for value in TIME_TICKS_MS if low <= math.log10(value) <= high]
    # Few enough that they do not touch.
    ticks = ticks[:: -(-len(ticks) // MOST_TICKS)]
    return {
        "type": "log", "range": [low, high], "tickvals": ticks, "ticktext": [TIME_TICKS_MS[value] for value in ticks],
    }  # fmt: skip
