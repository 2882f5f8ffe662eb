"""When another node is taken for dead, and that its jobs go out again only then. Nodes are rows, and files or none."""

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from pool.domain.states import JobStatus, NodeState
from pool.engine.kin import Kin
from pool.engine.slot import Slots
from pool.models import Job, Node
from pool.store import nodes
from pool.store.database import Database
from pool.store.nodes import NodeIdentity
from pool.store.presence import slots_path
from tests.store.rows import BACKOFF, NOW, ON_POSTGRES, attempts, put

LEASE_S = 30.0
GONE_PID = 2**22 + 1
"""No process has it."""


def identity(id: str, folder: Path, **changes: Any) -> NodeIdentity:
    facts = {"id": id, "host": "here", "pid": GONE_PID, "boot_id": "boot", "pid_started": 1, "run_dir": str(folder)}
    return NodeIdentity(**(facts | changes))


@pytest.fixture
def kin(tmp_path: Path, database: Database) -> Kin:
    return Kin(identity("me", tmp_path), LEASE_S, BACKOFF)


@pytest.fixture
def other(tmp_path: Path) -> NodeIdentity:
    return identity("other", tmp_path)


@pytest.fixture
def far(tmp_path: Path) -> NodeIdentity:
    return identity("far", tmp_path / "elsewhere", host="there", boot_id="another")


@pytest.fixture
def slots(other: NodeIdentity) -> Iterator[Slots]:
    """The other's slots, held as by a living node."""
    made = Slots(slots_path(other.run_dir, other.id), 2)
    made.hold()
    yield made
    os.close(made._descriptor)
    made._memory.close()


def let_go(slots: Slots) -> None:
    """What the kernel does at the end of a node."""
    fcntl.flock(slots._descriptor, fcntl.LOCK_UN)


def register(database: Database, node: NodeIdentity) -> None:
    with database.transaction():
        nodes.register(database, node, 1, NOW)


def beat(database: Database, node: NodeIdentity) -> None:
    with database.transaction():
        nodes.beat(database, node.id, NodeState.RUNNING, 1, "", NOW)


def status_of(alias: str, job: UUID) -> str:
    return Job.objects.using(alias).get(pk=job).status


def test_node_whose_slots_nobody_holds_is_dead_at_once(
    alias: str, database: Database, kin: Kin, other: NodeIdentity, slots: Slots
) -> None:
    register(database, other)
    begun, not_begun = put(alias, JobStatus.ASSIGNED, node="other"), put(alias, JobStatus.ASSIGNED, node="other")
    slots[0].begin(1, begun.bytes, 1, 1)
    assert 0 == kin.rescue_lost(database, 0.0, NOW)
    assert "ASSIGNED" == status_of(alias, begun)
    let_go(slots)
    assert 2 == kin.rescue_lost(database, 0.1, NOW)
    found = Job.objects.using(alias).in_bulk([begun, not_begun])
    assert [("PENDING", 1, 1), ("PENDING", 0, 0)] == [
        (found[job].status, found[job].attempts, found[job].losses) for job in (begun, not_begun)
    ]
    assert ["lost"] == [attempt.outcome for attempt in attempts(alias, begun)]
    assert "LOST" == Node.objects.using(alias).get(pk="other").state
    assert not slots_path(other.run_dir, other.id).exists()
    assert 0 == kin.rescue_lost(database, 0.2, NOW)


@ON_POSTGRES
def test_job_that_somebody_holds_keeps_no_other_from_being_given_back(
    alias: str, database: Database, other_database: Database, kin: Kin, other: NodeIdentity, slots: Slots
) -> None:
    register(database, other)
    jobs = [put(alias, JobStatus.ASSIGNED, node="other") for _ in range(3)]
    let_go(slots)
    database.execute("SET lock_timeout = 50")
    with other_database.transaction():
        other_database.execute("SELECT 1 FROM pool_job WHERE id = %s FOR UPDATE", (jobs[1],))
        assert 2 == kin.rescue_lost(database, 0.0, NOW)
        assert ["PENDING", "ASSIGNED", "PENDING"] == [status_of(alias, job) for job in jobs]
        assert 0 == kin.rescue_lost(database, 0.1, NOW)
        assert "LOST" != Node.objects.using(alias).get(pk="other").state
    assert 1 == kin.rescue_lost(database, 0.2, NOW)
    assert ["PENDING"] * 3 == [status_of(alias, job) for job in jobs]
    assert "LOST" == Node.objects.using(alias).get(pk="other").state


def test_what_began_under_an_earlier_claim_did_not_begin_under_this_one(
    alias: str, database: Database, kin: Kin, other: NodeIdentity, slots: Slots
) -> None:
    register(database, other)
    slots[0].begin(1, (job := put(alias, JobStatus.ASSIGNED, node="other", epoch=2, attempts=2)).bytes, 1, 1)
    let_go(slots)
    assert 1 == kin.rescue_lost(database, 0.0, NOW)
    found = Job.objects.using(alias).get(pk=job)
    assert ("PENDING", 1, 0) == (found.status, found.attempts, found.losses)
    assert [] == attempts(alias, job)


def test_node_of_an_earlier_boot_is_dead_at_once(alias: str, database: Database, kin: Kin, tmp_path: Path) -> None:
    register(database, identity("old", tmp_path / "gone", boot_id="an earlier one"))
    job = put(alias, JobStatus.RUNNING, node="old")
    assert 1 == kin.rescue_lost(database, 0.0, NOW)
    assert "PENDING" == status_of(alias, job)


