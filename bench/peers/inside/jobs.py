"""The work, the same for every peer: each attempt is written into the ledger when it begins and when it ends.

A job is known by its key, which is all that a peer has to carry for it. Attempts are counted here, because not every
peer tells its jobs.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random

from tests.chaos import ledger

MODULE = "bench.peers.inside.jobs"
TRIES = "tries"
POISON = "poison"

ENOUGH = 40
"""Attempts of a job that only others kill."""

POISON_ATTEMPTS = 3

STEP_S = 0.02

Argument = int | float
Arguments = tuple[Argument, ...]


def nothing(random: Random) -> Arguments:
    return ()


def seconds(least: float, most: float) -> Callable[[Random], Arguments]:
    return lambda random: (round(random.uniform(least, most), 3),)


@dataclass(frozen=True, slots=True)
class Kind:
    name: str
    weight: float
    arguments: Callable[[Random], Arguments] = field(default=nothing)
    """Those after the key."""


KINDS = (
    Kind("instant", 66.2),
    Kind("brief", 30, seconds(0.001, 0.01)),
    Kind("long", 0.8, seconds(1.0, 2.0)),
    Kind("fails_first", 3, lambda random: (random.randint(1, 3),)),
    Kind(POISON, 0.05),
)


def choose(random: Random, poison: bool = True) -> tuple[str, Arguments]:
    chosen = [kind for kind in KINDS if poison or kind.name != POISON]
    (kind,) = random.choices(chosen, [kind.weight for kind in chosen])
    return kind.name, kind.arguments(random)


@contextmanager
def attempt(key: str) -> Iterator[int]:
    number = _next_number(key)
    with ledger.attempt(key, number):
        yield number


def instant(key: str) -> None:
    with attempt(key):
        return


def brief(key: str, duration_s: float) -> None:
    with attempt(key):
        time.sleep(duration_s)


def long(key: str, duration_s: float) -> None:
    with attempt(key):
        until = time.monotonic() + duration_s
        while time.monotonic() < until:
            time.sleep(STEP_S)


def fails_first(key: str, times: int) -> None:
    with attempt(key) as number:
        if number <= times:
            raise ValueError("not yet")


def poison(key: str) -> None:
    """Kill its worker. Always."""
    with attempt(key):
        os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(60)


def _next_number(key: str) -> int:
    """A byte in a file of the job's own for every attempt: no process can be killed in the middle of it."""
    path = os.path.join(os.environ[ledger.FOLDER], TRIES, key)
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, b".")
        return os.fstat(descriptor).st_size
    finally:
        os.close(descriptor)
