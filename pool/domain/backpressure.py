"""How full is too full: who waits before it enqueues, for how long, and when to come again. Pure."""

LONGEST_RETRY_S = 60
UNKNOWN_RETRY_S = 5


def pause_s(waiting: int, most: int, begins_at: float, longest_s: float) -> float:
    """How long a producer waits first: nothing below that part of the limit, then growing with every job."""
    soft = most * begins_at
    if waiting < soft:
        return 0.0
    return longest_s * min((waiting - soft) / max(most - soft, 1.0), 1.0)


def retry_after_s(excess: int, ended_per_s: float | None) -> int:
    """When so many jobs will have ended, in whole seconds; a pool that ends nothing gives no hint."""
    if not ended_per_s or ended_per_s <= 0:
        return UNKNOWN_RETRY_S
    return max(1, min(-int(-excess // ended_per_s), LONGEST_RETRY_S))


def room_for(waiting: int, most: int, jobs: int) -> bool:
    """Whether so many more jobs fit."""
    return waiting + jobs <= most
