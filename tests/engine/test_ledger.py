"""The node's book against a real database that fails at the worst moment: nothing is forgotten, nothing done twice."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest

from pool import failpoints
from pool.domain.jobs import ClaimedJob
from pool.domain.states import JobStatus, NodeState, Outcome
from pool.engine.ledger import Ledger
from pool.engine.turns import Answer, Report, Wanted
from pool.models import Job
from pool.store import nodes
from pool.store.database import Database
from pool.store.nodes import NodeIdentity
from tests.store.rows import BACKOFF, NODE, NOW, ON_POSTGRES, assert_counted, attempts, ended, enqueue, put

Arm = Callable[..., None]


@pytest.fixture
def arm() -> Iterator[Arm]:
    """Arms points in this process, and disarms them all."""

    def arm(**actions: str) -> None:
        text = ",".join(f"{point}={action}" for point, action in actions.items())
        failpoints.arm({failpoints.VARIABLE: text, failpoints.FOLDER: "/nowhere"})

    yield arm
    arm()


class Book:
    """A ledger, the clock of its node, and what that node holds."""

    def __init__(self, database: Database) -> None:
        self.ledger = Ledger(database, NODE, BACKOFF, [])
        self.held: list[ClaimedJob] = []
        self.now = 0.0

    def turn(self, **wanted: Any) -> Answer | None:
        self.now += 10.0
        answer = self.ledger.settle(Wanted(**wanted), NOW + 5, self.now, self._held)
        if answer is not None:
            self.held += answer.claimed
        return answer

    def claim(self) -> list[ClaimedJob]:
        answer = self.turn(jobs=10, discover=True)
        assert answer is not None
        return answer.claimed

    def end(self, job: ClaimedJob, outcome: Outcome = Outcome.SUCCEEDED) -> None:
        self.held.remove(job)
        self.ledger.ended(ended(job, outcome))

    def _held(self) -> set[tuple[str, int]]:
        pending = [ending.job for ending, _ in self.ledger.pending.rulings]
        return {(job.id, job.epoch) for job in (*self.held, *pending)}


@pytest.fixture
def book(alias: str, database: Database) -> Book:
    return Book(database)


def facts(alias: str, job: UUID) -> tuple[str, int, int]:
    found = Job.objects.using(alias).get(pk=job)
    return found.status, found.epoch, found.attempts


def test_claim_that_was_not_committed_hands_out_nothing(alias: str, book: Book, arm: Arm) -> None:
    (id,) = enqueue(alias)
    arm(before_claim_commit="dberror")
    assert book.turn(jobs=10, discover=True) is None
    assert [] == book.held
    assert ("PENDING", 0, 0) == facts(alias, id)
    arm()
    assert [1] == [job.epoch for job in book.claim()]
    assert_counted(alias)


def test_claim_of_which_nothing_is_known_goes_back_unburnt(alias: str, book: Book, arm: Arm) -> None:
    (id,) = enqueue(alias)
    arm(after_claim_commit="dberror")
    assert book.turn(jobs=10, discover=True) is None
    assert ("ASSIGNED", 1, 1) == facts(alias, id)
    arm()
    book.turn()
    assert ("PENDING", 1, 0) == facts(alias, id)
    assert [(2, 1)] == [(job.epoch, job.attempts) for job in book.claim()]
    assert_counted(alias)


def test_jobs_in_hand_stay_when_a_claim_is_in_doubt(alias: str, book: Book, arm: Arm) -> None:
    enqueue(alias)
    (job,) = book.claim()
    enqueue(alias)
    arm(after_claim_commit="dberror")
    assert book.turn(jobs=10) is None
    arm()
    book.turn()
    assert ("ASSIGNED", 1, 1) == facts(alias, UUID(job.id))
    assert 1 == Job.objects.using(alias).filter(status="PENDING").count()


@pytest.mark.parametrize("outcome", [Outcome.SUCCEEDED, Outcome.ERROR])
@pytest.mark.parametrize("when", ["before", "after"])
def test_ending_is_written_once_whatever_became_of_the_commit(
    alias: str, book: Book, arm: Arm, when: str, outcome: Outcome
) -> None:
    (id,) = enqueue(alias)
    book.end(book.claim()[0], outcome)
    arm(**{f"{when}_record_commit": "dberror"})
    assert book.turn() is None
    assert book.ledger.pending.rulings, "it is not forgotten"
    assert book.ledger.problem
    arm()
    answer = book.turn()
    assert answer is not None
    assert (1, 0) == (len(answer.recorded.written), len(answer.recorded.fenced))[:: 1 if when == "before" else -1]
    assert [] == book.ledger.pending.rulings
    assert ("COMPLETED" if outcome is Outcome.SUCCEEDED else "SCHEDULED", 1, 1) == facts(alias, id)
    assert (outcome is Outcome.ERROR) == len(attempts(alias, id))
    assert "" == book.ledger.problem
    assert_counted(alias)


def test_database_that_does_not_answer_is_not_asked_again_at_once(alias: str, book: Book, arm: Arm) -> None:
    enqueue(alias)
    arm(before_claim_commit="dberror")
    assert book.turn(jobs=1, discover=True) is None
    arm()
    assert book.ledger.retry_at > book.now
    assert book.ledger.settle(Wanted(jobs=1), NOW, book.now, set) is None
    assert 1 == len(book.claim())


@ON_POSTGRES
def test_operator_who_holds_its_row_keeps_no_outcome_from_being_recorded(
    alias: str, book: Book, other_database: Database
) -> None:
    book.ledger.db.lock_wait_ms = 50
    me = NodeIdentity(NODE, "host", 1, "boot", 1, "/nowhere")
    with other_database.transaction():
        nodes.register(other_database, me, 1, NOW)
    (id,) = enqueue(alias)
    (job,) = book.claim()
    book.end(job)
    report = Report(NOW, {}, {}, [], NodeState.RUNNING, 1, "")
    with other_database.transaction():
        other_database.execute("UPDATE pool_node SET wanted = 2 WHERE id = %s", (NODE,))
        for _ in range(3):
            book.turn(report=report)
        assert ("COMPLETED", 1, 1) == facts(alias, id)
        # Nobody has seen it renewed.
        assert 0.0 == book.ledger.lease_began
    book.turn(report=report)
    assert book.now == book.ledger.lease_began


@ON_POSTGRES
def test_unknown_claim_that_somebody_holds_holds_up_no_other(
    alias: str, book: Book, arm: Arm, other_database: Database
) -> None:
    book.ledger.db.lock_wait_ms = 50
    free, locked = enqueue(alias, 2)
    arm(after_claim_commit="dberror")
    assert book.turn(jobs=10, discover=True) is None
    arm()
    with other_database.transaction():
        other_database.execute("SELECT 1 FROM pool_job WHERE id = %s FOR UPDATE", (locked,))
        for _ in range(3):
            book.turn()
        assert [("PENDING", 1, 0), ("ASSIGNED", 1, 1)] == [facts(alias, free), facts(alias, locked)]
    book.turn()
    assert ("PENDING", 1, 0) == facts(alias, locked)
    assert_counted(alias)


def test_key_to_look_at_again_outlives_a_failed_turn(alias: str, book: Book, arm: Arm) -> None:
    book.ledger.keys.due = {"key"}
    arm(before_claim_commit="dberror")
    enqueue(alias)
    assert book.turn(jobs=10, discover=True) is None
    assert {"key"} == book.ledger.keys.due
    arm()
    book.turn()
    assert set() == book.ledger.keys.due


@ON_POSTGRES
def test_queue_that_somebody_else_is_making_holds_up_nothing(alias: str, book: Book, other_database: Database) -> None:
    book.ledger.db.lock_wait_ms = 50
    (id,) = enqueue(alias)
    (job,) = book.claim()
    book.end(job)
    with other_database.transaction():
        other_database.execute("INSERT INTO pool_queue (name) VALUES ('new')")
        enqueue(alias, queue="new")
        for _ in range(3):
            book.turn(jobs=1, discover=True, promote=True)
        assert ("COMPLETED", 1, 1) == facts(alias, id)
    book.turn(jobs=1, discover=True)
    assert ["new"] == [job.queue for job in book.held]


@ON_POSTGRES
def test_job_that_is_due_and_held_by_somebody_is_not_looked_at_without_a_pause(
    alias: str, book: Book, other_database: Database
) -> None:
    id = put(alias, JobStatus.SCHEDULED)
    with other_database.transaction():
        other_database.execute("SELECT 1 FROM pool_job WHERE id = %s FOR UPDATE", (id,))
        answer = book.turn(promote=True)
        assert answer is not None
        assert answer.next_due is not None
        assert answer.next_due > NOW + 5
    book.turn(promote=True)
    assert "PENDING" == facts(alias, id)[0]
