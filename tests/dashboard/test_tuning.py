"""Weights and limits of queues and tenants, set from pages, API and Django admin: by those who may; written down."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone, translation

from pool.models import KeyRate, PoolEvent, Queue, Tally, Tenant
from pool.store import standing
from tests.dashboard.people import Api, a_user, problem_of

pytestmark = pytest.mark.django_db

QUEUES = "/dashboard/queues/"
LIMITS = {"weight": 1.0, "max_waiting": None, "max_running": None, "rate": None, "burst": None}


@pytest.fixture(autouse=True)
def unknown_queues(settings: Any) -> Any:
    settings.POOL = {**settings.POOL, "task_modules": ["tests.contract.tasks"]}
    standing.forget()
    yield
    standing.forget()


@pytest.fixture
def api(django_user_model: Any) -> Api:
    return Api.of(django_user_model.objects.create_superuser("ada"))


def limits(name: str = "mail") -> dict[str, Any]:
    return Queue.objects.filter(name=name).values(*LIMITS).get()


def audit() -> list[tuple[str, str, Any]]:
    return [(event.name, event.actor, event.data) for event in PoolEvent.objects.order_by("pk")]


def patch(api: Api, path: str, body: str) -> Any:
    return api.client.patch(f"/api/v1/{path}", body, content_type="application/json", headers=api.headers)


class TestApi:
    def test_what_is_sent_is_set_and_the_rest_stays(self, api: Api) -> None:
        Queue.objects.create(name="mail", weight=2.0, burst=7)
        answer = patch(api, "queues/mail", '{"max_running": 3, "rate": 0.5}')
        assert answer.status_code == 200
        assert {
            "weight": 2.0,
            "max_running": 3,
            "rate": 0.5,
            "burst": 7,
            "paused": False,
        }.items() <= answer.json().items()
        assert limits() == LIMITS | {"weight": 2.0, "max_running": 3, "rate": 0.5, "burst": 7}
        ((name, actor, data),) = audit()
        assert (name, actor) == ("queue.tuned", "ada (token laptop)")
        assert data["changes"] == {"max_running": [None, 3], "rate": [None, 0.5]}
        assert data["what"] == "max_running none → 3, rate none → 0.5"

    def test_null_takes_a_limit_away(self, api: Api) -> None:
        Queue.objects.create(name="mail", max_waiting=5, max_running=3)
        assert patch(api, "queues/mail", '{"max_running": null}').json()["max_running"] is None
        assert limits() == LIMITS | {"max_waiting": 5}

    def test_a_queue_may_be_limited_before_it_has_jobs(self, api: Api) -> None:
        assert patch(api, "queues/mail%2Fbulk", '{"max_running": 3}').status_code == 200
        assert limits("mail/bulk")["max_running"] == 3
        assert api.get("queues/mail%2Fbulk").json()["max_running"] == 3
        problem_of(api.get("queues/nix"), 404)

    def test_nothing_new_is_nothing_to_write_down(self, api: Api) -> None:
        Queue.objects.create(name="mail", max_running=3)
        assert patch(api, "queues/mail", '{"max_running": 3}').status_code == 200
        assert audit() == []

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ('{"weight": 0}', "weight"),
            ('{"weight": null}', "weight"),
            ('{"weight": true}', "weight"),
            ('{"max_waiting": -1}', "max_waiting"),
            ('{"max_running": 0}', "max_running"),
            ('{"max_running": 1.5}', "max_running"),
            ('{"rate": 0}', "rate"),
            ('{"rate": "10"}', "rate"),
            ('{"burst": 1e99}', "burst"),
            ('{"name": "other"}', "name"),
            ('{"paused": true}', "paused"),
        ],
    )
    def test_what_is_wrong_is_named_and_nothing_changes(self, api: Api, body: str, field: str) -> None:
        Queue.objects.create(name="mail")
        problem = problem_of(patch(api, "queues/mail", body), 400)
        assert problem["field"] == field
        assert problem["detail"].startswith(field)
        assert limits() == LIMITS

    @pytest.mark.parametrize("name", ["x" * 101, "a%0A"])
    def test_a_queue_needs_a_good_name(self, api: Api, name: str) -> None:
        assert patch(api, f"queues/{name}", '{"weight": 2}').status_code in (400, 404)
        assert not Queue.objects.exists()

    def test_how_full_a_queue_is_stands_beside_its_limits(self, api: Api) -> None:
        Queue.objects.create(name="mail", max_waiting=40)
        Tally.objects.create(queue="mail", pending=25, scheduled=4, blocked=1)
        assert api.get("queues/mail").json()["fullness"] == 0.75
        by_queue = api.client.get("/metrics", headers=api.headers).json()["queue"]["by_queue"]
        assert {"max_waiting": 40, "max_running": None, "weight": 1.0, "fullness": 0.75}.items() <= by_queue[
            "mail"
        ].items()
        text = api.client.get("/metrics", headers={**api.headers, "Accept": "text/plain"}).content.decode()
        assert 'pool_queue_full_ratio{queue="mail"} 0.75' in text

    def test_the_settings_limit_shows_where_the_queue_says_nothing(self, api: Api, settings: Any) -> None:
        settings.POOL = {**settings.POOL, "max_waiting": 100}
        Tally.objects.create(queue="mail", pending=50)
        Queue.objects.create(name="open", max_waiting=0)
        assert api.get("queues/mail").json()["fullness"] == 0.5
        assert api.get("queues/open").json()["max_waiting"] is None

    def test_a_full_queue_is_told_when_to_come_again(self, api: Api) -> None:
        Queue.objects.create(name="mail", max_waiting=1)
        order = {"task": "tests.contract.tasks.add", "args": [1, 2], "queue": "mail"}
        assert api.post("jobs", order).status_code == 201
        refused = api.post("jobs", order)
        problem = problem_of(refused, 429)
        assert problem["detail"].startswith("Queue 'mail' is at capacity: 1 of 1 jobs wait.")
        assert 1 <= int(refused["Retry-After"]) <= 60
        assert api.post("jobs/batch", {"jobs": [order, order]}).status_code == 429
        assert Tally.objects.filter(queue="mail").count() == 1

    def test_a_full_queue_is_an_alert(self, api: Api) -> None:
        Queue.objects.create(name="mail", max_waiting=10)
        tally = Tally.objects.create(queue="mail", pending=9)
        told = api.get("pool").json()["health"]["alerts"]
        assert ["Queue 'mail' is 90% full, and its producers are slowed down."] == [
            alert["message"] for alert in told if alert["name"] == "full_queue"
        ]
        Tally.objects.filter(pk=tally.pk).update(pending=10)
        told = api.get("pool").json()["health"]["alerts"]
        assert [("warning", "Queue 'mail' takes no more jobs.")] == [
            (alert["level"], alert["message"]) for alert in told if alert["name"] == "full_queue"
        ]


class TestPage:
    def test_limits_are_shown_and_changed_and_put_back(self, operator: Client) -> None:
        Queue.objects.create(name="mail", weight=2.0, max_running=4)
        assert "weight 2, 4 at a time" in operator.get(QUEUES).content.decode()
        form = operator.get(QUEUES, {"tune": "mail"}).content.decode()
        assert 'name="max_running" value="4"' in form
        fields = {
            "queue": "mail",
            "weight": "0.5",
            "max_waiting": "1000",
            "max_running": "",
            "rate": "2.5",
            "burst": "",
        }
        assert 'name="weight" value="2" min="0.01"' in form
        answer = operator.post(reverse("dashboard:tune"), {**fields, "next": QUEUES})
        assert (answer.status_code, answer["Location"]) == (303, QUEUES)
        assert limits() == LIMITS | {"weight": 0.5, "max_waiting": 1000, "rate": 2.5}
        page = operator.get(QUEUES).content.decode()
        assert "The limits of queue mail are changed." in page
        assert "full</small>" in page
        undo = operator.post(
            reverse("dashboard:tune"), {**fields, "queue": "mail"}, headers={"Accept": "application/json"}
        ).json()
        assert undo["text"] == "Queue mail is as it was."

    def test_a_slow_rate_is_not_rounded_away(self, operator: Client) -> None:
        Queue.objects.create(name="mail", rate=0.001)
        assert "0.001 /s" in operator.get(QUEUES).content.decode()
        assert 'name="rate" value="0.001"' in operator.get(QUEUES, {"tune": "mail"}).content.decode()

    def test_fields_are_written_as_browsers_read_them_in_every_language(self, operator: Client) -> None:
        Queue.objects.create(name="mail", weight=1.5, max_waiting=12_345_678)
        with translation.override("de"):
            form = operator.get(QUEUES, {"tune": "mail"}, headers={"Accept-Language": "de"}).content.decode()
        assert 'name="weight" value="1.5" min="0.01"' in form
        assert 'name="max_waiting" value="12345678"' in form

    def test_undo_puts_back_what_was(self, operator: Client) -> None:
        Queue.objects.create(name="mail", max_running=4)
        said = operator.post(
            reverse("dashboard:tune"), {"queue": "mail", "max_running": "9"}, headers={"Accept": "application/json"}
        ).json()
        assert said["undo"]["fields"] == {"queue": "mail", "max_running": 4}
        operator.post(said["undo"]["url"], said["undo"]["fields"])
        assert limits() == LIMITS | {"max_running": 4}

    def test_a_wrong_value_is_said_and_changes_nothing(self, operator: Client) -> None:
        Queue.objects.create(name="mail")
        for value in ("many", "0", "1.5", "nan"):
            answer = operator.post(
                reverse("dashboard:tune"),
                {"queue": "mail", "max_running": value},
                headers={"Accept": "application/json"},
            )
            assert answer.status_code == 400
            assert answer.json()["detail"].startswith("max_running must be")
        assert limits() == LIMITS

    def test_who_may_only_look_sees_limits_and_no_form(self, viewer: Client) -> None:
        Queue.objects.create(name="mail", max_running=4)
        page = viewer.get(QUEUES, {"tune": "mail"}).content.decode()
        assert "4 at a time" in page
        assert reverse("dashboard:tune") not in page
        assert viewer.post(reverse("dashboard:tune"), {"queue": "mail", "weight": "2"}).status_code == 403
        assert limits() == LIMITS | {"max_running": 4}


class TestAdmin:
    @pytest.fixture
    def ben(self, client: Client) -> Client:
        client.force_login(a_user("ben", "view_job", "change_job", "view_queue", "view_tenant", "view_keyrate"))
        return client

    def test_a_queue_is_tuned(self, ben: Client) -> None:
        Queue.objects.create(name="mail", paused=True, paused_by="ada")
        fields = {"weight": "3", "max_waiting": "", "max_running": "2", "rate": "", "burst": "", "paused": ""}
        assert ben.post("/admin/pool/queue/mail/change/", fields).status_code == 302
        assert limits() == LIMITS | {"weight": 3.0, "max_running": 2}
        assert Queue.objects.get().paused
        assert [(name, actor) for name, actor, _ in audit()] == [("queue.tuned", "ben")]
        assert PoolEvent.objects.get().source.startswith("admin ")

    def test_a_tenant_is_added_tuned_and_removed(self, ben: Client) -> None:
        assert (
            ben.post("/admin/pool/tenant/add/", {"name": "acme", "weight": "2", "max_waiting": "10"}).status_code == 302
        )
        assert ben.post("/admin/pool/tenant/acme/change/", {"weight": "4", "max_waiting": ""}).status_code == 302
        assert Tenant.objects.values_list().get() == ("acme", 4.0, None)
        ben.post("/admin/pool/tenant/acme/delete/", {"post": "yes"})
        assert not Tenant.objects.exists()
        assert [name for name, *_ in audit()] == ["tenant.tuned", "tenant.tuned", "tenant.removed"]

    def test_a_key_is_refilled(self, ben: Client) -> None:
        KeyRate.objects.create(key="printer", tokens=0.0, at=timezone.now())
        ben.post("/admin/pool/keyrate/printer/delete/", {"post": "yes"})
        assert not KeyRate.objects.exists()
        assert [(name, data) for name, _, data in audit()] == [("key.refilled", {"key": "printer"})]

    def test_a_wrong_value_is_told_beside_its_field(self, ben: Client) -> None:
        Queue.objects.create(name="mail")
        page = ben.post("/admin/pool/queue/mail/change/", {"weight": "0", "max_running": "-3"})
        assert page.status_code == 200
        assert "weight must be a number from 0.01 to 100" in page.content.decode()
        assert "max_running must be a whole number from 1 to 1,000,000, or none" in page.content.decode()
        assert limits() == LIMITS

    def test_who_may_only_look_changes_nothing(self, client: Client) -> None:
        client.force_login(a_user("eve", "view_job", "view_queue", "view_tenant"))
        Queue.objects.create(name="mail")
        assert client.post("/admin/pool/queue/mail/change/", {"weight": "2"}).status_code == 403
        assert client.post("/admin/pool/tenant/add/", {"name": "acme", "weight": "2"}).status_code == 403
        assert limits() == LIMITS
