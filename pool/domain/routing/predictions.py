"""What is expected of a task on a kind of worker: how long it takes and how often it succeeds, as running means."""

from dataclasses import dataclass

SMOOTHING = 0.2
LEAST_SUCCESS = 0.01


@dataclass(slots=True)
class Expected:
    """Of one task on one kind of worker."""

    latency_us: float = 0.0
    success: float = 1.0
    count: int = 0

    @property
    def cost_us(self) -> float:
        """Time until it succeeds, if it is tried until it does."""
        return self.latency_us / max(self.success, LEAST_SUCCESS)


class Predictions:
    def __init__(self) -> None:
        self._known: dict[tuple[str, str], Expected] = {}

    def learn(self, task: str, kind: str, run_us: float, *, succeeded: bool) -> None:
        """Note how a job went."""
        known = self._known.setdefault((task, kind), Expected())
        # The first ones are believed more, or the start values would last.
        weight = max(SMOOTHING, 1 / (known.count + 1))
        known.latency_us += (run_us - known.latency_us) * weight
        known.success += (succeeded - known.success) * weight
        known.count += 1

    def count(self, task: str, kind: str) -> int:
        """How many such jobs were seen."""
        known = self._known.get((task, kind))
        return known.count if known is not None else 0

    def cost_us(self, task: str, kind: str) -> float | None:
        """What one costs, with the tries that fail; None while none was seen."""
        known = self._known.get((task, kind))
        return known.cost_us if known is not None else None
