"""The judge: compares what submitters were told, what tasks did and what the rows say. Pure: plain values in and out.

Names of invariants are those of the delivery promise: conservation, one result with the right epoch, attempts counted
and within their budget, no overlap, no begin after an acknowledged cancel, every begin an attempt that was counted. And
no job begins before those it waits for have ended as it wants, or is cancelled without reason.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.chaos import kinds, ties
from tests.chaos.books import Accounts
from tests.chaos.ledger import BEGIN, END, Record
from tests.chaos.rows import AttemptRow, BatchRow, JobRow, Tie

LOST = "lost"
STUCK = "stuck"
UNEXPECTED = "unexpected"
TWICE = "recorded twice"
OVERLAP = "overlaps"
AFTER_CANCEL = "begun after cancel"
UNCOUNTED = "attempts not counted"
BUDGET = "budget broken"
WRONG_END = "wrong end"
UNAUDITED = "not audited"
TIES = "ties broken"
BATCHES = "batches wrong"

BY_THE_JUDGE = (
    *(LOST, STUCK, UNEXPECTED, TWICE, OVERLAP, AFTER_CANCEL, UNCOUNTED, BUDGET, WRONG_END, UNAUDITED, TIES, BATCHES),
)

SHOWN = 5
"""Examples kept of each kind of violation."""

SUCCEEDED, INTERRUPTED = "succeeded", "interrupted"
LOSSES = frozenset({"crashed", "lost", "memory_limit"})
MAY_NOT_HAVE_BEGUN = LOSSES | {INTERRUPTED, "timeout", "cancelled"}
"""Outcomes of an attempt that was counted and may have ended before the first line of the task."""

FINAL = frozenset({"COMPLETED", "FAILED", "TIMEOUT", "CANCELLED"})

ENDS_AFTER = {"cancelled": {"CANCELLED"}, "requested": {"CANCELLED", "COMPLETED"}, "finished": FINAL}
"""What a job may end as after this answer to its cancel."""


@dataclass(slots=True)
class Findings:
    violations: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    acknowledged: int = 0
    unanswered: int = 0
    """There although nobody was told so: their submitter was killed, or the answer was."""
    rolled_back: int = 0
    ended: Counter[str] = field(default_factory=Counter)
    begun: int = 0
    """Attempts that began."""
    repeated: int = 0
    """Of these, further attempts of a job that had begun before."""
    needless: int = 0
    """Attempts that ran to their end and were not recorded."""
    unbegun: int = 0
    """Attempts that were counted and died before the task's first line."""
    cancelled: Counter[str] = field(default_factory=Counter)
    ties: int = 0
    """How often a job was made to wait for another or for a batch."""

    def violate(self, what: str, sentence: str) -> None:
        self.violations[what] += 1
        if len(self.examples[what]) < SHOWN:
            self.examples[what].append(sentence)


@dataclass(slots=True)
class Story:
    """One job: its row, its attempts, and what the ledger says, in the order of time."""

    row: JobRow
    attempts: list[AttemptRow]
    records: list[Record]

    def begins(self) -> list[Record]:
        return [record for record in self.records if record.what == BEGIN]

    def ends(self) -> list[Record]:
        return [record for record in self.records if record.what == END]

    def spent(self) -> int:
        """Attempts that count against the budget."""
        return self.row.attempts - self.row.attempts_base - self.row.interruptions

    def __str__(self) -> str:
        lines = [f"{self.row}", *map(str, self.attempts), *map(str, self.records)]
        return "\n    ".join(lines[:40])


def judge(
    accounts: Accounts,
    rows: Sequence[JobRow],
    attempts: Sequence[AttemptRow],
    records: Sequence[Record],
    audited: set[str],
    tied: Sequence[Tie] = (),
    batches: Sequence[BatchRow] = (),
) -> Findings:
    found = Findings()
    stories = {story.row.job: story for story in _stories(rows, attempts, records)}
    _conserved(found, accounts, rows)
    for story in stories.values():
        for check in CHECKS:
            check(found, story)
    _strangers(found, stories, attempts, records)
    found.ties, family = len(tied), ties.Families(stories, tied)
    for sentence in family.broken():
        found.violate(TIES, sentence)
    for sentence in family.wrong(batches):
        found.violate(BATCHES, sentence)
    _cancels(found, accounts, stories, audited, family.disappointed())
    return found


def _stories(rows: Sequence[JobRow], attempts: Sequence[AttemptRow], records: Sequence[Record]) -> list[Story]:
    attempts_of: dict[str, list[AttemptRow]] = defaultdict(list)
    for attempt in attempts:
        attempts_of[attempt.job].append(attempt)
    records_of: dict[str, list[Record]] = defaultdict(list)
    for record in sorted(records, key=lambda one: one.at_ns):
        records_of[record.job].append(record)
    return [Story(row, attempts_of.get(row.job, []), records_of.get(row.job, [])) for row in rows]


def _conserved(found: Findings, accounts: Accounts, rows: Sequence[JobRow]) -> None:
    """Every acknowledged job is there, and no job that nobody meant to submit."""
    by_key: dict[str, JobRow] = {}
    for row in rows:
        if row.key in by_key:
            found.violate(UNEXPECTED, f"two jobs of one call: {by_key[row.key]} and {row}")
        by_key[row.key] = row
        if row.key not in accounts.submitted:
            found.violate(UNEXPECTED, f"nobody meant to submit {row}")
    for key, submitted in accounts.submitted.items():
        row_of_key = by_key.get(key)
        found.acknowledged += submitted.job is not None
        found.rolled_back += submitted.withdrawn
        if submitted.withdrawn and row_of_key is not None:
            found.violate(UNEXPECTED, f"its transaction was rolled back: {row_of_key}")
        elif submitted.job is None:
            found.unanswered += row_of_key is not None
        elif row_of_key is None or row_of_key.job != submitted.job:
            found.violate(LOST, f"{key} was acknowledged as {submitted.job}; there is {row_of_key}")


