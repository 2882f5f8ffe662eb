"""How figures are written for people: three significant digits, a unit, ages in words, an en dash for unknown.

Used by the commands and the pages, so that a figure looks the same in both.
"""

from itertools import pairwise

UNKNOWN = "–"
AGES = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"))
SIZES = ("B", "kB", "MB", "GB", "TB")


def number(value: float | None) -> str:
    """Write a number with thousands separated."""
    if value is None:
        return UNKNOWN
    if isinstance(value, int) or abs(value) >= 100:
        return f"{value:,.0f}"
    return _three_digits(value)


def counted(count: int | None, one: str, many: str) -> str:
    """Write a number with its word: "1 job", "2,000 jobs"."""
    return f"{number(count)} {one if count == 1 else many}"


def rate(value: float | None) -> str:
    return UNKNOWN if value is None else f"{number(value)} /s"


def milliseconds(value: float | None) -> str:
    """Write milliseconds in the unit that suits them."""
    if value is None:
        return UNKNOWN
    if value >= 60_000:
        return _two_units(value / 1000)
    if value >= 1000:
        return f"{_three_digits(value / 1000)} s"
    return f"{_three_digits(value)} ms" if value >= 1 else f"{value * 1000:.0f} µs"


def age(seconds: float | None) -> str:
    """Write how long something lasts or lasted."""
    if seconds is None:
        return UNKNOWN
    for length, unit in AGES:
        if seconds >= length:
            return f"{int(seconds / length)} {unit}"
    return f"{int(seconds)} s" if seconds >= 1 else "< 1 s"


def size(value: float | None) -> str:
    """Write bytes in the unit that suits them."""
    if value is None:
        return UNKNOWN
    step = 0
    while value >= 1000 and step < len(SIZES) - 1:
        value, step = value / 1000, step + 1
    return f"{value:.0f} B" if step == 0 else f"{_three_digits(value)} {SIZES[step]}"


def percent(fraction: float | None) -> str:
    return UNKNOWN if fraction is None else f"{_three_digits(fraction * 100)} %"


def _two_units(seconds: float) -> str:
    """Write a time of a minute or more: "1 min 30 s", "2 d 4 h"."""
    for (length, unit), (part, smaller) in pairwise((*AGES, (1.0, "s"))):
        if seconds >= length:
            rest = int(seconds % length / part)
            return f"{int(seconds / length)} {unit}" + (f" {rest} {smaller}" if rest else "")
    return age(seconds)


def _three_digits(value: float) -> str:
    if value == 0 or abs(value) >= 100:
        return f"{value:.0f}"
    decimals = 1 if abs(value) >= 10 else 2
    return f"{value:.{decimals}f}".rstrip("0").rstrip(".")
