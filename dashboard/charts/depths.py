"""How many jobs wait in each queue: the deepest queues by name, the others together."""

from collections.abc import Sequence

from dashboard.charts.series import Values
from dashboard.history import History

MOST_QUEUES = 5
OTHERS = "others"


def queue_names(history: History) -> list[str]:
    """Name the queues in the order of the backlog's traces."""
    sums: dict[str, float] = {}
    for step in history.steps:
        for queue, depth in step.depths.items():
            sums[queue] = sums.get(queue, 0.0) + depth
    ranked = sorted(sums, key=lambda queue: (-sums[queue], queue))
    return ranked if len(ranked) <= MOST_QUEUES + 1 else [*ranked[:MOST_QUEUES], OTHERS]


def depths_of(history: History, names: Sequence[str]) -> list[tuple[str, Values]]:
    """Give how many jobs waited in each of these, step by step."""
    found: list[tuple[str, Values]] = []
    for name in names:
        if name == OTHERS and not any(OTHERS in step.depths for step in history.steps):
            values = [_others(step.depths, names) if step.is_known else None for step in history.steps]
        else:
            values = [step.depths.get(name, 0.0) if step.is_known else None for step in history.steps]
        found.append((name, values))
    return found


def _others(depths: dict[str, float], names: Sequence[str]) -> float:
    return sum(depth for queue, depth in depths.items() if queue not in names)
