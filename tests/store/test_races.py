"""Two at once on one job: the second waits or passes by, and what comes out is what one after the other gives.

The first acts and keeps its transaction open; the second begins on a connection of its own; when it is seen to wait, or
is done, the first commits. On SQLite there is one writer, so the second always waits.
"""

from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from itertools import product
from threading import Event
from time import monotonic

import pytest
from django.db import connections, transaction

from pool.domain.states import EXECUTING, WAITING, JobStatus, NodeState
from pool.models import Job, JobDependency, Node
from pool.store import nodes
from pool.store.database import Database
from pool.store.deltas import Deltas
from pool.store.dependencies import follow
from pool.store.enqueue import enqueue_rows
from pool.store.nodes import NodeIdentity
from pool.store.rescue import rescue
from tests.store.graphs import claimed, linked_job, turn
from tests.store.rows import (
    BACKOFF,
    NODE,
    NOW,
    ON_POSTGRES,
    assert_counted,
    attempts,
    check_columns,
    ended,
    enqueue,
    put,
    row,
    settle,
    statuses,
)
from tests.store.verbs import EPOCH, OTHER, VERBS, NodeVerb, Scene, open_queues
from tests.tables import empty

LIMIT_S = 20.0
PATIENT_MS = 10_000

BLOCKED = """SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock' AND state = 'active'"""

ALIKE = {"time out", "postpone", "tell", "take back cancelled", "retry many", "discard many"}
"""Another verb writes by the same statement, and races with it would show nothing else."""

RACERS = sorted(set(VERBS) - ALIKE)

PASSING_BY = {"claim", "promote", "prune", "rescue what never began", "release unheld"}
"""On PostgreSQL these leave alone a row that somebody holds, or that is not as they read it, and look again later."""

S = JobStatus


def able(verb: str) -> set[JobStatus]:
    """Where it has something to do."""
    return {status for status in S if VERBS[verb].way(Scene(status)) is not None}


def starts_of(first: str, second: str) -> list[JobStatus]:
    """Where both have. RUNNING stands for ASSIGNED, and one dead letter for the other, where that is all the same."""
    both = able(first) & able(second)
    both -= {S.ASSIGNED} if EXECUTING <= both else set()
    return sorted(both - {S.TIMEOUT})


RACES = [(first, second, status) for first, second in product(RACERS, RACERS) for status in starts_of(first, second)]


def act_alone(act, begun):
    """On a connection of one's own, in a thread of one's own."""
    database = Database(act.alias, PATIENT_MS)
    try:
        begun.set()
        act(database)
    finally:
        database.close()
        connections[act.alias].close()


class Act:
    """What the second does."""

    def __init__(self, alias, do):
        self.alias, self.do = alias, do

    def __call__(self, database):
        self.do(database)


def until_it_waits(rival: Future[None], begun: Event, watcher: Database) -> None:
    """Until it waits for the first, or has ended. SQLite tells nobody who waits."""
    assert begun.wait(LIMIT_S)
    deadline = monotonic() + LIMIT_S
    while not (watcher.is_sqlite or rival.done() or watcher.execute(BLOCKED).fetchone()[0]):
        assert monotonic() < deadline
        wait([rival], timeout=0.001)


@contextmanager
def while_somebody(act, watcher):
    """Run the block's first act, then let the rival begin; the block must keep its transaction open until it ends."""
    with ThreadPoolExecutor(1) as threads:
        rivals = []

        def begin():
            begun = Event()
            rivals.append(threads.submit(act_alone, act, begun))
            until_it_waits(rivals[0], begun, watcher)

        yield begin
        rivals[0].result(LIMIT_S)


@contextmanager
def opened(verb, actors, database):
    """The verb has acted, and its transaction is open until the block ends."""
    if isinstance(verb, NodeVerb):
        with database.transaction():
            verb(actors, database)
            yield
    else:
        with transaction.atomic(using=actors.alias):
            verb(actors, database)
            yield


