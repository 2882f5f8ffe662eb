"""The numbers in the fields of a form, read; what is none is refused in a sentence."""

from pool.domain.errors import InvalidOption
from pool.domain.tuning import read_text


def read_number(text: str, name: str) -> float | int | None:
    """Read a number; None where the field is empty."""
    try:
        return read_text(text[:30])
    except ValueError:
        raise InvalidOption(f"{name} must be a number, or empty, not {text[:20]!r}.") from None


def read_whole(text: str | None, what: str) -> int | None:
    """Read a whole number; None where there is none."""
    if not text:
        return None
    try:
        return int(text[:10])
    except ValueError:
        raise InvalidOption(f"The {what} must be a whole number, not {text[:20]!r}.") from None
