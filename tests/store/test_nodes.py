"""Rows of nodes and their workers: here, beat, gone; and what operators want of them."""

from dataclasses import replace

import pytest

from pool.domain.states import JobStatus, NodeState, WorkerState
from pool.models import Node, Tally, WorkerSnapshot
from pool.store import nodes, tally
from pool.store.database import Database
from pool.store.nodes import NodeIdentity, Wishes, WorkerRow
from tests.store.rows import NOW, ON_POSTGRES, assert_counted, moment, put

ME = NodeIdentity("node-1", "host-a", 100, "boot-1", 5_000, "/run/pool")
LIVE = (NodeState.STARTING, NodeState.RUNNING, NodeState.DRAINING)
ENDED = (NodeState.STOPPED, NodeState.LOST)
DAY = 86_400.0


@pytest.fixture
def do(database):
    """Call a verb in a transaction of its own."""

    def call(verb, *args):
        with database.transaction():
            return verb(database, *args)

    return call


@pytest.fixture
def me(do):
    do(nodes.register, ME, 4, NOW)
    return ME.id


def node(alias, id="node-1"):
    return Node.objects.using(alias).filter(pk=id).values().get()


def worker(alias, id="node-1/1"):
    return WorkerSnapshot.objects.using(alias).filter(pk=id).values().get()


def set_state(alias, state, id="node-1"):
    Node.objects.using(alias).filter(pk=id).update(state=state)


WORKER = WorkerRow(
    id="node-1/1",
    slot=1,
    pid=101,
    kind="general",
    state=WorkerState.BUSY,
    healthy=True,
    current_jobs='["a"]',
    jobs_completed=3,
    jobs_failed=1,
    started_at=NOW,
    last_beat=NOW + 1,
    rss=1_000_000,
    cpu=0.5,
)


class TestNode:
    def test_makes_itself_known(self, alias, me):
        found = node(alias)
        assert found == found | {
            "host": "host-a",
            "pid": 100,
            "boot_id": "boot-1",
            "pid_started": 5_000,
            "run_dir": "/run/pool",
            "state": "STARTING",
            "workers": 0,
            "wanted": 4,
            "started_at": moment(NOW),
            "last_beat": moment(NOW),
            "lease_seq": 0,
            "stopped_at": None,
            "problem": "",
        }

    def test_every_beat_renews_its_lease(self, alias, do, me):
        for turn in (1, 2, 3):
            do(nodes.beat, me, NodeState.RUNNING, turn, "", NOW + turn)
        found = node(alias)
        assert (found["state"], found["workers"], found["lease_seq"]) == ("RUNNING", 3, 3)
        assert found["last_beat"] == moment(NOW + 3)

    @pytest.mark.parametrize("held_until", [None, NOW + 600.25])
    def test_leaves_its_size_to_the_one_after_it(self, do, held_until):
        do(nodes.register, ME, 4, NOW)
        do(nodes.register, replace(ME, id="node-2"), 7, NOW + 1, held_until)
        assert do(nodes.size_of, ME.host, ME.pid) == nodes.KeptSize(7, held_until)
        assert do(nodes.wishes, "node-2").held_until == held_until
        assert do(nodes.size_of, ME.host, ME.pid + 1) == nodes.KeptSize(0)

    @pytest.mark.parametrize(("told", "stored"), [("It is \x00 broken", "It is \ufffd broken"), ("☃", "☃")])
    def test_says_what_keeps_it_from_working(self, alias, do, me, told, stored):
        do(nodes.beat, me, NodeState.RUNNING, 0, told, NOW)
        assert node(alias)["problem"] == stored

    @pytest.mark.parametrize("state", ENDED)
    def test_that_ended_does_not_come_back_by_a_beat(self, alias, do, me, state):
        """It was frozen, and somebody gave its jobs away: it must learn of that and leave."""
        do(nodes.leave, me, state, NOW + 1)
        before = node(alias)
        do(nodes.beat, me, NodeState.RUNNING, 4, "", NOW + 2)
        assert node(alias) == before

    @pytest.mark.parametrize("state", ENDED)
    def test_leaves(self, alias, do, me, state):
        do(nodes.beat, me, NodeState.RUNNING, 4, "", NOW)
        do(nodes.leave, me, state, NOW + 9)
        found = node(alias)
        assert (found["state"], found["workers"], found["stopped_at"]) == (state, 0, moment(NOW + 9))

    def test_wishes_for_it_are_read_by_it(self, alias, do, me):
        assert do(nodes.wishes, me) == Wishes(4, False, False, NodeState.STARTING)
        asked = {"wanted": 2, "stop_requested_at": moment(NOW), "restart_requested_at": moment(NOW)}
        Node.objects.using(alias).update(**asked)
        assert do(nodes.wishes, me) == Wishes(2, True, True, NodeState.STARTING)
        do(nodes.grant_restart, me)
        assert do(nodes.wishes, me) == Wishes(2, True, False, NodeState.STARTING)

    def test_without_a_row_there_are_no_wishes(self, do, alias):
        assert do(nodes.wishes, "nobody") is None


