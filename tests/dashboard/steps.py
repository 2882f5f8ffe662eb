"""A past of a pool made by hand, step by step, for the tests of what is drawn from it."""

from datetime import UTC, datetime, timedelta
from typing import Any

from dashboard.history import RANGES, History, Step

NOW = datetime(2026, 11, 22, 12, 0, 7, tzinfo=UTC)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def made(*steps: Step, name: str = "15m") -> History:
    return History(RANGES[name], list(steps))


def a_step(end: float = 0.0, *, seconds: float = 5.0, **fields: Any) -> Step:
    return Step(end, seconds, **fields)
