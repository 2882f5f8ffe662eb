"""How figures are written on the pages: as in the commands."""

from pool.domain.wording import UNKNOWN, age, milliseconds, number, percent, rate, size

__all__ = ["UNKNOWN", "age", "milliseconds", "number", "percent", "rate", "size"]