class TestOthers:
    def others(self, do):
        return [(other.id, lease) for other, lease in do(nodes.others, "somebody else")]

    @pytest.mark.parametrize("state", LIVE)
    def test_are_those_that_hold_a_lease(self, alias, do, me, state):
        do(nodes.beat, me, state, 1, "", NOW)
        assert do(nodes.others, "somebody else") == [(ME, 1)]

    def test_are_never_the_one_who_asks(self, do, me):
        assert do(nodes.others, me) == []

    @pytest.mark.parametrize("state", ENDED)
    def test_are_no_ended_ones(self, alias, do, me, state):
        set_state(alias, state)
        assert self.others(do) == []

    @pytest.mark.parametrize("state", ENDED)
    @pytest.mark.parametrize("status", JobStatus)
    def test_are_ended_ones_that_still_hold_jobs(self, alias, do, me, state, status):
        """It claimed while it was given up for lost, or gave up waiting for them: nobody else would look."""
        put(alias, status, node=me)
        set_state(alias, state)
        holds = status in (JobStatus.ASSIGNED, JobStatus.RUNNING)
        assert self.others(do) == ([(me, 0)] if holds else [])


class TestLease:
    def test_that_was_not_renewed_is_seized_once(self, do, me):
        do(nodes.beat, me, NodeState.RUNNING, 1, "", NOW)
        assert do(nodes.seize, me, 1)
        do(nodes.leave, me, NodeState.LOST, NOW)
        assert not do(nodes.seize, me, 1)

    def test_that_was_renewed_meanwhile_is_left_to_its_node(self, do, me):
        do(nodes.beat, me, NodeState.RUNNING, 1, "", NOW)
        assert not do(nodes.seize, me, 0)

    def test_of_a_node_that_is_not_there_cannot_be_had(self, do, alias):
        assert not do(nodes.seize, "nobody", 0)

    @ON_POSTGRES
    def test_cannot_be_renewed_while_it_is_being_seized(self, alias, database, me):
        late = Database(alias, lock_wait_ms=20)
        with database.transaction():
            assert nodes.seize(database, me, 0)
            with late.transaction():
                assert not nodes.beat(late, me, NodeState.RUNNING, 1, "", NOW)
            nodes.leave(database, me, NodeState.LOST, NOW)
        with late.transaction():
            nodes.beat(late, me, NodeState.RUNNING, 1, "", NOW)
        late.close()
        assert node(alias)["state"] == "LOST"


