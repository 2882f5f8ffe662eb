"""What staff may set for a queue or a tenant: weights and limits, each with its range.

Pure. Command, API, pages and admin all check through it. A wrong value raises InvalidOption with a sentence that begins
with its name. None takes a limit away.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pool.domain.errors import InvalidOption
from pool.domain.fairness import LEAST_WEIGHT, MOST_WEIGHT


@dataclass(frozen=True, slots=True)
class Knob:
    """One thing that can be set."""

    name: str
    least: float
    most: float
    is_whole: bool
    meaning: str
    is_limit: bool = True
    """It may be taken away."""

    def read(self, value: Any) -> float | int | None:
        """Accept a value, or raise InvalidOption."""
        if value is None and self.is_limit:
            return None
        kinds = (int,) if self.is_whole else (int, float)
        if isinstance(value, bool) or not isinstance(value, kinds) or not self.least <= value <= self.most:
            raise InvalidOption(f"{self.name} must be {self.range}, not {str(value)[:50]!r}.")
        return value if self.is_whole else float(value)

    @property
    def range(self) -> str:
        """Which values there are, in words."""
        number = "a whole number" if self.is_whole else "a number"
        limits = f"{number} from {self.least:,.10g} to {self.most:,.10g}"
        return f"{limits}, or none" if self.is_limit else limits


WEIGHT = Knob("weight", LEAST_WEIGHT, MOST_WEIGHT, False, "share beside others that wait as well", is_limit=False)

QUEUE_KNOBS = {
    knob.name: knob
    for knob in (
        WEIGHT,
        Knob("max_waiting", 0, 10**9, True, "jobs that may wait in it; 0: any, none: as the setting max_waiting says"),
        Knob("max_running", 1, 1_000_000, True, "jobs of it that execute at a time"),
        Knob("rate", 0.001, 1_000_000, False, "jobs of it that start in a second, on average"),
        Knob("burst", 1, 1_000_000, True, "jobs of it that start at once after a rest; none: a second's worth"),
    )
}

TENANT_KNOBS = {
    knob.name: knob for knob in (WEIGHT, Knob("max_waiting", 1, 10**9, True, "jobs that it may have waiting"))
}


def read_changes(changes: Mapping[str, Any], knobs: Mapping[str, Knob]) -> dict[str, float | int | None]:
    """Check what somebody wants to set. Raises InvalidOption."""
    for name in changes:
        if name not in knobs:
            raise InvalidOption(f"{str(name)[:50]} cannot be set; there are {', '.join(knobs)}.")
    return {name: knobs[name].read(value) for name, value in changes.items()}


def read_text(text: str) -> float | int | None:
    """What somebody typed: a number, or `none`. Raises ValueError."""
    if text.strip().lower() in ("", "none"):
        return None
    number = float(text.replace("_", ""))
    return int(number) if number.is_integer() and "e" not in text.lower() and "." not in text else number
