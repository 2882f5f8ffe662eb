"""Where the backlog leads. The pages say it in words, the chart draws it."""

from dataclasses import dataclass

from dashboard.history import History


@dataclass(frozen=True, slots=True)
class Forecast:
    """When the waiting jobs will be done, if it goes on like this."""

    depth: float
    empty_in_s: float


def forecast(history: History) -> Forecast | None:
    """Tell when the queues will be empty at the rates of the last steps; None when they are, or grow."""
    recent = [step for step in history.steps[-max(60 // history.range.step_s, 3) :] if step.is_known]
    if not recent or not (depth := recent[-1].depth):
        return None
    seconds = sum(step.seconds for step in recent)
    gone = sum(step.finished - step.deltas.get("submitted", 0) for step in recent) / seconds
    return Forecast(depth, depth / gone) if gone > 0 and depth >= 10 else None
