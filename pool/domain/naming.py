"""Names and other short texts that every page, log and database can show."""

from typing import Any, Final

from pool.domain.errors import InvalidOption

MAX_NAME: Final = 100


def check_name(option: str, value: Any, longest: int = MAX_NAME) -> str:
    """Accept such a text, or say which option is wrong."""
    if not isinstance(value, str) or not 0 < len(value) <= longest:
        raise InvalidOption(f"{option} must be a text of 1 to {longest} characters.")
    if not value.isprintable() or value != value.strip():
        raise InvalidOption(f"{option} must hold printable characters only, and no space at its ends.")
    return value