COLUMNS = ("status", "epoch", "attempts", "attempts_base", "losses", "interruptions", "node")


def outcome(actors):
    """What became of the job, times aside; None when it is gone."""
    if not Job.objects.using(actors.alias).filter(pk=actors.id).exists():
        return None
    found = row(actors.alias, actors.id)
    kept = [attempt.outcome for attempt in attempts(actors.alias, actors.id)]
    flags = [found[name] is not None for name in ("cancel_requested_at", "discarded_at", "finished_at", "result")]
    return tuple(found[name] for name in COLUMNS), flags, kept


def placed(alias, status, *verbs):
    open_queues(alias)
    actors = Scene(status).put(alias)
    for verb in verbs:
        VERBS[verb].prepare(actors)
    return actors


@pytest.mark.parametrize(("first", "second", "status"), RACES)
def test_a_race_ends_as_one_after_the_other_would(alias, database, other_database, first, second, status):
    model = placed(alias, status, first, second)
    VERBS[first].alone(model, database)
    passed_by = outcome(model)
    VERBS[second].alone(model, database)
    one_after_the_other = outcome(model)
    empty(alias)

    actors = placed(alias, status, first, second)
    act = Act(alias, lambda own: VERBS[second].alone(actors, own))
    with while_somebody(act, other_database) as begin, opened(VERBS[first], actors, database):
        begin()
    may_pass_by = second in PASSING_BY and not database.is_sqlite
    assert outcome(actors) in ((one_after_the_other, passed_by) if may_pass_by else (one_after_the_other,))
    assert_counted(alias)
    never(alias, actors, {first, second})


def never(alias, actors, verbs):
    """What no order of any two may lead to."""
    if outcome(actors) is None:
        assert "prune" in verbs
        return
    found = row(alias, actors.id)
    check_columns(found)
    assert found["epoch"] == EPOCH + ("claim" in verbs and found["status"] in (S.ASSIGNED, S.PENDING)) or (
        found["status"] == S.CANCELLED
    )
    assert found["epoch"] <= EPOCH + 1
    assert not (found["cancel_requested_at"] and found["status"] in WAITING)
    assert len(attempts(alias, actors.id)) <= 1


@pytest.mark.parametrize(
    ("first", "second", "status", "ends"),
    [
        ("cancel", "claim", S.PENDING, {S.CANCELLED}),
        ("claim", "cancel", S.PENDING, {S.ASSIGNED}),
        ("cancel", "complete", S.RUNNING, {S.COMPLETED}),
        ("end cancelled", "complete", S.RUNNING, {S.PENDING}),
        ("cancel", "fail", S.RUNNING, {S.CANCELLED}),
        ("fail", "cancel", S.RUNNING, {S.CANCELLED}),
        ("cancel", "crash", S.RUNNING, {S.CANCELLED}),
        ("cancel", "rescue", S.RUNNING, {S.CANCELLED}),
        ("cancel", "interrupt", S.RUNNING, {S.CANCELLED}),
        ("cancel", "give back", S.ASSIGNED, {S.CANCELLED}),
        ("cancel", "begin", S.ASSIGNED, {S.RUNNING}),
        ("rescue", "complete", S.RUNNING, {S.PENDING}),
        ("complete", "rescue", S.RUNNING, {S.COMPLETED}),
        ("retry", "prune", S.FAILED, {S.PENDING}),
        ("retry", "discard", S.FAILED, {S.PENDING}),
        ("complete", "complete", S.RUNNING, {S.COMPLETED}),
    ],
)
def test_who_comes_first_decides(alias, database, other_database, first, second, status, ends):
    """The races that the promise names, with the ends it allows."""
    actors = placed(alias, status, first, second)
    act = Act(alias, lambda own: VERBS[second].alone(actors, own))
    with while_somebody(act, other_database) as begin, opened(VERBS[first], actors, database):
        begin()
    assert row(alias, actors.id)["status"] in ends
    assert_counted(alias)


# Leases ---------------------------------------------------------------------------


