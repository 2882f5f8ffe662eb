"""What happened to the jobs of a peer, counted the same way for each. Pure: plain values in and out.

A poison job is one that kills its worker whenever it runs; all others are good and can run to their end. What counts is
the ledger, in which the jobs themselves wrote, and beside it what the peer says of them.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from bench.peers.inside.jobs import POISON
from tests.chaos.books import Submitted
from tests.chaos.ledger import BEGIN, CUT, END, Record

SHOWN = 5
SECOND_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What the peer says of jobs, by key."""

    ended: Mapping[str, str] = field(default_factory=dict)
    """"succeeded" or "failed", for good."""
    waiting: frozenset[str] = frozenset()
    """Still in its queue, or held by a worker and not acknowledged."""

    def settled(self, key: str) -> bool:
        return key in self.ended and key not in self.waiting


@dataclass(slots=True)
class Unsettled:
    """Jobs that were acknowledged and have not come to their end."""

    waiting: int = 0
    """Good jobs that the peer holds."""
    missing: int = 0
    """Good jobs of which it knows nothing: lost, or just changing hands."""
    poison: int = 0


@dataclass(slots=True)
class Counts:
    acknowledged: int = 0
    unacknowledged: int = 0
    """Refused, or their answer never came."""
    completed: int = 0
    """Good jobs that ran to their end and are recorded so."""
    lost: int = 0
    """Good jobs that never ran to their end, of which the peer knows nothing."""
    given_up: int = 0
    """Good jobs that never ran to their end and are recorded as failed."""
    unrecorded: int = 0
    """Good jobs that ran to their end, of which the peer knows nothing."""
    stuck: int = 0
    """Good jobs that the peer still holds at the limit."""
    stuck_done: int = 0
    """Of these, jobs that have run to their end, which nobody recorded: they would run again."""
    attempts: int = 0
    again: int = 0
    """Of these, further attempts of a job that had begun before: after a failure, after a kill, or for nothing."""
    needless: int = 0
    """Of these, attempts that began after the job had run to its end."""
    twice: int = 0
    """Good jobs that ran to their end more than once."""
    overlaps: int = 0
    """Attempts that began while another attempt of the same job ran."""
    poison: int = 0
    poison_ended: int = 0
    poison_looping: int = 0
    """Not ended at the limit: they go on killing workers."""
    poison_attempts: int = 0
    """Most attempts of one of them."""
    examples: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def note(self, what: str, key: str) -> None:
        setattr(self, what, getattr(self, what) + 1)
        if len(self.examples[what]) < SHOWN:
            self.examples[what].append(key)


def count(submitted: Mapping[str, Submitted], records: Sequence[Record], outcomes: Outcomes) -> Counts:
    found = Counts()
    stories: dict[str, list[Record]] = defaultdict(list)
    for record in sorted(records, key=lambda one: one.at_ns):
        stories[record.job].append(record)
    for key, job in submitted.items():
        if job.job is None:
            found.unacknowledged += 1
            continue
        found.acknowledged += 1
        if job.kind == POISON:
            _count_poison(found, key, stories.get(key, []), outcomes)
        else:
            _count_good(found, key, stories.get(key, []), outcomes)
    for key, story in stories.items():
        _count_attempts(found, key, story)
    return found


def unsettled(submitted: Mapping[str, Submitted], outcomes: Outcomes) -> Unsettled:
    found = Unsettled()
    for key, job in submitted.items():
        if job.job is None or outcomes.settled(key):
            continue
        if job.kind == POISON:
            found.poison += 1
        elif key in outcomes.waiting:
            found.waiting += 1
        else:
            found.missing += 1
    return found


def longest_silence_s(records: Sequence[Record], from_ns: int, to_ns: int) -> float:
    """Longest time between these two moments in which no job began or ended."""
    moments = sorted(record.at_ns for record in records if from_ns <= record.at_ns <= to_ns)
    times = [from_ns, *moments, to_ns]
    return max(later - earlier for earlier, later in pairwise(times)) / SECOND_NS


def _count_good(found: Counts, key: str, story: Sequence[Record], outcomes: Outcomes) -> None:
    ends = sum(record.what == END for record in story)
    if ends > 1:
        found.note("twice", key)
    if key in outcomes.waiting:
        found.note("stuck", key)
        found.stuck_done += ends > 0
    elif key in outcomes.ended and not ends:
        found.note("given_up", key)
    elif key in outcomes.ended:
        found.completed += 1
    else:
        found.note("unrecorded" if ends else "lost", key)


def _count_poison(found: Counts, key: str, story: Sequence[Record], outcomes: Outcomes) -> None:
    found.poison += 1
    found.poison_attempts = max(found.poison_attempts, sum(record.what == BEGIN for record in story))
    if outcomes.settled(key):
        found.poison_ended += 1
    else:
        found.note("poison_looping", key)


def _count_attempts(found: Counts, key: str, story: Sequence[Record]) -> None:
    begun = has_ended = False
    for record in story:
        if record.what == BEGIN:
            found.attempts += 1
            found.again += begun
            begun = True
            if has_ended:
                found.note("needless", key)
            if record.overlaps:
                found.note("overlaps", key)
        elif record.what == END:
            has_ended = True
        else:
            assert record.what == CUT, record


def as_dict(counts: Counts) -> dict[str, Any]:
    names = [name for name in counts.__slots__ if name != "examples"]
    return {name: getattr(counts, name) for name in names} | {"examples": dict(counts.examples)}
