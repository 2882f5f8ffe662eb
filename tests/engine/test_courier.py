"""Alerts on their way: looked for, told, tried again, given back. The clock is the test's, the receiver is real."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from pool import signals
from pool.domain.alerting import SETTLE_S
from pool.domain.config import PoolConfig
from pool.domain.ids import new_id
from pool.domain.states import JobStatus, NodeState
from pool.engine.alarm_round import AlarmRound
from pool.engine.channels import Mail, Undelivered, Webhook
from pool.engine.courier import Courier
from pool.engine.letters import Letter
from pool.models import AlertRecord, Job, Node, PoolSnapshot, Tally
from pool.store.muting import mute_alert
from tests.engine.mailing import LOCMEM, send_by
from tests.engine.receivers import Receiver, receiver

START = 1_800_000_000.0
HOUR = 3600.0
NODE = "n1"


@pytest.fixture
def hook() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


class Pool:
    """A clerk's looks over a pool that the test makes, and a courier that is asked to deliver at once."""

    def __init__(self, alias: str, *channels: Any, **settings: Any) -> None:
        self.alias, self.now, self.pauses = alias, START, list[float]()
        self.courier = Courier(alias, channels, "host", self.pauses.append)
        config = PoolConfig.from_mapping({"database": alias, "dead_letters_alert": 2, "alert_clear_s": 0, **settings})
        self.round = AlarmRound(config, NODE, self.courier)

    def look(self, after_s: float = 0.0, **data: Any) -> None:
        """Look so much later, at a node that has just written its figures, and deliver what is to be told."""
        self.now += after_s
        at = datetime.fromtimestamp(self.now, UTC)
        nodes = Node.objects.using(self.alias)
        nodes.update_or_create(
            id=NODE, defaults={"host": "h", "pid": 1, "state": NodeState.RUNNING, "started_at": at, "last_beat": at}
        )
        figures = {"ready": True, "pool": {"size": 1}, "workers": {"total": 1, "idle": 1}, **data}
        PoolSnapshot.objects.using(self.alias).all().delete()
        PoolSnapshot.objects.using(self.alias).create(at=at, node=NODE, span=1, data=figures)
        self.round.look(at)
        self.deliver()

    def deliver(self) -> None:
        while not self.courier._posts.empty():
            if (post := self.courier._posts.get()) is not None:
                self.courier.deliver(post)

    def rest(self) -> None:
        """Let the pause after a failure be over."""
        self.courier._rest_until = 0.0

    def bury(self, jobs: int) -> None:
        at = datetime.fromtimestamp(self.now, UTC)
        for _ in range(jobs):
            Job.objects.using(self.alias).create(
                id=new_id(), task="a.task", status=JobStatus.FAILED, created_at=at, run_at=at, finished_at=at
            )
        Tally.objects.using(self.alias).create(queue="default", dead=jobs, failed=jobs)


def test_an_alert_is_told_when_it_has_lasted_and_when_it_is_over(alias: str, hook: Receiver) -> None:
    pool = Pool(alias, Webhook(hook.url))
    pool.look()
    pool.bury(2)
    pool.look(5)
    assert [] == hook.states, "it may be over in a moment"
    pool.look(SETTLE_S)
    pool.look(5)
    assert [("opened", "dead_letters")] == hook.states
    assert "2 jobs used up their attempts within the last hour." == hook.got[0]["message"]
    pool.look(HOUR)
    assert [("opened", "dead_letters"), ("resolved", "dead_letters")] == hook.states
    pool.look(5)
    assert 2 == len(hook.got)


def test_what_lasts_is_told_again_after_its_time(alias: str, hook: Receiver) -> None:
    pool = Pool(alias, Webhook(hook.url), alert_repeat_s=600)
    problem = {"problem": "The disk is full."}
    for after_s in (0, SETTLE_S, 300, 300):
        pool.look(after_s, **problem)
    assert [("opened", "node_problem"), ("lasts", "node_problem")] == hook.states
    assert "still The disk" in hook.got[1]["text"]


def test_a_muted_alert_is_told_to_nobody(alias: str, hook: Receiver) -> None:
    pool = Pool(alias, Webhook(hook.url))
    pool.look(problem="The disk is full.")
    mute_alert(AlertRecord.objects.using(alias).get().pk)
    pool.look(60, problem="The disk is full.")
    pool.look(60)
    assert [] == hook.states
    assert AlertRecord.objects.using(alias).get().resolved_at is not None


