"""What a job of a task is expected to cost, from those that ran."""

OVERHEAD_US = 20.0
"""What a job costs beside its own run time: decoding, bookkeeping, encoding."""

SMOOTHING = 0.2


class Estimates:
    """Running mean of the run time per task, in microseconds. Learns slow fast: a rise counts at once."""

    def __init__(self) -> None:
        self.by_task: dict[str, float] = {}

    def learn(self, task: str, run_us: float) -> float:
        """Note what a job took; what the next one is expected to cost."""
        cost = run_us + OVERHEAD_US
        known = self.by_task.get(task)
        if known is not None and cost <= known * 8:
            cost = known + (cost - known) * SMOOTHING
        self.by_task[task] = cost
        return cost

    def of(self, task: str) -> float | None:
        """Expected cost of one job of the task, or None while nothing is known."""
        return self.by_task.get(task)
