"""What a node does about another one that is gone, on the real databases."""

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from time import monotonic

import pytest

from pool.domain.event_words import in_words
from pool.domain.states import JobStatus
from pool.engine.kin import Kin, new_identity
from pool.engine.slot import Slots
from pool.models import Job, PoolEvent
from pool.store import nodes, presence
from pool.store.database import Database
from pool.store.nodes import NodeIdentity
from pool.store.rescue import BATCH
from tests.store.rows import BACKOFF, NOW, ON_POSTGRES, assert_counted, claim_as, enqueue

S = JobStatus
LIMIT_S = 20.0

WAITING = """SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock' AND state = 'active'"""

CLAIMED_AGAIN = "UPDATE pool_job SET epoch = epoch + 1 WHERE ctid = (SELECT min(ctid) FROM pool_job)"


@pytest.fixture
def dead(database: Database, tmp_path: Path) -> Iterator[NodeIdentity]:
    """A node of this machine that was killed."""
    gone = NodeIdentity("d" * 32, "here", 2**22, presence.boot_id(), 1, str(tmp_path))
    slots = Slots(presence.slots_path(gone.run_dir, gone.id), 1)
    with database.transaction():
        nodes.register(database, gone, 1, NOW)
    yield gone
    os.close(slots._descriptor)


def rescue(alias: str, folder: Path) -> int:
    database = Database(alias, 10_000)
    try:
        return Kin(new_identity(folder), 30.0, BACKOFF).rescue_lost(database, 100.0, NOW)
    finally:
        database.close()


def until_it_waits(rival: Future[int], watcher: Database) -> None:
    deadline = monotonic() + LIMIT_S
    while not (rival.done() or watcher.execute(WAITING).fetchone()[0]):
        assert monotonic() < deadline
        wait([rival], timeout=0.001)


def test_all_jobs_of_a_killed_node_come_back(
    alias: str, database: Database, dead: NodeIdentity, tmp_path: Path
) -> None:
    enqueue(alias, BATCH + 5)
    claim_as(database, dead.id, most=BATCH + 5)
    assert BATCH + 5 == rescue(alias, tmp_path)
    assert {S.PENDING} == set(Job.objects.using(alias).values_list("status", flat=True))
    [lost] = PoolEvent.objects.using(alias).filter(name="node.lost")
    assert (dead.id, {"jobs": BATCH + 5}) == (lost.node, lost.data)
    assert f"Node lost; {BATCH + 5} of its jobs given back." == in_words(lost.name, lost.actor, lost.data)
    assert not presence.slots_path(dead.run_dir, dead.id).exists()
    assert_counted(alias)


@ON_POSTGRES
def test_one_job_that_ended_meanwhile_keeps_none_of_the_others(
    alias: str, database: Database, other_database: Database, dead: NodeIdentity, tmp_path: Path
) -> None:
    """A full batch of which a row is fenced is not the last one."""
    enqueue(alias, BATCH + 5)
    claim_as(database, dead.id, most=BATCH + 5)
    with ThreadPoolExecutor(1) as threads:
        with other_database.transaction():
            # The rescue sees the row as it was, and waits for this commit before it can write it.
            other_database.execute(CLAIMED_AGAIN)
            rival = threads.submit(rescue, alias, tmp_path)
            until_it_waits(rival, database)
        assert BATCH + 5 == rival.result(LIMIT_S)
    assert {S.PENDING} == set(Job.objects.using(alias).values_list("status", flat=True))
    assert_counted(alias)