IDENTITY = NodeIdentity(NODE, "host", 1, "boot", 1, "/nowhere")


@pytest.fixture
def leased(alias, database):
    """A node with one running job, and its lease number as somebody saw it."""
    with database.transaction():
        nodes.register(database, IDENTITY, 1, NOW)
    put(alias, S.RUNNING)
    return nodes.others(database, OTHER)[0][1]


def take_over(database, lease):
    """What a rescuer does in one transaction; how many jobs it gave back, None when it came too late."""
    deltas = Deltas()
    with database.transaction():
        if not nodes.seize(database, NODE, lease):
            return None
        recorded = rescue(database, NODE, None, BACKOFF, deltas, NOW + 2)
        deltas.write(database, OTHER)
        nodes.leave(database, NODE, NodeState.LOST, NOW + 2)
        return len(recorded.written)


def renew(database):
    nodes.beat(database, NODE, NodeState.RUNNING, 1, "", NOW + 1)


def test_a_renewed_lease_is_not_taken(alias, database, other_database, leased):
    taken = []
    act = Act(alias, lambda own: taken.append(take_over(own, leased)))
    with while_somebody(act, other_database) as begin, database.transaction():
        renew(database)
        begin()
    assert taken == [None]
    assert Job.objects.using(alias).get().status == S.RUNNING
    assert Node.objects.using(alias).get().state == NodeState.RUNNING


def test_a_taken_lease_is_not_renewed(alias, database, other_database, leased):
    def renew_alone(own):
        with own.transaction():
            renew(own)

    with while_somebody(Act(alias, renew_alone), other_database) as begin, database.transaction():
        assert nodes.seize(database, NODE, leased)
        rescue(database, NODE, None, BACKOFF, Deltas(), NOW + 2)
        nodes.leave(database, NODE, NodeState.LOST, NOW + 2)
        begin()
    assert Job.objects.using(alias).get().status == S.PENDING
    found = Node.objects.using(alias).get()
    assert (found.state, found.lease_seq) == (NodeState.LOST, leased + 1)


def test_two_rescuers_give_back_once(alias, database, other_database, leased):
    taken = []
    act = Act(alias, lambda own: taken.append(take_over(own, leased)))
    with while_somebody(act, other_database) as begin, database.transaction():
        assert nodes.seize(database, NODE, leased)
        deltas = Deltas()
        rescue(database, NODE, None, BACKOFF, deltas, NOW + 2)
        deltas.write(database, OTHER)
        nodes.leave(database, NODE, NodeState.LOST, NOW + 2)
        begin()
    assert taken == [None]
    found = Job.objects.using(alias).get()
    assert (found.status, found.epoch, found.attempts, found.losses) == (S.PENDING, 1, 1, 1)
    assert [attempt.outcome for attempt in attempts(alias, found.pk)] == ["lost"]
    assert_counted(alias)


@ON_POSTGRES
def test_a_dependent_that_two_nodes_tell_is_counted_once(alias, database, other_database, monkeypatch):
    monkeypatch.setattr("pool.store.dependencies.PORTION", 1)
    monkeypatch.setattr("pool.store.dependencies.MOST", 1)
    wide, other = enqueue(alias, 2)
    children = enqueue_rows(alias, [linked_job(wide, other) for _ in range(6)])
    while turn(database).more:
        pass
    # Each of the nodes has one to go on from.
    JobDependency.objects.using(alias).filter(parent=wide, child=children[1]).update(fresh=True)
    (job,) = claimed(database, wide)
    settle(database, ended(job))
    deltas = Deltas()
    with while_somebody(Act(alias, turn), other_database) as begin, database.transaction():
        follow(database, NOW + 5, deltas)
        begin()
        # The one that was told just now, and that the other node is about to tell as well.
        follow(database, NOW + 5, deltas)
        deltas.write(database, NODE)
    while turn(database).more:
        pass
    assert [JobStatus.BLOCKED] * 6 == statuses(alias, children)
    assert {1} == {row(alias, child)["waits_for"] for child in children}
