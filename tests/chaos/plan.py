"""What the monkey does, and when: decided by the seed alone, so that a run can be had again.

The plan does not know who lives at the moment. It says "a worker, the one at 0.37 of all there are".
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random

KILL, STOP, TERM = "kill", "stop", "term"
LOCK_ALL, LOCK_SOME, TERMINATE, RESTART = "lock all", "lock some", "terminate", "restart"

DATABASE = "database"

PAUSE_S = (0.05, 0.5)
"""Between two deeds."""

WHO: Mapping[str, float] = {
    "worker": 58,
    "nursery": 6,
    "clerk": 3,
    "newborn": 3,
    "node": 4,
    "web": 3,
    "submitter": 4,
    "caller": 2,
    "canceller": 2,
    "steerer": 2,
    DATABASE: 5,
}
SERVE = {"serve": 0.7}
"""Besides, when `serve` looks after web and node."""

HOW: Mapping[str, float] = {KILL: 72, STOP: 18, TERM: 10}
TROUBLE: Mapping[str, Mapping[str, float]] = {
    "sqlite": {LOCK_ALL: 1},
    "postgresql": {LOCK_ALL: 3, LOCK_SOME: 4, TERMINATE: 6, RESTART: 1},
}

STOP_S, LONG_STOP_S = (0.05, 2.5), (4.0, 7.0)
LOCK_S, LONG_LOCK_S = (0.05, 1.5), (3.0, 6.0)
LONG_SHARE = 0.06
"""Of the stops and locks: longer than a worker may be silent, and than the lease of a node."""


@dataclass(frozen=True, slots=True)
class Deed:
    after_s: float
    """Since the one before."""
    who: str
    what: str
    pick: float
    """Which of those who are there, from 0 to 1."""
    seconds: float
    """How long it stays stopped or locked."""


def deeds(seed: int, database: str, *, serve: bool = False) -> Iterator[Deed]:
    """Without end."""
    random = Random(seed)
    who = {**WHO, **SERVE} if serve else WHO
    while True:
        after_s, victim, pick = random.uniform(*PAUSE_S), _choose(random, who), random.random()
        what = _choose(random, TROUBLE[database] if victim == DATABASE else HOW)
        usual, long = (LOCK_S, LONG_LOCK_S) if victim == DATABASE else (STOP_S, LONG_STOP_S)
        seconds = random.uniform(*(long if random.random() < LONG_SHARE else usual))
        yield Deed(after_s, victim, what, pick, seconds)


def _choose(random: Random, weights: Mapping[str, float]) -> str:
    return random.choices(list(weights), list(weights.values()))[0]
