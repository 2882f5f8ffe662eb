"""What becomes of a job that waits for others, when some of them have ended. Pure; applied by the store."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pool.domain.links import goes_on
from pool.domain.states import JobStatus, ParentEnd


class ParentEnded(NamedTuple):
    """One of its parents, and how that one ended."""

    parent: str
    wants: ParentEnd
    end: JobStatus


@dataclass(frozen=True, slots=True)
class Waits:
    """For so many still."""

    parents: int


@dataclass(frozen=True, slots=True)
class Starts:
    """It waits for nobody any more."""


@dataclass(frozen=True, slots=True)
class Cancelled:
    """One of its parents did not end as it should."""

    because: ParentEnded


def judge_child(status: JobStatus, waits_for: int, ended: Sequence[ParentEnded]) -> Waits | Starts | Cancelled | None:
    """Decide about a child by the parents that have ended since; None when it does not wait for parents at all."""
    if status is not JobStatus.BLOCKED or waits_for <= 0:
        return None
    for one in ended:
        if not goes_on(one.wants, one.end):
            return Cancelled(one)
    left = waits_for - len(ended)
    return Waits(left) if left > 0 else Starts()
