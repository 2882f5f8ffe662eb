"""Who is who: a pid, a host name or a folder that came back is not the process that had it before."""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pool.domain.states import JobStatus
from pool.engine import linux
from pool.engine.kin import Kin, new_identity
from pool.engine.remains import end_node, end_remains
from pool.engine.slot import Slots
from pool.models import Job
from pool.store import nodes, presence
from pool.store.database import Database
from pool.store.nodes import NodeIdentity
from tests.acceptance.processes import wait_for
from tests.store.rows import BACKOFF, NOW, put

LEASE_S = 30.0


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    """A process that has nothing to do with the pool."""
    process = subprocess.Popen(["sleep", "60"])
    yield process
    process.kill()
    process.wait()


def test_process_with_a_dead_nodes_pid_is_left_alone(stranger: subprocess.Popen[bytes]) -> None:
    started = linux.start_time(stranger.pid)
    end_node(stranger.pid, started - 1)
    assert linux.is_running(stranger.pid)
    end_node(stranger.pid, started)
    assert -9 == stranger.wait(5)


def test_a_stranger_whose_group_has_a_dead_workers_number_is_left_alone(tmp_path: Path) -> None:
    died = linux.ticks()
    wait_for(lambda: linux.ticks() > died, what="the next tick of the clock")
    stranger = subprocess.Popen(["sleep", "60"], process_group=0)
    try:
        assert 0 == end_remains(tmp_path / "slots-of-nobody", {stranger.pid}, died)
        assert linux.is_running(stranger.pid)
        assert 1 == end_remains(tmp_path / "slots-of-nobody", {stranger.pid}, linux.ticks())
        assert -9 == stranger.wait(5)
    finally:
        stranger.kill()
        stranger.wait()


def register(database: Database, node: NodeIdentity) -> None:
    with database.transaction():
        nodes.register(database, node, 1, NOW)


@pytest.mark.parametrize("host", ["same", "another"])
def test_node_in_a_container_that_started_again_takes_over_at_once(
    alias: str, database: Database, tmp_path: Path, host: str
) -> None:
    """The same host name, pid and folder: the files of the one before are there, and nobody holds them."""
    me = new_identity(tmp_path)
    before = replace(me, id="f" * 32, pid_started=me.pid_started - 1)
    if host == "another":
        before = replace(before, host="a-random-name")
    slots = Slots(presence.slots_path(before.run_dir, before.id), 1)
    os.close(slots._descriptor)
    slots._memory.close()
    register(database, before)
    job = put(alias, JobStatus.RUNNING, node=before.id)
    assert 1 == Kin(me, LEASE_S, BACKOFF).rescue_lost(database, 0.0, NOW)
    assert "PENDING" == Job.objects.using(alias).get(pk=job).status
    assert linux.is_running(os.getpid()), "it did not take itself for the one before"


def test_node_in_another_container_of_the_same_name_is_not_taken_for_dead(
    alias: str, database: Database, tmp_path: Path
) -> None:
    """Each has a folder of its own under the same path: that no file is there says nothing."""
    me = new_identity(tmp_path)
    other = replace(me, id="f" * 32)
    register(database, other)
    job = put(alias, JobStatus.RUNNING, node=other.id)
    kin = Kin(me, LEASE_S, BACKOFF)
    assert [0, 0] == [kin.rescue_lost(database, second, NOW) for second in (0.0, LEASE_S)]
    assert "RUNNING" == Job.objects.using(alias).get(pk=job).status
    assert 1 == kin.rescue_lost(database, LEASE_S + 0.1, NOW)


def test_every_start_is_somebody_else(tmp_path: Path) -> None:
    assert 2 == len({new_identity(tmp_path).id for _ in range(2)})
