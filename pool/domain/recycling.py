"""When a worker is replaced although nothing is wrong with it yet."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RecycleLimits:
    soft_jobs: int
    hard_jobs: int
    min_age_s: float
    max_rss: int
    """Bytes; 0 means no limit."""

    def most_jobs(self, age_s: float) -> int | None:
        """How many jobs a worker of this age may do in its life; None for any number."""
        return self.hard_jobs if self.hard_jobs and age_s >= self.min_age_s else None


def why_recycle(limits: RecycleLimits, *, jobs: int, age_s: float, rss: int | None, idle: bool) -> str:
    """The reason to replace a worker after its current job, or an empty string.

    Count alone never replaces a worker younger than `min_age_s`: at thousands of jobs a second the pool would do
    nothing but fork.
    """
    if limits.max_rss and rss is not None and rss > limits.max_rss:
        return f"memory {rss // 2**20} MB is above the limit of {limits.max_rss // 2**20} MB"
    if age_s < limits.min_age_s:
        return ""
    if limits.hard_jobs and jobs >= limits.hard_jobs:
        return f"{jobs} jobs done"
    if idle and limits.soft_jobs and jobs >= limits.soft_jobs:
        return f"{jobs} jobs done, idle"
    return ""
