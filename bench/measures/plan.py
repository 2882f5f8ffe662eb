"""How much of everything: a full run, or a quick one that only shows that the bench works."""

from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")

Values = dict[str, float]

MANY = 1_000_000


@dataclass(frozen=True, slots=True)
class Plan:
    quick: bool = False
    most: int = MANY
    """Jobs in the longest lists."""

    @property
    def jobs(self) -> int:
        return self.pick(self.most, min(self.most, 5000))

    def pick(self, full: T, quick: T) -> T:
        return quick if self.quick else full


def percentile(values: list[float], percent: float) -> float:
    """The value that so many percent of all do not exceed."""
    ordered = sorted(values)
    return ordered[max(-(-len(ordered) * percent // 100), 1).__int__() - 1]
