"""What submitters submit: kinds of jobs, how often each, and how each may end."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

MODULE = "tests.chaos.tasks"
QUEUES = ("a", "b", "c", "d")
TENANTS = ("", "", "small", "large")
LIMIT_KEYS, KEYED = 6, 0.08
"""How many keys there are of which two jobs may run at once, and the share of the jobs that have one."""

ENOUGH = 40
"""Attempts of a job that only others kill."""

COMPLETED, FAILED, TIMEOUT = "COMPLETED", "FAILED", "TIMEOUT"


@dataclass(frozen=True, slots=True)
class Kind:
    task: str
    weight: float
    arguments: Callable[[Random], tuple[Any, ...]] = field(default=lambda random: ())
    """Those after the key."""
    ends: frozenset[str] = frozenset({COMPLETED})
    """How it may end when it is not cancelled and its budget is not spent."""
    max_attempts: int = ENOUGH
    timeout: float = 30.0
    later: bool = False
    """Scheduled for a moment in the near future."""

    def options(self, random: Random) -> dict[str, Any]:
        """For `using`, time and parents aside."""
        options = {
            "queue_name": random.choice(QUEUES),
            "priority": random.choice((0, 0, 0, 10, -10)),
            "max_attempts": self.max_attempts,
            "timeout": self.timeout,
            "tenant": random.choice(TENANTS),
        }
        if random.random() < KEYED:
            options |= {"limit_key": f"key {random.randrange(LIMIT_KEYS)}", "limit_running": 2}
        return options


def seconds(least: float, most: float) -> Callable[[Random], tuple[Any, ...]]:
    return lambda random: (round(random.uniform(least, most), 3),)


def whole(least: int, most: int) -> Callable[[Random], tuple[Any, ...]]:
    return lambda random: (random.randint(least, most),)


NEVER: frozenset[str] = frozenset()

KINDS = (
    Kind("instant", 60),
    Kind("brief", 24, seconds(0.001, 0.01)),
    Kind("instant", 4, later=True),
    Kind("fails_first", 4, whole(1, 3)),
    Kind("raises", 2, ends=NEVER, max_attempts=2),
    Kind("long", 2.5, seconds(0.1, 0.8)),
    Kind("long_async", 2, seconds(0.05, 0.5)),
    Kind("returns_much", 0.2, whole(10_000, 300_000)),
    Kind("runs_program", 0.6, seconds(0.1, 0.6)),
    Kind("exits_first", 0.3),
    Kind("deaf", 0.2, seconds(0.2, 1.0)),
    Kind("overruns", 0.2, ends=NEVER, max_attempts=2, timeout=0.3),
    Kind("poison", 0.15, ends=NEVER, max_attempts=3),
)

MANY = tuple(kind for kind in KINDS if kind.task in ("instant", "brief") and not kind.later)
"""Submitted by the hundred."""

IN_FAMILIES = tuple(kind for kind in KINDS if not kind.later and kind.task not in ("deaf", "runs_program", "overruns"))
"""Those that wait for each other: one that ends badly cancels whoever waits for it."""

BY_TASK = {kind.task: kind for kind in KINDS}


def choose(random: Random, among: Sequence[Kind] = KINDS) -> Kind:
    return random.choices(among, [kind.weight for kind in among])[0]
