"""Long histories at random, on the real store and on a dict: nodes claim, work, freeze, die and wake up late.

Hypothesis writes the histories and shortens one that fails to its essence. After every step all rows are what the model
says, and the promises hold: nothing lost, no attempt beside another, nothing begun after an acknowledged cancel, one
result. At the end the faults stop, and every job must come to its end.

MODEL_EXAMPLES=2000 in the environment plays that many histories on each database.
"""

import os
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from pool.domain.config import PoolConfig
from pool.domain.errors import NotPossible
from pool.domain.jobs import ClaimedJob, Ended
from pool.domain.states import EXECUTING, TERMINAL, JobStatus, NodeState, Outcome
from pool.domain.transitions import TRANSITIONS
from pool.domain.verdict import judge
from pool.models import Attempt, Job
from pool.store import nodes, operate, tally
from pool.store.claim import claim, meet_queues
from pool.store.database import Database
from pool.store.deltas import Deltas
from pool.store.nodes import NodeIdentity
from pool.store.promote import promote
from pool.store.prune import prune
from pool.store.rescue import release_unheld, rescue
from pool.store.running import Begun, write_begun
from tests.store.model import Model, Modelled
from tests.store.rows import BACKOFF, NOW, WORKER, assert_counted, check_columns, ended, enqueue, moment, settle
from tests.tables import empty

S = JobStatus
PLACES = ("a", "b", "far")
"""Where a node may run: two places on one host, and one on another, where nobody can end its processes."""

QUEUES = st.sampled_from(["first", "second"])
KEEP = replace(PoolConfig(), keep_completed_s=5.0, keep_dead_s=20.0)
EXAMPLES = {"sqlite": 25, "postgresql": 10}
OUTCOMES = st.sampled_from([*Outcome, Outcome.SUCCEEDED, Outcome.ERROR, Outcome.ERROR])
BESIDE = ("time", "promote", "promote", "prune", "fold", "pause", "resume", "resume")
WORK = ("claim", "claim", "begin", "begin", "end", "end", "end", "late")
FATES = ("freeze", "see", "reap", "reap", "thaw", "kill", "follow", "follow", "beat", "doubt")
FAULTS = st.sampled_from(["", "", "", "before commit", "after commit"])


@dataclass(eq=False)
class Claim:
    """A job in a node's hands."""

    node: "Node"
    job: ClaimedJob
    begun: bool = False
    runs: bool = False
    """The function executes somewhere."""

    @property
    def id(self) -> UUID:
        return UUID(self.job.id)


@dataclass(eq=False)
class Node:
    """One incarnation."""

    id: str
    place: str
    up: bool = True
    frozen: bool = False
    lost: bool = False
    lease: int = 0
    doubt: bool = False
    """A claim was committed and its answer never came."""
    hands: list[Claim] = field(default_factory=list)


class Fault(Exception):
    """The connection broke."""