def test_files_of_nodes_that_nobody_asks_about_any_more_are_swept(
    alias: str, database: Database, kin: Kin, other: NodeIdentity, slots: Slots, tmp_path: Path
) -> None:
    """One was killed before the database knew it, one when it had left; a third holds jobs, and another lives."""
    left, holder = identity("gone-for-good", tmp_path), identity("still-holding-jobs", tmp_path)
    for node in (left, holder):
        register(database, node)
    with database.transaction():
        nodes.leave(database, left.id, NodeState.STOPPED, NOW)
    put(alias, JobStatus.RUNNING, node=holder.id)
    kept = {"slots-other", "bell-other", "slots-still-holdin", "out-still-holdin-w1", "node.lock"}
    for name in kept | {"slots-gone-for-goo", "bell-gone-for-goo", "slots-unknown", "out-unknown-of-w1"}:
        (tmp_path / name).touch()
    kin.sweep_folder(database)
    assert kept == {path.name for path in tmp_path.iterdir()}


def test_silent_node_elsewhere_is_dead_after_a_whole_lease_on_our_own_clock(
    alias: str, database: Database, kin: Kin, far: NodeIdentity
) -> None:
    register(database, far)
    job = put(alias, JobStatus.RUNNING, node="far")
    assert 0 == kin.rescue_lost(database, 100.0, NOW)
    assert 0 == kin.rescue_lost(database, 100.0 + LEASE_S, NOW)
    assert 1 == kin.rescue_lost(database, 100.1 + LEASE_S, NOW)
    assert "PENDING" == status_of(alias, job)


@pytest.mark.parametrize("jump_s", [86_400.0, -3600.0])
def test_jump_of_the_wall_clock_ends_no_lease(
    alias: str, database: Database, kin: Kin, far: NodeIdentity, jump_s: float
) -> None:
    register(database, far)
    put(alias, JobStatus.RUNNING, node="far")
    assert 0 == kin.rescue_lost(database, 100.0, NOW)
    assert 0 == kin.rescue_lost(database, 101.0, NOW + jump_s)
    assert 0 == kin.rescue_lost(database, 102.0, NOW - jump_s)


def test_node_that_renews_its_lease_lives(alias: str, database: Database, kin: Kin, far: NodeIdentity) -> None:
    register(database, far)
    put(alias, JobStatus.RUNNING, node="far")
    for turn in range(5):
        assert 0 == kin.rescue_lost(database, 100.0 + turn * LEASE_S, NOW)
        beat(database, far)


def test_lease_renewed_at_the_last_moment_counts(
    alias: str, database: Database, other_database: Database, kin: Kin, far: NodeIdentity, monkeypatch: Any
) -> None:
    """Between the look at the leases and the rescue."""
    register(database, far)
    job = put(alias, JobStatus.RUNNING, node="far")
    kin.rescue_lost(database, 100.0, NOW)
    looked = nodes.others

    def others(*arguments: Any) -> Any:
        found = looked(*arguments)
        beat(other_database, far)
        return found

    monkeypatch.setattr(nodes, "others", others)
    assert 0 == kin.rescue_lost(database, 200.0, NOW)
    assert "RUNNING" == status_of(alias, job)
    assert "RUNNING" == Node.objects.using(alias).get(pk="far").state


def test_frozen_node_here_is_dead_after_its_lease_and_cannot_wake(
    alias: str, database: Database, kin: Kin, other: NodeIdentity, slots: Slots, monkeypatch: Any
) -> None:
    register(database, other)
    put(alias, JobStatus.RUNNING, node="other")
    ended: list[tuple[int, int]] = []
    monkeypatch.setattr("pool.engine.kin.end_node", lambda pid, started: ended.append((pid, started)))
    assert 0 == kin.rescue_lost(database, 0.0, NOW)
    assert [] == ended
    assert 1 == kin.rescue_lost(database, LEASE_S + 0.1, NOW)
    assert [(GONE_PID, 1)] == ended


def test_jobs_wait_while_something_of_the_dead_node_still_runs(
    alias: str, database: Database, kin: Kin, other: NodeIdentity, slots: Slots, monkeypatch: Any
) -> None:
    register(database, other)
    job = put(alias, JobStatus.RUNNING, node="other")
    let_go(slots)
    left = iter([2, 1, 0])
    monkeypatch.setattr("pool.engine.kin.end_remains", lambda _path: next(left))
    looks = [(kin.rescue_lost(database, second, NOW), kin.is_waiting) for second in (0.0, 1.0, 2.0)]
    assert [(0, True), (0, True), (1, False)] == looks
    assert "PENDING" == status_of(alias, job)


def test_nobody_waits_for_what_another_has_rescued(
    alias: str, database: Database, kin: Kin, other: NodeIdentity, slots: Slots, monkeypatch: Any
) -> None:
    register(database, other)
    let_go(slots)
    monkeypatch.setattr("pool.engine.kin.end_remains", lambda _path: 1)
    assert (0, True) == (kin.rescue_lost(database, 0.0, NOW), kin.is_waiting)
    with database.transaction():
        nodes.leave(database, other.id, NodeState.LOST, NOW)
    assert (0, False) == (kin.rescue_lost(database, 1.0, NOW), kin.is_waiting)
