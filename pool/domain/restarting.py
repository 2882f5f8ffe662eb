"""How fast workers that die before their first completed job are replaced."""

from dataclasses import dataclass, field

FIRST_DELAY_S = 0.1
LONGEST_DELAY_S = 30.0


@dataclass(slots=True)
class RestartBudget:
    """Deaths before a first completed job count; others are replaced at once.

    Within the budget a replacement starts at once; past it the pause doubles up to half a minute, and a worker that
    completes a job clears the account.
    """

    budget: int = 3
    cooldown_s: float = 5.0
    deaths: int = 0
    last_death: float = field(default=float("-inf"))

    def died_young(self, now: float) -> None:
        if now - self.last_death > max(self.cooldown_s, 2 * self.pause_s()):
            self.deaths = 0
        self.deaths += 1
        self.last_death = now

    def worked(self) -> None:
        self.deaths = 0

    def pause_s(self) -> float:
        """Seconds to wait after the last death."""
        excess = self.deaths - self.budget
        if excess <= 0:
            return 0.0
        return float(min(FIRST_DELAY_S * 2 ** min(excess - 1, 20), LONGEST_DELAY_S))

    def next_start(self) -> float:
        """Monotonic time from which a replacement may start."""
        return self.last_death + self.pause_s()

    @property
    def exhausted(self) -> bool:
        return self.deaths > self.budget