class TestTallies:
    def test_of_a_node_that_left_are_folded_by_another(self, alias, database, do, me):
        put(alias, JobStatus.PENDING)
        do(tally.fold, me)
        do(nodes.leave, me, NodeState.LOST, NOW)
        assert [""] == list(Tally.objects.using(alias).values_list("node", flat=True))
        assert_counted(alias)
        do(tally.fold, "node-2")
        assert ["node-2"] == list(Tally.objects.using(alias).values_list("node", flat=True))
        assert_counted(alias)


class TestWorkers:
    def test_have_one_row_each_which_is_kept_up_to_date(self, alias, do, me):
        do(nodes.write_workers, me, [WORKER, replace(WORKER, id="node-1/2", slot=2)])
        found = worker(alias)
        assert found == found | {
            "node": me,
            "slot": 1,
            "pid": 101,
            "kind": "general",
            "state": "BUSY",
            "healthy": True,
            "current_jobs": ["a"],
            "jobs_completed": 3,
            "jobs_failed": 1,
            "started_at": moment(NOW),
            "last_beat": moment(NOW + 1),
            "rss": 1_000_000,
            "cpu": 0.5,
            "ended_at": None,
            "end_reason": "",
        }
        news = {
            "state": WorkerState.UNHEALTHY,
            "healthy": False,
            "current_jobs": "[]",
            "jobs_completed": 4,
            "failed_in_row": 2,
            "mean_run_ms": 12.5,
            "rss": None,
        }
        do(nodes.write_workers, me, [replace(WORKER, **news)])
        found = worker(alias)
        assert found == found | news | {"state": "UNHEALTHY", "current_jobs": [], "started_at": moment(NOW)}
        assert WorkerSnapshot.objects.using(alias).count() == 2

    def test_that_have_no_pid_yet_get_one_later(self, alias, do, me):
        """A report may come between the wish for a worker and its birth."""
        do(nodes.write_workers, me, [replace(WORKER, pid=0, state=WorkerState.STARTING)])
        do(nodes.write_workers, me, [WORKER])
        assert worker(alias)["pid"] == 101

    @pytest.mark.parametrize(
        ("told", "stored"), [("killed by SIGKILL", "killed by SIGKILL"), ("x" * 300, "x" * 100), ("a\x00b", "a\ufffdb")]
    )
    def test_say_why_they_ended(self, alias, do, me, told, stored):
        last = replace(WORKER, state=WorkerState.TERMINATED, ended_at=NOW + 5, end_reason=told)
        do(nodes.write_workers, me, [last])
        assert (worker(alias)["ended_at"], worker(alias)["end_reason"]) == (moment(NOW + 5), stored)

    @pytest.mark.parametrize(("state", "reason"), [("STOPPED", "node stopped"), ("LOST", "node lost")])
    def test_end_with_their_node(self, alias, do, me, state, reason):
        ended = replace(WORKER, id="node-1/2", state=WorkerState.TERMINATED, ended_at=NOW + 2, end_reason="recycled")
        do(nodes.write_workers, me, [WORKER, ended])
        do(nodes.write_workers, "node-2", [replace(WORKER, id="node-2/1")])
        do(nodes.leave, me, NodeState(state), NOW + 9)
        found = worker(alias)
        assert (found["state"], found["healthy"], found["current_jobs"]) == ("TERMINATED", False, [])
        assert (found["ended_at"], found["end_reason"]) == (moment(NOW + 9), reason)
        assert worker(alias, "node-1/2")["end_reason"] == "recycled"
        assert worker(alias, "node-2/1")["ended_at"] is None

    def test_that_ended_more_than_a_day_ago_go(self, alias, do, me):
        for id, ended_at in (("node-0/1", NOW - DAY - 1), ("node-0/2", NOW - DAY + 1)):
            do(nodes.write_workers, "node-0", [replace(WORKER, id=id, ended_at=ended_at)])
        do(nodes.leave, me, NodeState.STOPPED, NOW)
        assert ["node-0/2"] == list(WorkerSnapshot.objects.using(alias).values_list("pk", flat=True))
