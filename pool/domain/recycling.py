"""When a worker is replaced although nothing is wrong with it yet."""

from collections import deque
from dataclasses import dataclass
from itertools import pairwise

LOOKS = 5
"""So many rises in a row are a trend: a cache that fills stops sooner."""


@dataclass(frozen=True, slots=True)
class RecycleLimits:
    soft_jobs: int
    hard_jobs: int
    min_age_s: float
    max_rss: int
    """Bytes; 0 means no limit."""
    max_age_s: float = 0.0
    max_growth: int = 0
    """Bytes of a trend; 0 means no limit."""

    def most_jobs(self, age_s: float) -> int | None:
        """How many jobs a worker of this age may do in its life; None for any number."""
        return self.hard_jobs if self.hard_jobs and age_s >= self.min_age_s else None


class Growth:
    """The memory of one worker as it was seen after jobs: whether it rises each time, and by how much."""

    def __init__(self) -> None:
        self._seen: deque[tuple[int, int]] = deque(maxlen=LOOKS + 1)
        self._measured_at: float | None = None

    def note(self, jobs: int, rss: int, at: float) -> None:
        """Take what was measured then, when so many jobs were done. Looks between which none ended tell nothing."""
        if at != self._measured_at and (not self._seen or jobs > self._seen[-1][0]):
            self._seen.append((jobs, rss))
            self._measured_at = at

    @property
    def trend(self) -> int:
        """Bytes that it grew by over the last looks when each was higher than the one before; 0 otherwise."""
        sizes = [rss for _, rss in self._seen]
        rises = len(sizes) > LOOKS and all(after > before for before, after in pairwise(sizes))
        return sizes[-1] - sizes[0] if rises else 0


def why_recycle(limits: RecycleLimits, *, jobs: int, age_s: float, rss: int | None, idle: bool, growth: int = 0) -> str:
    """The reason to replace a worker after its current job, or an empty string.

    Count alone never replaces a worker younger than `min_age_s`: at thousands of jobs a second the pool would do
    nothing but fork.
    """
    if limits.max_rss and rss is not None and rss > limits.max_rss:
        return f"memory {rss // 2**20} MB is above the limit of {limits.max_rss // 2**20} MB"
    if limits.max_growth and growth >= limits.max_growth:
        return f"memory grew by {growth // 2**20} MB, with every look higher"
    if age_s < limits.min_age_s:
        return ""
    if limits.hard_jobs and jobs >= limits.hard_jobs:
        return f"{jobs} jobs done"
    if idle and limits.soft_jobs and jobs >= limits.soft_jobs:
        return f"{jobs} jobs done, idle"
    if idle and limits.max_age_s and age_s >= limits.max_age_s:
        return f"{age_s:.0f} s old, idle"
    return ""
