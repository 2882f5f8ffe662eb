"""The state machine of a job: every move there is, from where, to where, and what must hold for it.

The store's statements carry the guards, beside the state, in their WHERE; where none changes a row, that is the answer.
Needs are what the writer knows before it asks. Three rules keep the table short. A job that waits has no cancel to
come: a cancel ends it at once, and every way back to waiting is guarded by NOT_CANCELLED. The claim counts the attempt
and raises the epoch before the job is handed out; an attempt that never began is refunded, and only a row that is
still ASSIGNED takes a refund. RUNNING is written for jobs that last, a moment late: one that ends sooner leaves
ASSIGNED for its end, and a cancel that came in between does not undo that it began.

Numbers are those of docs/delivery.md. Nothing leads out of COMPLETED but pruning, and no state leads to itself.
"""

from dataclasses import dataclass
from enum import StrEnum

from pool.domain.states import DEAD_LETTERS, EXECUTING, TERMINAL, WAITING, JobStatus


class Guard(StrEnum):
    """What the statement asks of the row, beside its state."""

    EPOCH = "epoch"
    OWNER = "owner"
    CANCELLED = "cancel requested"
    NOT_CANCELLED = "not cancelled"
    DUE = "due"
    OPEN = "queue open"
    LISTED = "not discarded"
    OLD = "older than its retention"
    CLAIMED = "claimed before"


class Need(StrEnum):
    """What the writer knows before it writes."""

    VALID = "arguments and options are valid"
    UNBEGUN = "no worker began it"
    BEGAN = "a worker began it"
    BUDGET = "attempts are left"
    SPENT = "no attempts are left, or no retry mends it"
    ENDED = "the task yielded, or its process group is dead"
    OWNER_GONE = "its node is dead, or silent for a whole lease"
    LATE = "its expires_at has passed"
    SET_BACK = "the clock that its pause was counted by was set back"
    PARENTS_DONE = "all jobs it waits for ended as it wants"
    PARENT_FAILED = "a job it waits for ended in another way"
    KEY_FULL = "its limit key lets no further job start now"
    KEY_FREE = "its limit key has room"
    NO_WORKER = "no worker that offers what it requires has room"
    WORKER_FREE = "a worker that offers what it requires has room"


S, G, N = JobStatus, Guard, Need
NOBODY: frozenset[JobStatus] = frozenset()


@dataclass(frozen=True, slots=True)
class Transition:
    """One row of the table. Without `sources` the job is new; without `targets` it stays in its state, or is gone."""

    number: str
    name: str
    sources: frozenset[JobStatus]
    targets: frozenset[JobStatus]
    guards: frozenset[Guard] = frozenset()
    needs: frozenset[Need] = frozenset()
    removes: bool = False

    @property
    def moves(self) -> set[tuple[JobStatus, JobStatus]]:
        return {(source, target) for source in self.sources for target in self.targets}


def _row(
    number: str,
    name: str,
    sources: frozenset[JobStatus] | set[JobStatus],
    targets: set[JobStatus] | frozenset[JobStatus],
    *conditions: Guard | Need,
    removes: bool = False,
) -> Transition:
    guards = frozenset(one for one in conditions if isinstance(one, Guard))
    needs = frozenset(one for one in conditions if isinstance(one, Need))
    return Transition(number, name, frozenset(sources), frozenset(targets), guards, needs, removes)


TABLE: tuple[Transition, ...] = (
    _row("T1", "submit", NOBODY, {S.PENDING, S.SCHEDULED, S.BLOCKED}, N.VALID),
    _row("T2", "claim", {S.PENDING}, {S.ASSIGNED}, G.OPEN),
    _row("T3", "start", {S.ASSIGNED}, {S.RUNNING}, G.EPOCH, N.BEGAN),
    _row("T4", "release", {S.ASSIGNED}, {S.PENDING, S.SCHEDULED}, G.EPOCH, G.NOT_CANCELLED, N.UNBEGUN),
    _row("T5", "complete", EXECUTING, {S.COMPLETED}, G.EPOCH, N.BEGAN),
    _row("T6", "retry", EXECUTING, {S.PENDING, S.SCHEDULED}, G.EPOCH, G.NOT_CANCELLED, N.BUDGET, N.ENDED),
    _row("T7", "die", EXECUTING, DEAD_LETTERS, G.EPOCH, G.NOT_CANCELLED, N.SPENT, N.ENDED),
    _row("T8", "cancel waiting", WAITING, {S.CANCELLED}),
    _row("T9", "request cancel", EXECUTING, NOBODY, G.NOT_CANCELLED),
    _row("T10", "finish cancel", EXECUTING, {S.CANCELLED}, G.EPOCH, G.CANCELLED, N.BEGAN, N.ENDED),
    _row("T10u", "take back cancelled", {S.ASSIGNED}, {S.CANCELLED}, G.EPOCH, G.CANCELLED, N.UNBEGUN),
    _row(
        "T11", "rescue unbegun", {S.ASSIGNED}, {S.PENDING},
        G.EPOCH, G.OWNER, G.NOT_CANCELLED, N.OWNER_GONE, N.UNBEGUN,
    ),
    _row(
        "T12", "rescue begun", EXECUTING, {S.PENDING, S.SCHEDULED, S.FAILED},
        G.EPOCH, G.OWNER, G.NOT_CANCELLED, N.OWNER_GONE, N.BEGAN, N.ENDED,
    ),
    _row("T13", "interrupt", EXECUTING, {S.PENDING}, G.EPOCH, G.NOT_CANCELLED, N.BEGAN, N.ENDED),
    _row("T14", "requeue", {*DEAD_LETTERS, S.CANCELLED}, {S.PENDING}),
    _row("T15", "unblock", {S.BLOCKED}, {S.PENDING, S.SCHEDULED}, N.PARENTS_DONE),
    _row("T16", "parent failed", {S.BLOCKED}, {S.CANCELLED}, N.PARENT_FAILED),
    _row("T17", "too late", {S.ASSIGNED}, {S.FAILED}, G.EPOCH, G.NOT_CANCELLED, N.LATE, N.UNBEGUN),
    _row("T18", "prune", TERMINAL, NOBODY, G.OLD, removes=True),
    _row("T19", "edit", {S.SCHEDULED, S.PENDING}, NOBODY),
    _row("T20", "promote", {S.SCHEDULED}, {S.PENDING}, G.DUE),
    _row("T21", "discard", DEAD_LETTERS, NOBODY, G.LISTED),
    _row("T22", "tell progress", {S.RUNNING}, NOBODY, G.EPOCH),
    _row("T23", "bring forward", {S.SCHEDULED}, NOBODY, G.CLAIMED, N.SET_BACK),
    _row("T24", "hold", {S.PENDING}, {S.BLOCKED, S.SCHEDULED}, G.OPEN, N.KEY_FULL),
    _row("T25", "wake", {S.BLOCKED}, {S.PENDING}, N.KEY_FREE),
    _row("T26", "shelve", {S.ASSIGNED}, {S.BLOCKED}, G.EPOCH, G.NOT_CANCELLED, N.UNBEGUN, N.NO_WORKER),
    _row("T27", "offer", {S.BLOCKED}, {S.PENDING}, N.WORKER_FREE),
)  # fmt: skip

BY_NAME = {row.name: row for row in TABLE}

TRANSITIONS: dict[JobStatus, frozenset[JobStatus]] = {
    status: frozenset(target for row in TABLE for source, target in row.moves if source is status) for status in S
}
"""Where each state may lead."""
