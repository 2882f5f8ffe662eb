"""The judge sees what it is there for: each promise broken once, in a story told by hand."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from tests.chaos import verdict
from tests.chaos.books import Accounts, Cancelled, Submitted
from tests.chaos.ledger import BEGIN, CUT, END, Record
from tests.chaos.rows import AttemptRow, BatchRow, JobRow, Tie
from tests.chaos.verdict import Findings, judge

JOB = "a" * 32

ROW = JobRow(
    job=JOB,
    key="key",
    kind="brief",
    status="COMPLETED",
    epoch=1,
    attempts=1,
    attempts_base=0,
    interruptions=0,
    losses=0,
    max_attempts=4,
    has_result=True,
    result_attempt=1,
    cancel_requested=False,
    finished=True,
)
POISON = ROW._replace(kind="poison", status="FAILED", max_attempts=3, has_result=False, result_attempt=0)


def begin(attempt: int = 1, at: int = 10, overlaps: bool = False) -> Record:
    return Record(BEGIN, JOB, attempt, 100 + attempt, at, overlaps)


def end(attempt: int = 1, at: int = 20) -> Record:
    return Record(END, JOB, attempt, 100 + attempt, at, False)


def cut(attempt: int = 1, at: int = 20) -> Record:
    return Record(CUT, JOB, attempt, 100 + attempt, at, False)


@dataclass
class Told:
    """What everybody says. As it stands: one job, submitted, run and completed."""

    rows: list[JobRow] = field(default_factory=lambda: [ROW])
    attempts: list[AttemptRow] = field(default_factory=list)
    records: list[Record] = field(default_factory=lambda: [begin(), end()])
    accounts: Accounts = field(default_factory=lambda: Accounts({"key": Submitted("brief", JOB)}))
    audited: set[str] = field(default_factory=set)
    ties: list[Tie] = field(default_factory=list)
    batches: list[BatchRow] = field(default_factory=list)

    def judged(self) -> Findings:
        return judge(self.accounts, self.rows, self.attempts, self.records, self.audited, self.ties, self.batches)


def tried(count: int, *outcomes: str) -> list[AttemptRow]:
    assert count == len(outcomes)
    return [AttemptRow(JOB, number + 1, number + 1, outcome) for number, outcome in enumerate(outcomes)]


def twice(**columns: object) -> Told:
    """Its first worker was lost, the second attempt succeeded."""
    row = ROW._replace(epoch=2, attempts=2, losses=1, result_attempt=2)._replace(**columns)
    return Told([row], tried(2, "crashed", "succeeded"), [begin(1, 10), begin(2, 30), end(2, 40)])


def dead(attempts: int = 3) -> Told:
    row = POISON._replace(epoch=attempts, attempts=attempts, losses=attempts)
    lost = tried(attempts, *["crashed"] * attempts)
    return Told([row], lost, [begin(number, number * 10) for number in range(1, attempts + 1)])


def cancelled(answer: str, *later: Record, status: str = "CANCELLED") -> Told:
    row = ROW._replace(status=status, attempts=0, epoch=0, has_result=False, result_attempt=0, cancel_requested=True)
    told = Told([row], [], list(later), audited={JOB})
    if later:
        told.rows = [row._replace(attempts=len(later), epoch=len(later))]
        told.attempts = tried(len(later), *["cancelled"] * len(later))
    told.accounts.cancelled.append(Cancelled(JOB, answer, 25))
    return told


CHILD, BATCH = "c" * 32, "b" * 32


def family(
    parent: str = "COMPLETED",
    child: str = "COMPLETED",
    wants: str = "success",
    begun: int | None = 30,
    batch: bool = False,
) -> Told:
    """One job that waits for another, or for the batch of that one, which ran from 10 to 20."""
    parent_row = ROW if parent == "COMPLETED" else POISON._replace(attempts=3, epoch=3, losses=3)
    row = ROW._replace(job=CHILD, key="child", status=child)
    told = Told([parent_row._replace(batch=BATCH if batch else ""), row])
    if parent != "COMPLETED":
        told.attempts = tried(3, *["crashed"] * 3)
        told.records = [begin(number, number) for number in (1, 2, 3)]
    if begun is None:
        told.rows[1] = row._replace(attempts=0, epoch=0, has_result=False, result_attempt=0)
    else:
        told.records += [begin(1, begun)._replace(job=CHILD), end(1, begun + 5)._replace(job=CHILD)]
    told.accounts = Accounts({"key": Submitted("brief", JOB), "child": Submitted("brief", CHILD)})
    told.ties = [Tie(CHILD, BATCH if batch else JOB, wants)]
    counts = (1, 0, 0) if parent == "COMPLETED" else (0, 1, 0)
    told.batches = [BatchRow(BATCH, 1, *counts, True)] if batch else []
    return told


def miscounted(**columns: object) -> Told:
    told = family(batch=True)
    told.batches = [told.batches[0]._replace(**columns)]
    return told


SOUND: dict[str, Callable[[], Told]] = {
    "completed": Told,
    "completed at the second attempt": twice,
    "poison": dead,
    "cancelled while it waited": lambda: cancelled("cancelled"),
    "cancelled while it ran": lambda: cancelled("requested", begin(1, 10)),
    "begun in a worker's hands after the request": lambda: cancelled("requested", begin(1, 30)),
    "rolled back": lambda: Told([], [], [], Accounts({"key": Submitted("brief", withdrawn=True)})),
    "never acknowledged and not there": lambda: Told([], [], [], Accounts({"key": Submitted("brief")})),
    "never acknowledged and there": lambda: Told(accounts=Accounts({"key": Submitted("brief")})),
    "killed before its first line": lambda: replace(twice(), records=[begin(2, 30), end(2, 40)]),
    "given back unbegun": lambda: Told([ROW._replace(epoch=3)]),
    "a child after its parent": family,
    "a child after a batch": lambda: family(batch=True),
    "cancelled because of its parent": lambda: family("FAILED", "CANCELLED", begun=None),
    "cancelled because of a batch": lambda: family("FAILED", "CANCELLED", begun=None, batch=True),
    "after whatever became of its parent": lambda: family("FAILED", wants="any"),
}


@pytest.mark.parametrize("told", SOUND.values(), ids=SOUND)
def test_a_sound_story_is_believed(told: Callable[[], Told]) -> None:
    found = told().judged()
    assert {} == dict(found.violations), dict(found.examples)


BROKEN: dict[str, tuple[str, Callable[[], Told]]] = {
    "acknowledged and gone": (verdict.LOST, lambda: Told([], [], [])),
    "there under another id": (verdict.LOST, lambda: Told(accounts=Accounts({"key": Submitted("brief", "b" * 32)}))),
    "ran and is gone": (verdict.LOST, lambda: Told([], [], [begin()], Accounts())),
    "still running": (verdict.STUCK, lambda: Told([ROW._replace(status="RUNNING", finished=False)])),
    "from nowhere": (verdict.UNEXPECTED, lambda: Told(accounts=Accounts())),
    "twice from one call": (verdict.UNEXPECTED, lambda: Told([ROW, ROW._replace(job="b" * 32)])),
    "there though rolled back": (
        verdict.UNEXPECTED,
        lambda: Told(accounts=Accounts({"key": Submitted("brief", withdrawn=True)})),
    ),
    "two successes": (verdict.TWICE, lambda: replace(twice(), attempts=tried(2, "succeeded", "succeeded"))),
    "the result of an older attempt": (verdict.TWICE, lambda: twice(result_attempt=1)),
    "a success that is not the last claim's": (verdict.TWICE, lambda: twice(epoch=3)),
    "a result of a failed job": (verdict.TWICE, lambda: Told([POISON._replace(has_result=True)])),
    "completed and never ran": (verdict.UNCOUNTED, lambda: Told(records=[begin()])),
    "an attempt without its row": (verdict.UNCOUNTED, lambda: replace(twice(), attempts=tried(1, "crashed"))),
    "begun twice under one number": (
        verdict.UNCOUNTED,
        lambda: Told(records=[begin(1, 5), begin(1, 10), end(1, 20)]),
    ),
    "begun more often than counted": (verdict.UNCOUNTED, lambda: Told(records=[begin(1), end(1), begin(2, 30)])),
    "failed and never began": (
        verdict.UNCOUNTED,
        lambda: replace(twice(losses=0), attempts=tried(2, "error", "succeeded"), records=[begin(2, 30), end(2, 40)]),
    ),
    "begun while another held it": (verdict.OVERLAP, lambda: Told(records=[begin(overlaps=True), end()])),
    "the older attempt went on": (
        verdict.OVERLAP,
        lambda: replace(twice(), records=[begin(1, 10), begin(2, 30), cut(1, 35), end(2, 40)]),
    ),
    "poison tried too often": (verdict.BUDGET, lambda: dead(4)),
    "poison given up too soon": (verdict.BUDGET, lambda: dead(2)),
    "poison completed": (verdict.WRONG_END, lambda: Told([ROW._replace(kind="poison")])),
    "begun after its cancel": (verdict.AFTER_CANCEL, lambda: cancelled("cancelled", begin(1, 30))),
    "begun again after the request": (
        verdict.AFTER_CANCEL,
        lambda: cancelled("requested", begin(1, 30), begin(2, 40)),
    ),
    "not cancelled in the end": (
        verdict.AFTER_CANCEL,
        lambda: replace(cancelled("requested"), rows=[POISON._replace(attempts=0, cancel_requested=True)]),
    ),
    "a child before its parent's end": (verdict.TIES, lambda: family(begun=15)),
    "a child before the end of a batch": (verdict.TIES, lambda: family(begun=15, batch=True)),
    "a child that its parent did not let go on": (verdict.TIES, lambda: family("FAILED")),
    "a child that failed instead of being cancelled": (verdict.TIES, lambda: family("FAILED", "FAILED", begun=None)),
    "a tie of nobody": (verdict.TIES, lambda: Told(ties=[Tie(CHILD, JOB, "any")])),
    "cancelled although its parent completed": (
        verdict.UNAUDITED,
        lambda: family("COMPLETED", "CANCELLED", begun=None),
    ),
    "a batch that counts wrong": (verdict.BATCHES, lambda: miscounted(completed=0)),
    "a batch that does not end": (verdict.BATCHES, lambda: miscounted(finished=False)),
    "a batch of too many": (verdict.BATCHES, lambda: miscounted(total=2)),
    "a batch that is gone": (verdict.BATCHES, lambda: replace(family(batch=True), batches=[])),
    "cancelled by nobody": (verdict.UNAUDITED, lambda: replace(cancelled("cancelled"), audited=set())),
}


@pytest.mark.parametrize(("what", "told"), BROKEN.values(), ids=BROKEN)
def test_a_broken_promise_is_found(what: str, told: Callable[[], Told]) -> None:
    assert told().judged().violations[what] > 0


def test_every_promise_of_the_judge_is_broken_above() -> None:
    assert set(verdict.BY_THE_JUDGE) == {what for what, _ in BROKEN.values()}


def test_what_ran_in_vain_is_counted() -> None:
    found = replace(twice(), records=[begin(1, 10), end(1, 15), begin(2, 30), end(2, 40)]).judged()
    assert (2, 1, 1, 0) == (found.begun, found.repeated, found.needless, found.unbegun)
    killed_early = SOUND["killed before its first line"]().judged()
    assert (1, 0, 0, 1) == (killed_early.begun, killed_early.repeated, killed_early.needless, killed_early.unbegun)
