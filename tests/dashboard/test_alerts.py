"""Alerts and health on pages, over the API and for probes: seen by those who may look, muted by those who may act."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from pool.domain.states import NodeState, WorkerState
from pool.models import AlertRecord, Node, PoolEvent, PoolSnapshot, WorkerSnapshot
from tests.dashboard.people import Api, a_user, problem_of

pytestmark = pytest.mark.django_db

OVERVIEW = "/dashboard/"
MESSAGE = "12 jobs used up their attempts within the last hour."


@pytest.fixture
def api(django_user_model: Any) -> Api:
    return Api.of(django_user_model.objects.create_superuser("root"))


@pytest.fixture(autouse=True)
def node() -> None:
    now = timezone.now()
    Node.objects.create(id="n1", host="h", pid=1, state=NodeState.RUNNING, started_at=now, last_beat=now)
    figures = {"ready": True, "pool": {"size": 1}, "workers": {"total": 1, "idle": 1}}
    PoolSnapshot.objects.create(at=now, node="n1", data=figures)


def an_alert(**more: Any) -> AlertRecord:
    facts = {"name": "dead_letters", "level": "warning", "message": MESSAGE, "opened_at": timezone.now()}
    return AlertRecord.objects.create(**(facts | more))


def is_muted(alert: AlertRecord) -> bool:
    alert.refresh_from_db()
    return alert.muted_until is not None


def audit() -> list[tuple[str, str, Any]]:
    return [(event.name, event.actor, event.data) for event in PoolEvent.objects.order_by("pk")]


class TestApi:
    def test_open_alerts_are_listed_and_those_that_are_over_when_asked_for(self, api: Api) -> None:
        alert = an_alert()
        over = an_alert(name="late", resolved_at=timezone.now())
        (shown,) = api.get("alerts").json()["results"]
        assert {"id": alert.pk, "name": "dead_letters", "level": "warning", "muted": False}.items() <= shown.items()
        (shown,) = api.get("alerts", resolved="true").json()["results"]
        assert over.pk == shown["id"]
        problem_of(api.get("alerts", resolved="perhaps"), 400)

    def test_an_alert_is_muted_for_a_while_or_for_good_and_told_again(self, api: Api) -> None:
        alert = an_alert()
        shown = api.post(f"alerts/{alert.pk}/mute", {"seconds": 3600}).json()
        assert (True, "root (token laptop)") == (shown["muted"], shown["muted_by"])
        alert.refresh_from_db()
        assert alert.muted_until is not None
        assert timedelta(minutes=59) < alert.muted_until - timezone.now() < timedelta(minutes=61)
        assert api.post(f"alerts/{alert.pk}/mute").json()["muted_until"].startswith("9999")
        assert not api.post(f"alerts/{alert.pk}/unmute").json()["muted"]
        assert not is_muted(alert)
        assert ["alert.muted", "alert.muted", "alert.unmuted"] == [name for name, *_ in audit()]

    @pytest.mark.parametrize(
        ("body", "field"),
        [({"seconds": 0}, "seconds"), ({"seconds": -1}, "seconds"), ({"seconds": "1"}, "seconds"),
         ({"seconds": True}, "seconds"), ({"seconds": 1e12}, "seconds"), ({"for": 3}, "for")],
    )  # fmt: skip
    def test_what_is_wrong_is_named_and_nothing_changes(self, api: Api, body: Any, field: str) -> None:
        alert = an_alert()
        assert problem_of(api.post(f"alerts/{alert.pk}/mute", body), 400)["field"] == field
        assert not is_muted(alert)

    @pytest.mark.parametrize("id", ["0", "99", "x", "-1", "9" * 40, "1.5"])
    def test_only_an_open_alert_can_be_muted(self, api: Api, id: str) -> None:
        an_alert(resolved_at=timezone.now())
        for verb in ("mute", "unmute"):
            problem_of(api.post(f"alerts/{id}/{verb}"), 404)
        assert [] == audit()

    def test_the_health_of_the_pool_in_a_summary(self, api: Api) -> None:
        alert = an_alert()
        health = api.get("health").json()
        assert {"timestamp", "status", "monitoring", "capacity", "workers", "alerts"} == set(health)
        assert ("degraded", True, {"total": 1, "healthy": 1, "unhealthy": 0}) == (
            health["status"],
            health["monitoring"],
            health["workers"],
        )
        assert [alert.pk] == [one["id"] for one in health["alerts"]]

    def test_a_check_asks_the_workers_and_names_those_that_have_not_answered(self, api: Api) -> None:
        now = timezone.now()
        WorkerSnapshot.objects.create(
            id="w1", node="n1", slot=0, pid=2, state=WorkerState.IDLE, started_at=now, last_beat=now
        )
        checked = api.post("workers/check").json()
        assert (1, ["w1"], "healthy") == (checked["checked"], checked["silent"], checked["status"])
        assert ["w1"] == api.post("workers/check", {"wait": 0.2}).json()["silent"]
        assert ("pool.checked", "root (token laptop)", {"workers": 1}) == audit()[0]
        assert problem_of(api.post("workers/check", {"wait": 11}), 400)["field"] == "wait"

    def test_another_worker_is_asked_for_in_place_of_one(self, api: Api) -> None:
        now = timezone.now()
        row = WorkerSnapshot.objects.create(
            id="w1", node="n1", slot=0, pid=2, state=WorkerState.IDLE, started_at=now, last_beat=now
        )
        asked = api.post("workers/w1/restart")
        assert (202, {"worker": "w1", "heard": False}) == (asked.status_code, asked.json())
        assert ("worker.restart_requested", "root (token laptop)", {"worker": "w1"}) == audit()[0]
        row.state = WorkerState.TERMINATING
        row.save()
        assert api.post("workers/w1/restart", {"wait": 5}).json()["heard"]
        assert "'w2'" in problem_of(api.post("workers/w2/restart"), 404)["detail"]
        assert problem_of(api.post("workers/w1/restart", {"wait": -1}), 400)["field"] == "wait"


class TestPages:
    def test_the_overview_shows_what_is_open_and_mutes_it(self, operator: Client) -> None:
        alert = an_alert()
        page = operator.get(OVERVIEW).content.decode()
        assert MESSAGE in page
        assert f"/dashboard/alerts/{alert.pk}/mute" in page
        assert 'class="alert warning"' in page, "it is loud on every page"
        answer = operator.post(f"/dashboard/alerts/{alert.pk}/mute", {"next": OVERVIEW})
        assert (303, OVERVIEW) == (answer.status_code, answer["Location"])
        assert is_muted(alert)
        page = operator.get(OVERVIEW).content.decode()
        assert 'class="alert warning"' not in page, "and is silent now"
        assert f"/dashboard/alerts/{alert.pk}/unmute" in page
        operator.post(f"/dashboard/alerts/{alert.pk}/unmute")
        assert not is_muted(alert)
        assert [("alert.muted", "ada"), ("alert.unmuted", "ada")] == [(name, actor) for name, actor, _ in audit()]

    def test_where_nothing_is_wrong_there_is_no_table(self, viewer: Client) -> None:
        page = viewer.get(OVERVIEW).content.decode()
        assert 'id="alerts" data-region="alerts" aria-labelledby="h-alerts" hidden' in page
        assert 'h-alerts"' in page
        assert '<h2 id="h-alerts">' not in page

    def test_who_may_only_look_is_offered_nothing_to_press(self, viewer: Client) -> None:
        alert = an_alert()
        page = viewer.get(OVERVIEW).content.decode()
        assert MESSAGE in page
        assert "/mute" not in page
        assert viewer.post(f"/dashboard/alerts/{alert.pk}/mute").status_code == 403
        assert not is_muted(alert)

    def test_an_alert_that_is_over_cannot_be_muted(self, operator: Client) -> None:
        alert = an_alert(resolved_at=timezone.now())
        answer = operator.post(f"/dashboard/alerts/{alert.pk}/mute", headers={"Accept": "application/json"})
        assert answer.status_code == 404
        assert "no open alert" in answer.json()["detail"]

    def test_markup_in_a_message_stays_text(self, operator: Client) -> None:
        an_alert(message='<script>alert("x")</script>')
        page = operator.get(OVERVIEW).content.decode()
        assert '<script>alert("x")' not in page
        assert "&lt;script&gt;" in page

    def test_workers_are_checked_from_their_page(self, operator: Client) -> None:
        now = timezone.now()
        WorkerSnapshot.objects.create(
            id="w1", node="n1", slot=0, pid=2, state=WorkerState.IDLE, started_at=now, last_beat=now
        )
        assert "/dashboard/workers/check" in operator.get("/dashboard/workers/").content.decode()
        operator.post("/dashboard/workers/check", {"next": "/dashboard/workers/"})
        assert "Asked 1 worker for a sign of life." in operator.get("/dashboard/workers/").content.decode()

    def test_secrets_stand_on_no_page(self, operator: Client, settings: Any) -> None:
        secret = "s3cr3t"
        settings.POOL = {
            **settings.POOL,
            "alert_webhook": f"https://example.com/{secret}",
            "alert_webhook_header": f"Authorization: Bearer {secret}",
        }
        page = operator.get("/dashboard/settings/").content.decode()
        assert secret not in page
        assert page.count("set, and not shown") == 2


class TestProbes:
    def test_strangers_learn_a_state_and_those_who_may_read_the_whole(self, client: Client, operator: Client) -> None:
        an_alert()
        for path in ("/health", "/health/"):
            assert {"status": "degraded"} == Client().get(path).json()
            whole = operator.get(path).json()
            assert ("degraded", MESSAGE) == (whole["status"], whole["alerts"][0]["message"])

    def test_staff_without_the_right_learn_no_more_than_strangers(self, outsider: Client) -> None:
        an_alert()
        assert {"status": "degraded"} == outsider.get("/health").json()

    def test_a_token_that_may_read_gets_the_whole(self) -> None:
        api = Api.of(a_user("vera", "view_job"), "read")
        assert "workers" in api.client.get("/health", headers=api.headers).json()
