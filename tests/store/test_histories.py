"""Long histories at random: nodes claim, work, die and wake up late, people cancel and retry; the promises hold.

Hypothesis writes the histories and shortens one that fails to its essence. After every step all jobs are compared with
what they were before it.
"""

from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from pool.domain.config import PoolConfig
from pool.domain.errors import NotPossible
from pool.domain.jobs import ClaimedJob
from pool.domain.states import EXECUTING, TERMINAL, TRANSITIONS, WAITING, JobStatus, Outcome
from pool.domain.verdict import MAX_INTERRUPTIONS, judge
from pool.models import Attempt, Job
from pool.store import operate, tally
from pool.store.claim import claim, meet_queues
from pool.store.database import Database
from pool.store.deltas import Deltas
from pool.store.promote import promote
from pool.store.prune import prune
from pool.store.rescue import release_unheld, rescue
from pool.store.running import Begun, write_begun
from tests.store.rows import BACKOFF, NOW, WORKER, assert_counted, ended, enqueue, moment, settle
from tests.tables import empty

NODES = st.sampled_from(["node-1", "node-2"])
QUEUES = st.sampled_from(["a", "b"])
KEEP_NOTHING = replace(PoolConfig(), keep_completed_s=5.0, keep_dead_s=20.0)
BY_HAND = {"retry", "discard", "prune"}
"""Only these may change what has ended."""

EFFORT = settings(
    max_examples=15, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True
)