def _terminal(found: Findings, story: Story) -> None:
    row = story.row
    found.ended[row.status] += 1
    if row.status not in FINAL or not row.finished:
        found.violate(STUCK, str(story))


def _one_result(found: Findings, story: Story) -> None:
    """At most one success, by the attempt that held the last epoch, and a result only with it."""
    row = story.row
    successes = [attempt for attempt in story.attempts if attempt.outcome == SUCCEEDED]
    completed = row.status == "COMPLETED"
    if len(successes) > 1 or row.has_result != completed or (successes and not completed):
        found.violate(TWICE, str(story))
    elif completed:
        kept = [(one.epoch, one.number) for one in successes] or [(row.epoch, 1)]
        if kept != [(row.epoch, row.attempts)] or row.result_attempt != row.attempts:
            found.violate(TWICE, str(story))
        if not [record for record in story.ends() if record.attempt == row.attempts]:
            found.violate(UNCOUNTED, f"completed and never ran to its end: {story}")
    found.needless += len(story.ends()) - completed


def _attempts_counted(found: Findings, story: Story) -> None:
    """Attempts are numbered without a gap, each with its row; only a first success needs none."""
    row = story.row
    numbers = sorted(attempt.number for attempt in story.attempts)
    first_success = row.status == "COMPLETED" and row.attempts == 1
    if numbers != list(range(1, row.attempts + 1)) and not (first_success and not numbers):
        found.violate(UNCOUNTED, str(story))
    epochs = [attempt.epoch for attempt in story.attempts]
    if len(set(epochs)) != len(epochs) or max(epochs, default=0) > row.epoch or row.attempts > row.epoch:
        found.violate(UNCOUNTED, f"epochs: {story}")
    outcomes = Counter(attempt.outcome for attempt in story.attempts)
    lost = sum(count for outcome, count in outcomes.items() if outcome in LOSSES)
    # An attempt that was lost after its job's cancel bears the name of the cancel.
    unsure = (row.interruptions - outcomes[INTERRUPTED]) + (row.losses - lost)
    if unsure not in ((0, 1) if outcomes["cancelled"] else (0,)):
        found.violate(UNCOUNTED, f"interruptions or losses: {story}")


def _begins_counted(found: Findings, story: Story) -> None:
    """Every begin is an attempt that was counted, each began once, in order; whatever is missing was killed."""
    row = story.row
    numbers = [record.attempt for record in story.begins()]
    found.begun += len(numbers)
    found.repeated += max(len(numbers) - 1, 0)
    if numbers != sorted(set(numbers)) or (numbers and numbers[-1] > row.attempts):
        found.violate(UNCOUNTED, f"begun again or out of order: {story}")
    missing = set(range(1, row.attempts + 1)).difference(numbers)
    found.unbegun += len(missing)
    excused = {attempt.number for attempt in story.attempts if attempt.outcome in MAY_NOT_HAVE_BEGUN}
    if missing - excused:
        found.violate(UNCOUNTED, f"counted, and never began: {story}")


def _no_overlap(found: Findings, story: Story) -> None:
    last_begun = 0
    for record in story.records:
        if record.overlaps or record.attempt < last_begun:
            found.violate(OVERLAP, f"{record}: {story}")
        last_begun = max(last_begun, record.attempt)


def _budget(found: Findings, story: Story) -> None:
    """A dead letter has spent exactly its budget, and nothing else has more than that."""
    row, kind = story.row, kinds.BY_TASK[story.row.kind]
    is_dead = row.status in ("FAILED", "TIMEOUT")
    if story.spent() > row.max_attempts or (is_dead and story.spent() != row.max_attempts):
        found.violate(BUDGET, str(story))
    if row.status == "COMPLETED" and row.status not in kind.ends:
        found.violate(WRONG_END, str(story))


CHECKS = (_terminal, _one_result, _attempts_counted, _begins_counted, _no_overlap, _budget)


def _strangers(
    found: Findings, stories: dict[str, Story], attempts: Sequence[AttemptRow], records: Sequence[Record]
) -> None:
    """What ran must be there."""
    for job in {one.job for one in (*attempts, *records)} - set(stories):
        found.violate(LOST, f"{job} began, and there is no such job")


def _cancels(
    found: Findings, accounts: Accounts, stories: dict[str, Story], audited: set[str], disappointed: set[str]
) -> None:
    """Final for what has not started, and a request for what runs: no new attempt after the answer, in any case."""
    for cancel in accounts.cancelled:
        found.cancelled[cancel.answer] += 1
        story = stories.get(cancel.job)
        if story is None:
            found.violate(LOST, f"{cancel.job} was there to be cancelled")
            continue
        later = [record for record in story.begins() if record.at_ns > cancel.at_ns]
        # What is in a worker's hands when the request is written may begin yet, once.
        if len(later) > (cancel.answer == "requested") or story.row.status not in ENDS_AFTER[cancel.answer]:
            found.violate(AFTER_CANCEL, f"{cancel}: {story}")
        if cancel.answer != "finished" and cancel.job not in audited:
            found.violate(UNAUDITED, f"{cancel}")
    for story in stories.values():
        is_asked = story.row.cancel_requested and story.row.job in audited
        if story.row.status == "CANCELLED" and not is_asked and story.row.job not in disappointed:
            found.violate(UNAUDITED, str(story))