def test_a_receiver_that_fails_is_tried_again_and_then_by_the_next_look(alias: str, hook: Receiver) -> None:
    pool = Pool(alias, Webhook(hook.url))
    hook.answers = [500, 500]
    pool.look(problem="Full.")
    pool.look(SETTLE_S, problem="Full.")
    assert [("opened", "node_problem")] == hook.states, "the third try of this go"
    assert 2 == len(pool.pauses)
    hook.answers = [500] * 3
    pool.look(60)
    assert 1 == len(hook.got)
    pool.look(5)
    assert 1 == len(hook.got), "it rests after a failure"
    pool.rest()
    pool.look(5)
    assert ("resolved", "node_problem") == hook.states[-1]
    pool.look(5)
    assert 2 == len(hook.got)


class Broken:
    name = "broken"

    def __init__(self) -> None:
        self.tries = 0

    def tell(self, told: list[Letter], pool: str, now: float) -> list[Letter]:
        self.tries += 1
        raise Undelivered("It is broken.")


def test_where_one_way_works_only_the_other_is_tried_again(alias: str, hook: Receiver, settings: Any) -> None:
    outbox = send_by(settings, LOCMEM)
    broken = Broken()
    pool = Pool(alias, Webhook(hook.url), broken, Mail(["ops@example.com"]))
    pool.look(problem="Full.")
    for _ in range(3):
        pool.look(SETTLE_S, problem="Full.")
        pool.rest()
    assert ([("opened", "node_problem")], 1, 9) == (hook.states, len(outbox), broken.tries)
    pool.courier.channels = [channel for channel in pool.courier.channels if channel is not broken]
    pool.look(5, problem="Full.")
    pool.look(5, problem="Full.")
    assert (1, 1) == (len(hook.got), len(outbox)), "now it is told"


def test_two_clerks_tell_once(alias: str, hook: Receiver) -> None:
    one, other = (Pool(alias, Webhook(hook.url)) for _ in range(2))
    for after_s in (0, SETTLE_S, 5):
        for pool in (one, other):
            pool.look(after_s, problem="Full.")
    assert [("opened", "node_problem")] == hook.states


def test_without_a_way_alerts_stand_and_nobody_is_told(alias: str) -> None:
    pool = Pool(alias)
    pool.look(problem="Full.")
    pool.look(SETTLE_S, problem="Full.")
    assert AlertRecord.objects.using(alias).get().told_at is None


def test_a_courier_that_hangs_is_followed_by_another(alias: str, hook: Receiver) -> None:
    pool = Pool(alias, Webhook(hook.url))
    stuck = pool.courier
    stuck._busy_since = float("-inf")
    pool.look()
    assert pool.round.courier is not stuck
    assert not pool.round.courier.is_ready, "whatever held up the one may hold up the other"
    assert pool.round.courier.is_alive()
    pool.round.courier.end()
    pool.round.courier.join(5)


def test_alerts_and_workers_that_fail_are_signals_as_well(alias: str) -> None:
    told: list[Any] = []

    def hear(event: Any, **_: Any) -> None:
        told.append(event)

    signals.every_event.connect(hear)
    try:
        pool = Pool(alias)
        pool.look(problem="Full.")
        pool.look(5)
    finally:
        signals.every_event.disconnect(hear)
    assert ["alert.opened", "alert.resolved"] == [event.name for event in told]
    assert ("node_problem", "Alert: Full.") == (told[0].data["alert"], told[0].text)


def test_a_worker_with_many_failures_is_told_of_once_by_its_own_clerk(alias: str) -> None:
    from pool.domain.states import WorkerState
    from pool.models import WorkerSnapshot

    at = datetime.fromtimestamp(START, UTC)
    for worker, node in (("w0", NODE), ("w1", "another")):
        WorkerSnapshot.objects.using(alias).create(
            id=worker, node=node, slot=0, pid=1, state=WorkerState.IDLE, started_at=at, last_beat=at,
            jobs_completed=5, jobs_failed=5,
        )  # fmt: skip
    told: list[Any] = []

    def hear(event: Any, **_: Any) -> None:
        told.append((event.worker, event.data))

    signals.worker_high_error_rate.connect(hear)
    try:
        pool = Pool(alias)
        for _ in range(2):
            pool.look(5, lanes=[{"id": "w0"}])
    finally:
        signals.worker_high_error_rate.disconnect(hear)
    assert [("w0", {"rate": 0.5, "failed": 5, "finished": 10, "kind": "general"})] == told
    assert "error_rate" == AlertRecord.objects.using(alias).get().name
