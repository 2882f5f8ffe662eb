"""When to say again that something fails: at once, then ever more seldom, so that no log is flooded. Pure.

What fails and recovers all the time is told no more often than what fails for long: the pace is kept from one to the
next, and begins anew after a while without failures. Times are monotonic seconds.
"""

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0
CALM_S = 60.0
"""After so long without a failure the next one is news."""


class Complaints:
    """One for each thing that may fail."""

    def __init__(self) -> None:
        self._told: set[str] = set()
        self._due = self._last = float("-inf")
        self._pause_s = FIRST_PAUSE_S
        self._is_told = False

    def failed(self, now: float, kind: str = "") -> bool:
        """Whether to tell of this failure. One of another kind is told at once, but only once until there was calm."""
        if now - self._last > CALM_S:
            self._told, self._due, self._pause_s = set(), now, FIRST_PAUSE_S
        self._last = now
        if now < self._due and kind in self._told:
            return False
        self._told.add(kind)
        self._is_told = True
        self._due = now + self._pause_s
        self._pause_s = min(self._pause_s * 2, LONGEST_PAUSE_S)
        return True

    def over(self) -> bool:
        """Whether to tell that it works again: when it was told that it does not."""
        is_told, self._is_told = self._is_told, False
        return is_told
