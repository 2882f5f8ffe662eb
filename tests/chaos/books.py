"""The books of those who submit and steer: what each was about to do, and what it was answered.

One file for each process, one JSON object a line, one write for each line. A process may be killed in the middle of its
last line: that was not acknowledged then.
"""

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PREFIX = "book-"

Facts = dict[str, Any]


class Book:
    """The writer's end."""

    def __init__(self, folder: Path, name: str) -> None:
        path = folder / f"{PREFIX}{name}-{os.getpid()}-{time.monotonic_ns()}"
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)

    def write(self, do: str, **facts: Any) -> None:
        os.write(self._descriptor, json.dumps({"do": do, "at": time.monotonic_ns(), **facts}).encode() + b"\n")


@dataclass(slots=True)
class Submitted:
    """What was said about the job of one key."""

    kind: str
    job: str | None = None
    """Its id, without hyphens, once it was acknowledged."""
    withdrawn: bool = False
    """Its transaction was rolled back, and that was seen."""


@dataclass(slots=True)
class Cancelled:
    job: str
    answer: str
    at_ns: int
    """When the answer was there."""


@dataclass(slots=True)
class Accounts:
    """Everything the books say."""

    submitted: dict[str, Submitted] = field(default_factory=dict)
    """By key."""
    cancelled: list[Cancelled] = field(default_factory=list)
    errors: dict[str, int] = field(default_factory=dict)
    """What was answered with an error, and how often."""
    steered: dict[str, int] = field(default_factory=dict)


def keys_of(key: str, count: int) -> list[str]:
    """The keys of the jobs of one call."""
    return [key] if count == 1 else [f"{key}.{index}" for index in range(count)]


def read(folder: Path) -> Accounts:
    accounts = Accounts()
    for path in sorted(folder.glob(f"{PREFIX}*")):
        for facts in _lines(path):
            _take(accounts, facts)
    return accounts


def _lines(path: Path) -> Iterator[Facts]:
    # What follows the last line break was cut off.
    for line in path.read_bytes().split(b"\n")[:-1]:
        yield json.loads(line)


def _take(accounts: Accounts, facts: Facts) -> None:
    do = facts["do"]
    if do in ("intend", "acknowledged", "withdrawn"):
        _take_submitted(accounts.submitted, do, facts)
    elif do == "cancelled":
        accounts.cancelled.append(Cancelled(facts["job"].replace("-", ""), facts["answer"], facts["at"]))
    elif do == "error":
        name = f"{facts['what']}: {facts['error']}"[:120]
        accounts.errors[name] = accounts.errors.get(name, 0) + 1
    elif do == "steered":
        accounts.steered[facts["what"]] = accounts.steered.get(facts["what"], 0) + 1


def _take_submitted(submitted: dict[str, Submitted], do: str, facts: Facts) -> None:
    if do == "intend":
        for key, kind in zip(keys_of(facts["key"], len(facts["kinds"])), facts["kinds"], strict=True):
            submitted[key] = Submitted(kind)
    elif do == "acknowledged":
        for key, job in zip(keys_of(facts["key"], len(facts["jobs"])), facts["jobs"], strict=True):
            submitted[key].job = job.replace("-", "")
    else:
        for key in keys_of(facts["key"], facts["count"]):
            submitted[key].withdrawn = True
