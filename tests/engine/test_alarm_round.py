"""Looks of a clerk over half an hour in which jobs wait: what is held by a limit, and what comes and goes."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pool.domain.config import PoolConfig
from pool.domain.ids import new_id
from pool.domain.states import JobStatus, NodeState
from pool.engine.alarm_round import AlarmRound
from pool.engine.courier import Courier
from pool.engine.letters import Letter
from pool.models import AlertRecord, Job, Node, PoolEvent, PoolSnapshot, Queue, Tally

START = datetime(2027, 1, 15, 8, 0, tzinfo=UTC)
NODE = "n1"
EVERY_S = 20.0
JOB_S = 100.0
"""One job ends so often."""
IDLE_S = 60.0
"""The figures of a node look back this far."""


class Ear:
    """Hears whatever is told."""

    name = "ear"

    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []

    def tell(self, told: Sequence[Letter], pool: str, now: float) -> list[Letter]:
        self.heard += [(str(what), alert.name) for what, alert in told]
        return list(told)


class Looks:
    """A clerk that looks at a node of one worker: in its queue `reports` a job ends now and then while one waits."""

    def __init__(self, alias: str, waited_s: float = 500.0, **queue: Any) -> None:
        self.alias, self.now, self.ear = alias, START, Ear()
        self.courier = Courier(alias, [self.ear], "host", lambda pause_s: None)
        config = PoolConfig.from_mapping({"database": alias})
        self.round = AlarmRound(config, NODE, self.courier)
        Queue.objects.using(alias).create(name="reports", **queue)
        Tally.objects.using(alias).create(queue="reports", pending=1, executing=1)
        self.waiting = self.a_job(waited_s)

    def a_job(self, waited_s: float, **fields: Any) -> Job:
        at = START - timedelta(seconds=waited_s)
        values = {"id": new_id(), "task": "a.report", "queue": "reports", "created_at": at, "run_at": at}
        return Job.objects.using(self.alias).create(**values | fields)

    def go_on(self, seconds: float, act: Callable[[float], object] = lambda ended_s: None) -> None:
        """Look on for so long; `act` hears before each look how long ago a job ended."""
        for _ in range(int(seconds / EVERY_S)):
            self.now += timedelta(seconds=EVERY_S)
            ended_s = (self.now - START).total_seconds() % JOB_S
            act(ended_s)
            self._tell_figures(ended_s)
            self.round.look(self.now)
            while not self.courier._posts.empty():
                if (post := self.courier._posts.get()) is not None:
                    self.courier.deliver(post)

    def _tell_figures(self, ended_s: float) -> None:
        facts = {"host": "h", "pid": 1, "state": NodeState.RUNNING, "started_at": START, "last_beat": self.now}
        Node.objects.using(self.alias).update_or_create(id=NODE, defaults=facts)
        data = {
            "ready": True,
            "pool": {"size": 1, "uptime": 9999.0},
            "workers": {"total": 1, "active": 1},
            "rates": {"throughput": 0.1 if ended_s < 10 else 0.0},
            "latency": {"total": {"p50": 5.0}} if ended_s < IDLE_S else {},
        }
        PoolSnapshot.objects.using(self.alias).all().delete()
        PoolSnapshot.objects.using(self.alias).create(at=self.now, node=NODE, span=1, data=data)

    def opened(self) -> list[str]:
        return self._events("alert.opened")

    def resolved(self) -> list[str]:
        return self._events("alert.resolved")

    def _events(self, name: str) -> list[str]:
        rows = PoolEvent.objects.using(self.alias).filter(name=name).order_by("id")
        return [row.data["alert"] for row in rows]

    def open(self) -> dict[str, str]:
        rows = AlertRecord.objects.using(self.alias).filter(resolved_at=None)
        return dict(rows.values_list("name", "message"))


def test_jobs_that_wait_for_a_queues_own_limit_are_late_at_most(alias: str) -> None:
    looks = Looks(alias, max_running=1)
    looks.go_on(400)
    assert (["late"], []) == (looks.opened(), looks.resolved())
    assert [("opened", "late")] == looks.ear.heard
    assert looks.open() == {
        "late": "The oldest job in queue 'reports' has waited 15 min; its limit max_running 1 lets one at a time."
    }


def test_jobs_that_wait_for_a_queues_rate_are_late_at_most(alias: str) -> None:
    looks = Looks(alias, rate=1 / JOB_S)

    def start_one(ended_s: float) -> None:
        started_at = looks.now - timedelta(seconds=ended_s)
        Queue.objects.using(alias).update(tokens=0.0, tokens_at=started_at)

    looks.go_on(400, start_one)
    assert (["late"], []) == (looks.opened(), looks.resolved())
    assert "its limit rate 0.01 lets one start every 1 min 40 s." in looks.open()["late"]


def test_a_rate_that_lets_jobs_start_which_do_not_is_no_excuse(alias: str) -> None:
    looks = Looks(alias, waited_s=300.0, rate=1.0, tokens=0.0, tokens_at=START)
    looks.go_on(100)
    assert ["stuck"] == looks.opened()


@pytest.mark.parametrize("held", [{"paused": True}, {}])
def test_jobs_of_a_paused_queue_and_those_held_by_their_key_are_not_stuck(alias: str, held: dict[str, Any]) -> None:
    looks = Looks(alias, waited_s=9000.0, **held)
    if not held:
        key = {"status": JobStatus.BLOCKED, "limit_key": "shop-7", "limit_running": 1}
        Job.objects.using(alias).filter(pk=looks.waiting.pk).update(**key)
    looks.go_on(200)
    assert [] == looks.opened()


def test_what_comes_and_goes_is_one_alert_told_once_and_over_once(alias: str) -> None:
    """One job ends every hundred seconds, and for a minute after that the pool is not idle."""
    looks = Looks(alias)
    looks.go_on(500)
    assert (["stuck", "late"], []) == (looks.opened(), looks.resolved())
    Job.objects.using(alias).filter(pk=looks.waiting.pk).delete()
    looks.go_on(80)
    assert [] == looks.resolved(), "it may come back"
    looks.go_on(100)
    assert ["late", "stuck"] == sorted(looks.resolved())
    told = [("opened", "stuck"), ("opened", "late"), ("resolved", "stuck"), ("resolved", "late")]
    assert sorted(told) == sorted(looks.ear.heard)