class Histories(RuleBasedStateMachine):
    alias: str
    database: Database

    def __init__(self) -> None:
        super().__init__()
        empty(self.alias)
        self.now = NOW
        self.model = Model()
        self.born = self.made = 0
        self.nodes: dict[str, Node] = {}
        self.claims: list[Claim] = []
        self.seen: dict[tuple[str, str], int] = {}
        self.ledger: set[tuple[str, UUID, int]] = set()
        self.statuses: dict[UUID, JobStatus] = {}
        self.discarded_at: dict[UUID, float] = {}
        self.acknowledged: set[UUID] = set()
        self.pruned: set[UUID] = set()
        for place in PLACES:
            self._start(place)

    def _start(self, place: str) -> None:
        self.born += 1
        node = self.nodes[place] = Node(f"{place}-{self.born}", place)
        identity = NodeIdentity(node.id, "far" if place == "far" else "near", self.born, "boot", self.born, "/nowhere")
        with self.database.transaction():
            nodes.register(self.database, identity, 1, self.now)

    def _turn(self, node: str, *acts: Any, fault: str = "") -> None:
        """One transaction of a node; it may break before its end."""
        deltas = Deltas()
        with suppress(Fault), self.database.transaction():
            for act in acts:
                act(deltas)
            deltas.write(self.database, node)
            if fault == "before commit":
                raise Fault

    def _some(self, data: st.DataObject, what: list[Any]) -> Any:
        return data.draw(st.sampled_from(what))

    def _job(self, data: st.DataObject) -> UUID:
        return UUID(int=data.draw(st.sampled_from(sorted(id.int for id in self.model.jobs))))

    def _able(self) -> list[Node]:
        return [node for node in self.nodes.values() if node.up and not node.frozen and not node.lost]

    # People ------------------------------------------------------------------------

    @initialize(data=st.data(), jobs=st.integers(1, 3))
    def begin_with_some(self, data: st.DataObject, jobs: int) -> None:
        for _ in range(jobs):
            self._submit(data)

    # Few rules, each with many choices: hypothesis leaves out rules at random, and without claims nothing happens.

    @rule(data=st.data(), what=st.sampled_from(["submit", "submit", "cancel", "retry", "discard"]))
    def people(self, data: st.DataObject, what: str) -> None:
        if what == "submit":
            self._submit(data)
        elif self.model.jobs:
            self._operate(self._job(data), what)

    def _submit(self, data: st.DataObject) -> None:
        queue, wait = data.draw(QUEUES), data.draw(st.sampled_from([0, 0, 10]))
        most, priority = data.draw(st.integers(1, 3)), data.draw(st.integers(-1, 1))
        self.made += 1
        id = UUID(int=(int(self.now * 1000) << 80) | (7 << 76) | (2 << 62) | self.made)
        times = {"created_at": moment(self.now), "run_at": moment(self.now + wait)}
        enqueue(self.alias, id=id, queue=queue, max_attempts=most, priority=priority, **times)
        status = S.SCHEDULED if wait else S.PENDING
        self.model.submit(Modelled(id, queue, priority, most, self.now + wait, status))
        self.acknowledged.add(id)

    def _operate(self, id: UUID, verb: str) -> None:
        if verb == "cancel":
            self._cancel(id)
            return
        may = getattr(self.model, verb)(id)
        try:
            getattr(operate, verb)(id)
        except NotPossible:
            assert not may
        else:
            assert may
        if may and verb == "discard":
            self._read_times(id)

    def _cancel(self, id: UUID) -> None:
        answer = self.model.cancel(id)
        assert operate.cancel(id) == answer
        if answer == "cancelled":
            assert not any(held.id == id for node in self._able() for held in node.hands)
            self._read_times(id)

    def _read_times(self, id: UUID) -> None:
        """The operator's verbs look at the real clock."""
        row = Job.objects.using(self.alias).get(pk=id)
        if row.discarded_at is not None:
            self.discarded_at[id] = row.discarded_at.timestamp()
        else:
            self.model.jobs[id].ended_at = row.finished_at.timestamp()

    # Work --------------------------------------------------------------------------

    @precondition(lambda self: self._able())
    @rule(data=st.data(), some=st.lists(st.sampled_from(WORK), min_size=2, max_size=5))
    def work(self, data: st.DataObject, some: list[str]) -> None:
        for what in some:
            self._work(data, what)
            self.moves_are_in_the_table()

    def _work(self, data: st.DataObject, what: str) -> None:
        if what == "late":
            self._end_late(data, data.draw(st.sampled_from(Outcome)), data.draw(st.booleans()))
        elif what == "claim" or not self._in_hands():
            if all(job.status is not S.PENDING for job in self.model.jobs.values()):
                self._submit(data)
            self._claim(self._some(data, self._able()), data.draw(st.integers(1, 3)), data.draw(FAULTS))
        elif what == "begin":
            self._begin_and_tell(self._some(data, self._in_hands()), data.draw(st.booleans()))
        else:
            held = self._some(data, self._in_hands())
            self._end(held, data.draw(OUTCOMES), data.draw(st.booleans()), data.draw(FAULTS))

    def _claim(self, node: Node, most: int, fault: str) -> None:
        taken: list[ClaimedJob] = []

        def act(deltas: Deltas) -> None:
            meet_queues(self.database)
            taken.extend(claim(self.database, node.id, most, deltas))

        self._turn(node.id, act, fault=fault)
        if fault == "before commit":
            return
        expected = self.model.claim(node.id, most)
        assert [UUID(job.id) for job in taken] == [job.id for job in expected]
        if fault:
            node.doubt = True
            return
        made = [Claim(node, job) for job in taken]
        node.hands += made
        self.claims += made

    def _begin_and_tell(self, held: Claim, told: bool) -> None:
        """A worker begins; the row says so later, or never."""
        if not held.begun:
            self._begin(held)
        if told:
            begun = Begun(held.job.id, held.job.epoch, WORKER, self.now)
            self._turn(held.node.id, lambda _: write_begun(self.database, [begun]))
            self.model.start(held.id, held.job.epoch)

    def _begin(self, held: Claim) -> None:
        job = self.model.jobs[held.id]
        assert (job.status, job.epoch) in ((S.ASSIGNED, held.job.epoch), (S.RUNNING, held.job.epoch))
        others = [one for one in self.claims if one.runs and one.id == held.id]
        assert all("far" in (one.node.place, held.node.place) for one in others)
        held.begun = held.runs = True
        self.ledger.add(("begin", held.id, held.job.epoch))

    def _end(self, held: Claim, outcome: Outcome, retryable: bool, fault: str) -> None:
        if outcome is Outcome.SUCCEEDED:
            if not held.begun:
                self._begin(held)
            self.ledger.add(("end", held.id, held.job.epoch))
        ending = self._ending(held, outcome, retryable)
        held.runs = False
        held.node.hands.remove(held)
        if fault == "before commit":
            # It stays in the node's book, and is written with the next turn.
            self._turn(held.node.id, lambda _: None, fault=fault)
        self._settle(held, ending)
        if fault == "after commit":
            assert not self._settle(held, ending)

    def _end_late(self, data: st.DataObject, outcome: Outcome, begun: bool) -> None:
        """By a claim that was given up, taken away or ended already: by a node that woke up, or does not remember."""
        given_up = [one for one in self.claims if one not in one.node.hands]
        if not given_up:
            return
        held = self._some(data, given_up)
        job = self.model.jobs.get(held.id)
        if job is not None and (job.epoch, job.status in EXECUTING) == (held.job.epoch, True):
            # Nobody took it yet: what a dead node cannot tell any more.
            return
        assert not self._settle(held, self._ending(replace(held, begun=begun), outcome, True))

    def _in_hands(self) -> list[Claim]:
        return [one for node in self._able() for one in node.hands]

    def _ending(self, held: Claim, outcome: Outcome, retryable: bool) -> Ended:
        started_at = self.now - 1 if held.begun or outcome is Outcome.SUCCEEDED else None
        return ended(held.job, outcome, started_at=started_at, finished_at=self.now, retryable=retryable)

    def _settle(self, held: Claim, ending: Ended) -> bool:
        verdict = judge(ending, BACKOFF)
        expected = self.model.end(held.id, held.job.epoch, ending, verdict)
        recorded = settle(self.database, ending, verdict=verdict, node=held.node.id)
        assert bool(recorded.written) == expected == (not recorded.fenced)
        return expected

    # What goes on beside -----------------------------------------------------------

    @rule(data=st.data(), what=st.sampled_from(BESIDE))
    def beside(self, data: st.DataObject, what: str) -> None:
        getattr(self, f"_{what}")(data)

    def _time(self, data: st.DataObject) -> None:
        """It passes, or somebody sets the clock back."""
        self.now += data.draw(st.sampled_from([1, 10, 100, -50]))

    def _promote(self, _data: st.DataObject) -> None:
        self._turn("somebody", lambda deltas: promote(self.database, self.now, deltas))
        self.model.promote(self.now)

    def _prune(self, _data: st.DataObject) -> None:
        before = set(self.model.jobs)
        self.model.prune(self.now, KEEP.keep_completed_s, KEEP.keep_dead_s, self.discarded_at)
        prune(self.database, self.now, KEEP)
        self.pruned |= before - set(self.model.jobs)

    def _fold(self, _data: st.DataObject) -> None:
        self._turn("somebody", lambda _: tally.fold(self.database, "somebody"))

    def _pause(self, data: st.DataObject) -> None:
        queue = data.draw(QUEUES)
        operate.pause(queue)
        self.model.paused.add(queue)

    def _resume(self, data: st.DataObject) -> None:
        queue = data.draw(QUEUES)
        operate.resume(queue)
        self.model.paused.discard(queue)

    # Nodes that stumble and die ------------------------------------------------------

    @rule(data=st.data(), what=st.sampled_from(FATES))
    def fate(self, data: st.DataObject, what: str) -> None:
        able = self._able()
        if what == "thaw":
            able = [node for node in self.nodes.values() if node.frozen]
        elif what == "follow":
            able = [node for node in self.nodes.values() if not node.up]
        if able:
            getattr(self, f"_{what}")(self._some(data, able))

    def _follow(self, node: Node) -> None:
        """Another one starts in the place of a dead one, and rescues its jobs."""
        if not node.lost:
            self._rescue(node, node.lease, knows=True)
        self._start(node.place)

    def _kill(self, node: Node) -> None:
        """Its workers die with it."""
        node.up = node.frozen = False
        for held in self.claims:
            if held.node is node:
                held.runs = False
        node.hands.clear()

    def _beat(self, node: Node) -> None:
        self._turn(node.id, lambda _: nodes.beat(self.database, node.id, NodeState.RUNNING, 1, "", self.now))
        node.lease += 1

    def _freeze(self, node: Node) -> None:
        node.frozen = True

    def _thaw(self, node: Node) -> None:
        """The first it does is to look whether it was taken for dead; then it may not write any more."""
        wishes = nodes.wishes(self.database, node.id)
        assert wishes is not None
        assert (wishes.state is NodeState.LOST) == node.lost
        node.frozen = False
        if node.lost:
            nodes.beat(self.database, node.id, NodeState.RUNNING, 1, "", self.now)
            self._kill(node)

    def _doubt(self, node: Node) -> None:
        """A claim was committed and its answer never came: what the node does not hold goes back."""
        if not node.doubt:
            return
        held = {(one.job.id, one.job.epoch) for one in node.hands}
        known = {(one.id, one.job.epoch) for one in node.hands}
        for job, began in self.model.rescue(node.id, set()):
            if (job.id, job.epoch) not in known:
                self._model_loss(job, began)
        self._turn(node.id, lambda deltas: release_unheld(self.database, node.id, held, BACKOFF, deltas, self.now))
        node.doubt = False

    def _see(self, node: Node) -> None:
        """Note the others' lease numbers."""
        leases = {other.id: lease for other, lease in nodes.others(self.database, node.id)}
        for other in self.nodes.values():
            if other is not node and other.id in leases:
                assert leases[other.id] == other.lease
                self.seen[node.place, other.id] = leases[other.id]

    def _reap(self, node: Node) -> None:
        """Take others for dead whose lease number did not change; one that works has changed it in that time."""
        for other in self.nodes.values():
            lease = self.seen.get((node.place, other.id))
            if other is node or lease is None or other.lost:
                continue
            if other.lease != lease:
                with self.database.transaction():
                    assert not nodes.seize(self.database, other.id, lease)
            elif other not in self._able():
                apart = "far" in (node.place, other.place)
                if not apart:
                    self._kill(other)
                self._rescue(other, lease, knows=not apart)

    def _rescue(self, lost: Node, lease: int, *, knows: bool) -> None:
        began = [held for held in self.claims if held.node is lost and held.begun]
        begun = {(held.id, held.job.epoch) for held in began} if knows else None
        for job, began in self.model.rescue(lost.id, begun):
            self._model_loss(job, began)
        slots = None if begun is None else {(id.hex, epoch) for id, epoch in begun}
        deltas = Deltas()
        with self.database.transaction():
            assert nodes.seize(self.database, lost.id, lease)
            rescue(self.database, lost.id, slots, BACKOFF, deltas, self.now)
            deltas.write(self.database, "rescuer")
            nodes.leave(self.database, lost.id, NodeState.LOST, self.now)
        lost.lost = True
        lost.lease += 1
        lost.hands.clear()

    def _model_loss(self, job: Modelled, began: bool) -> None:
        claimed = ClaimedJob(
            job.id.hex, "", job.queue, "", "", job.epoch, job.attempts, job.attempts_base, job.interruptions,
            job.losses, job.max_attempts, None, None, job.priority, 0, job.run_at, 0.0, None,
        )  # fmt: skip
        outcome = Outcome.LOST if began else Outcome.INTERRUPTED
        ending = ended(claimed, outcome, started_at=self.now if began else None, finished_at=self.now)
        assert self.model.end(job.id, job.epoch, ending, judge(ending, BACKOFF))

    # Promises ----------------------------------------------------------------------

    @invariant()
    def rows_are_as_modelled(self) -> None:
        rows = {row["id"]: row for row in Job.objects.using(self.alias).values()}
        kept: dict[UUID, dict[int, str]] = {id: {} for id in rows}
        for id, epoch, outcome in Attempt.objects.using(self.alias).values_list("job_id", "epoch", "outcome"):
            kept[id][epoch] = outcome
        assert set(rows) == set(self.model.jobs)
        for id, row in rows.items():
            check_columns(row)
            assert _said(self.model.jobs[id]) == _read(row), id
            assert self.model.jobs[id].kept == kept[id]

    @invariant()
    def promises_hold(self) -> None:
        self.model.check()
        assert self.acknowledged == set(self.model.jobs) | self.pruned
        assert_counted(self.alias)
        for id, job in self.model.jobs.items():
            if job.status is S.COMPLETED:
                assert ("end", id, job.epoch) in self.ledger

    @invariant()
    def moves_are_in_the_table(self) -> None:
        for id, job in self.model.jobs.items():
            before = self.statuses.get(id, job.status)
            assert job.status is before or job.status in TRANSITIONS[before]
        self.statuses = {id: job.status for id, job in self.model.jobs.items()}

    def teardown(self) -> None:
        """The faults stop: every job comes to its end."""
        for node in [node for node in self.nodes.values() if not node.lost]:
            self._kill(node)
            self._rescue(node, node.lease, knows=True)
        for queue in sorted(self.model.paused):
            operate.resume(queue)
        self.model.paused.clear()
        self.nodes = {}
        self._start("a")
        node = self.nodes["a"]
        for _ in range(len(self.model.jobs) + 1):
            self.now += 1000
            self._turn(node.id, lambda deltas: promote(self.database, self.now, deltas))
            self.model.promote(self.now)
            taken: list[ClaimedJob] = []

            def take(deltas: Deltas, taken: list[ClaimedJob] = taken) -> None:
                meet_queues(self.database)
                taken.extend(claim(self.database, node.id, 1000, deltas))

            self._turn(node.id, take)
            self.model.claim(node.id, 1000)
            for job in taken:
                held = Claim(node, job)
                self._begin(held)
                self.ledger.add(("end", held.id, job.epoch))
                self._settle(held, self._ending(held, Outcome.SUCCEEDED, True))
        self.rows_are_as_modelled()
        self.promises_hold()
        assert {job.status for job in self.model.jobs.values()} <= TERMINAL


def _said(job: Modelled) -> tuple[Any, ...]:
    counts = (job.epoch, job.attempts, job.attempts_base, job.interruptions, job.losses)
    return (job.status, *counts, job.node, job.cancelled, job.discarded, job.has_result)


def _read(row: dict[str, Any]) -> tuple[Any, ...]:
    counts = (row["epoch"], row["attempts"], row["attempts_base"], row["interruptions"], row["losses"])
    flags = [row[name] is not None for name in ("cancel_requested_at", "discarded_at", "result")]
    return (row["status"], *counts, row["node"], *flags)


@pytest.mark.timeout(0)
def test_rows_are_as_modelled_and_the_promises_hold_in_any_history(alias: str, database: Database) -> None:
    vendor = "sqlite" if database.is_sqlite else "postgresql"
    effort = settings(
        max_examples=int(os.environ.get("MODEL_EXAMPLES", EXAMPLES[vendor])),
        stateful_step_count=50,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )
    machine = type("Histories", (Histories,), {"alias": alias, "database": database})
    run_state_machine_as_test(machine, settings=effort)
