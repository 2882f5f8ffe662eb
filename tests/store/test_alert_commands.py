"""`pool alert` and `pool check` in this process."""

import json
from typing import Any

import pytest
from django.utils import timezone

from pool.domain.states import NodeState, WorkerState
from pool.management.commands.pool import Command
from pool.models import AlertRecord, Node, PoolEvent, PoolSnapshot, WorkerSnapshot
from pool.store import health

pytestmark = pytest.mark.django_db(transaction=True)

MESSAGE = "12 jobs used up their attempts within the last hour."


@pytest.fixture
def pool(capsys: pytest.CaptureFixture[str]) -> Any:
    """Run `manage.py pool ...`: its exit code and what it printed."""

    def run(*arguments: object) -> tuple[int, str, str]:
        code = 0
        try:
            Command().run_from_argv(["manage.py", "pool", *map(str, arguments)])
        except SystemExit as error:
            code = int(error.code or 0)
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def facts(done: tuple[int, str, str]) -> Any:
    code, out, err = done
    assert (0, "") == (code, err)
    return json.loads(out)


def an_alert(**more: Any) -> AlertRecord:
    given = {"name": "dead_letters", "level": "warning", "message": MESSAGE, "opened_at": timezone.now()}
    return AlertRecord.objects.create(**(given | more))


def test_alerts_are_listed(pool: Any) -> None:
    assert (0, "Nothing is wrong.\n", "") == pool("alert", "list") == pool("alert")
    alert = an_alert()
    an_alert(name="late", resolved_at=timezone.now(), message="It was late.")
    code, out, _ = pool("alert", "list")
    assert 0 == code
    assert MESSAGE in out
    assert "It was late." not in out
    assert "It was late." in pool("alert", "list", "--resolved")[1]
    (shown,) = facts(pool("alert", "list", "--json"))["alerts"]
    assert (alert.pk, "dead_letters", False) == (shown["id"], shown["name"], shown["muted"])


def test_an_alert_is_muted_and_told_again(pool: Any) -> None:
    alert = an_alert()
    assert (0, f"Alert {alert.pk} (dead_letters) is muted until it is over.\n", "") == pool("alert", "mute", alert.pk)
    assert "warning (muted)" in pool("alert", "list")[1]
    assert facts(pool("alert", "mute", alert.pk, "--for", 60, "--json"))["muted_until"] < "2999"
    assert (0, f"Alert {alert.pk} (dead_letters) is told again.\n", "") == pool("alert", "unmute", alert.pk)
    assert ["alert.muted", "alert.muted", "alert.unmuted"] == [one.name for one in PoolEvent.objects.order_by("pk")]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("mute",), 2, "Error: Say which alert: pool alert mute ID."),
        (("mute", 99), 1, "There is no open alert 99."),
        (("mute", "x"), 2, "must be a whole number"),
        (("mute", 1, "--for", 0), 2, "must be a whole number"),
        (("shout",), 2, "invalid choice"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(pool: Any, arguments: Any, code: int, said: str) -> None:
    done = pool("alert", *arguments)
    assert code == done[0]
    assert said in done[2]
    assert 1 == done[2].count("\n")


def test_a_check_without_a_node_says_so_and_fails(pool: Any) -> None:
    code, out, _ = pool("check")
    assert 1 == code
    assert "critical" in out
    assert "Critical: No node is running." in out


def test_a_check_names_the_workers_that_do_not_answer(pool: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health.check_health, "__defaults__", (health.NOBODY, 0.0))
    now = timezone.now()
    Node.objects.create(id="n1", host="h", pid=1, state=NodeState.RUNNING, started_at=now, last_beat=now)
    PoolSnapshot.objects.create(
        at=now, node="n1", data={"ready": True, "pool": {"size": 1}, "workers": {"total": 1, "idle": 1}}
    )
    WorkerSnapshot.objects.create(
        id="w1", node="n1", slot=0, pid=2, state=WorkerState.IDLE, started_at=now, last_beat=now
    )
    checked = facts(pool("check", "--json"))
    assert (["w1"], 1, "healthy") == (checked["silent"], checked["checked"], checked["status"])
    code, out, _ = pool("check")
    assert 0 == code
    assert "1 of 1 healthy" in out
    assert "0 of 1" in out
