"""Kinds of workers: which there are, what each offers, which a pool of some size has, and which a task would like.

Pure. The node hires by `kinds_of`; what a kind does differently is in `pool.engine.kinds`, one file each.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Final

from pool.domain.options import TaskKind

GENERAL: Final = "general"
COMPUTE: Final = "compute"
IO: Final = "io"
MEMORY: Final = "memory"
KINDS: Final = (GENERAL, COMPUTE, IO, MEMORY)

WORKER_NAME: Final = re.compile(r"w(0|[1-9][0-9]{0,2})")

OFFERS: Final[Mapping[str, frozenset[str]]] = {
    GENERAL: frozenset({GENERAL}),
    COMPUTE: frozenset({COMPUTE, "cpu"}),
    IO: frozenset({IO, "async", "network", "files"}),
    MEMORY: frozenset({MEMORY, "cache", "shared-memory"}),
}
"""What a kind offers by itself. What its machine or its surroundings offer is said by the setting `capabilities`."""

LIKES: Final[Mapping[TaskKind, str]] = {
    TaskKind.COMPUTATION: COMPUTE,
    TaskKind.COMPRESSION: COMPUTE,
    TaskKind.ENCRYPTION: COMPUTE,
    TaskKind.IMAGE_MANIPULATION: COMPUTE,
    TaskKind.FILE_IO: IO,
    TaskKind.DATA_PROCESSING: MEMORY,
    TaskKind.ANALYSIS: MEMORY,
}
"""The kind of worker on which a kind of work is at home. A wish: any other does it as well."""


def kinds_of(size: int, kinds: Sequence[str]) -> list[str]:
    """The kinds in a pool of so many workers: as named, from the first on, and general ones beyond."""
    return [*kinds[:size], *[GENERAL] * (size - len(kinds))]


def lacking(wanted: Iterable[str], present: Iterable[str]) -> list[str]:
    """The kinds that are missing among those present, in the order wanted."""
    spare = list(present)
    missing = []
    for kind in wanted:
        if kind in spare:
            spare.remove(kind)
        else:
            missing.append(kind)
    return missing


def offers_of(kind: str, capabilities: Iterable[str]) -> frozenset[str]:
    """What a worker of this kind offers. A capability written as `kind:name` is that of one kind alone."""
    more = set()
    for capability in capabilities:
        owner, colon, name = capability.partition(":")
        if not (colon and owner in KINDS):
            more.add(capability)
        elif owner == kind:
            more.add(name)
    return OFFERS[kind] | more


def read_patterns(texts: Iterable[str]) -> list[tuple[str, str]]:
    """Pairs of a pattern of task names and a kind or a worker, from texts like `shop.tasks.*=compute` and `shop.*=w3`.

    Raises ValueError.
    """
    pairs = []
    for text in texts:
        pattern, _, goal = (part.strip() for part in text.rpartition("="))
        if not pattern or not (goal in KINDS or is_worker(goal)):
            raise ValueError(text)
        pairs.append((pattern, goal))
    return pairs


def goal_for(task: str, patterns: Iterable[tuple[str, str]]) -> str:
    """The kind or worker that the first fitting pattern gives to a task; empty when none fits."""
    return next((goal for pattern, goal in patterns if fnmatchcase(task, pattern)), "")


def is_worker(name: str) -> bool:
    """Whether this names the worker in one of a node's places, whichever it is: w0, w1 and so on."""
    return WORKER_NAME.fullmatch(name) is not None


def missing(requires: Iterable[str], offers: Iterable[frozenset[str]]) -> str:
    """Why no worker can do a job that requires this, in a sentence; empty when one can."""
    wanted, offered = frozenset(requires), list(offers)
    if any(wanted <= one for one in offered):
        return ""
    nowhere = sorted(wanted - frozenset[str]().union(*offered))
    if nowhere:
        return f"No worker offers {' and '.join(nowhere)}."
    return f"No worker offers {' and '.join(sorted(wanted))} together."