class Histories(RuleBasedStateMachine):
    alias: str
    database: Database

    def __init__(self) -> None:
        super().__init__()
        empty(self.alias)
        self.now = NOW
        self.claims: list[tuple[str, ClaimedJob]] = []
        self.before: dict[Any, dict[str, Any]] = {}
        self.verb = ""

    def turn(self, node: str, verb: str, *acts: Any) -> None:
        """One transaction of a node."""
        self.verb = verb
        deltas = Deltas()
        with self.database.transaction():
            for act in acts:
                act(deltas)
            deltas.write(self.database, node)

    def some_job(self, data: st.DataObject) -> Any:
        return data.draw(st.sampled_from(sorted(self.before)))

    @rule(queue=QUEUES, wait=st.sampled_from([0, 0, 10]), most=st.integers(1, 3), priority=st.integers(-1, 1))
    def submit(self, queue: str, wait: int, most: int, priority: int) -> None:
        self.verb = "submit"
        created_at, run_at = moment(self.now), moment(self.now + wait)
        enqueue(self.alias, queue=queue, created_at=created_at, run_at=run_at, max_attempts=most, priority=priority)

    @rule(seconds=st.sampled_from([1, 10, 100]))
    def time_passes(self, seconds: int) -> None:
        self.verb, self.now = "wait", self.now + seconds

    @rule(node=NODES, most=st.integers(1, 3))
    def claim(self, node: str, most: int) -> None:
        def act(deltas: Deltas) -> None:
            meet_queues(self.database)
            self.claims += [(node, job) for job in claim(self.database, node, most, deltas)]

        self.turn(node, "claim", act)

    @rule(node=NODES)
    def claim_is_committed_but_the_answer_lost(self, node: str) -> None:
        self.turn(node, "claim", lambda deltas: claim(self.database, node, 2, deltas))

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        node, job = data.draw(st.sampled_from(self.claims))
        self.turn(node, "begin", lambda _: write_begun(self.database, [Begun(job.id, job.epoch, WORKER, self.now)]))

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), begun=st.booleans(), retryable=st.booleans(), outcome=st.sampled_from(Outcome))
    def end(self, data: st.DataObject, begun: bool, retryable: bool, outcome: Outcome) -> None:
        """By any claim there ever was: late ones too."""
        self.verb = "end"
        node, job = data.draw(st.sampled_from(self.claims))
        started_at = self.now - 1 if begun or outcome is Outcome.SUCCEEDED else None
        ending = ended(job, outcome, started_at=started_at, finished_at=self.now, retryable=retryable)
        settle(self.database, ending, verdict=judge(ending, BACKOFF), node=node)

    @rule(node=NODES)
    def promote(self, node: str) -> None:
        self.turn(node, "promote", lambda deltas: promote(self.database, self.now, deltas))

    @rule(node=NODES, knows=st.booleans())
    def node_is_lost(self, node: str, knows: bool) -> None:
        begun: set[str] | None = set() if knows else None
        self.turn("node-3", "rescue", lambda deltas: rescue(self.database, node, begun, BACKOFF, deltas, self.now))
        with self.database.transaction():
            tally.abandon(self.database, node)

    @rule(node=NODES)
    def node_gives_back_what_it_does_not_know(self, node: str) -> None:
        held = {(job.id, job.epoch) for owner, job in self.claims if owner == node}
        self.turn(node, "release", lambda deltas: release_unheld(self.database, node, held, BACKOFF, deltas, self.now))

    @rule(node=NODES)
    def fold(self, node: str) -> None:
        self.turn(node, "fold", lambda _: tally.fold(self.database, node))

    @precondition(lambda self: self.before)
    @rule(data=st.data(), verb=st.sampled_from(["cancel", "cancel", "retry", "discard"]))
    def operator(self, data: st.DataObject, verb: str) -> None:
        self.verb = verb
        try:
            getattr(operate, verb)(self.some_job(data))
        except NotPossible:
            self.verb = "refused"

    @rule(queue=QUEUES, verb=st.sampled_from(["pause", "resume", "resume"]))
    def pause(self, queue: str, verb: str) -> None:
        self.verb = verb
        getattr(operate, verb)(queue)

    @rule()
    def prune(self) -> None:
        self.verb = "prune"
        prune(self.database, self.now, KEEP_NOTHING)

    @invariant()
    def promises_hold(self) -> None:
        assert_counted(self.alias)
        kept = dict.fromkeys(Job.objects.using(self.alias).values_list("pk", flat=True), 0)
        for (job,) in Attempt.objects.using(self.alias).values_list("job_id"):
            kept[job] += 1
        after = {row["id"]: row for row in Job.objects.using(self.alias).values()}
        for id, was in self.before.items():
            if id in after:
                self.check_move(was, after[id])
            else:
                assert (self.verb, was["status"] in TERMINAL) == ("prune", True)
        for id, row in after.items():
            self.check_row(row, kept[id])
        self.before = after

    def check_move(self, was: dict[str, Any], now: dict[str, Any]) -> None:
        status, before = JobStatus(now["status"]), JobStatus(was["status"])
        assert status is before or status in TRANSITIONS[before]
        assert now["epoch"] == was["epoch"] + (status is JobStatus.ASSIGNED and before is not status)
        if before in TERMINAL and self.verb not in BY_HAND:
            assert now == was
        if was["cancel_requested_at"] and self.verb != "retry" and status is not before:
            assert status in (JobStatus.RUNNING, JobStatus.CANCELLED, JobStatus.COMPLETED)

    def check_row(self, row: dict[str, Any], kept: int) -> None:
        status = JobStatus(row["status"])
        assert (row["finished_at"] is not None) == (status in TERMINAL)
        assert (row["result"] is not None) == (status is JobStatus.COMPLETED)
        assert (row["worker"] != "" or row["started_at"] is not None) <= (status not in WAITING)
        assert (row["node"] != "") >= (status in EXECUTING)
        assert (row["node"] == "") >= (status in WAITING)
        assert row["attempts"] - row["attempts_base"] - row["interruptions"] <= row["max_attempts"]
        assert row["interruptions"] <= MAX_INTERRUPTIONS
        first_success = status is JobStatus.COMPLETED and row["attempts"] == 1
        assert kept == row["attempts"] - (status in EXECUTING) - first_success


def test_promises_hold_in_any_history(alias: str, database: Database) -> None:
    machine = type("Histories", (Histories,), {"alias": alias, "database": database})
    run_state_machine_as_test(machine, settings=EFFORT)
