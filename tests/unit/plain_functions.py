"""Functions that are no tasks of themselves."""

from datetime import date

from tests.unit.plain_elsewhere import elsewhere

__all__ = ["elsewhere"]

NUMBER = 1


class Kind:
    pass


def adds(a: int, b: int) -> int:
    return a + b


def today() -> date:
    return date(2026, 11, 22)


async def later() -> str:
    return "later"


def _hidden() -> None:
    """Not for schedules."""
