"""Who gets in: tokens, sessions, and how often. The rights of each kind of user are in `test_matrix`."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db import OperationalError
from django.test import Client, override_settings
from django.utils import timezone
from rest_framework.settings import api_settings

from dashboard import rates
from dashboard.api import jobs as endpoints
from dashboard.rates import Rate
from pool.models import ApiToken, Job
from tests.dashboard.people import Api, a_user, problem_of

pytestmark = pytest.mark.django_db

ADD = "tests.contract.tasks.add"


def test_without_credentials_it_is_401_and_says_how(client: Client) -> None:
    response = Api(client=client).get("jobs")
    assert "Authorization: Bearer" in problem_of(response, 401)["detail"]
    assert response["WWW-Authenticate"] == 'Bearer realm="pool"'


@pytest.mark.parametrize("text", ["x" * 64, "a b", "ü", "x" * 100_000])
def test_wrong_token_is_401_even_beside_a_session(ada: Any, text: str) -> None:
    browser = Client()
    browser.force_login(ada)
    api = Api(client=browser)
    api.headers = {"Authorization": f"Bearer {text}"}
    problem_of(api.get("jobs"), 401)


def test_token_that_ended_is_401_at_once(api: Api, ada: Any) -> None:
    assert api.get("jobs").status_code == 200
    ApiToken.objects.update(expiry=timezone.now() - timedelta(seconds=1))
    problem_of(api.get("jobs"), 401)
    ApiToken.objects.update(expiry=None)
    assert api.get("jobs").status_code == 200
    ApiToken.objects.all().delete()
    problem_of(api.get("jobs"), 401)


def test_right_that_is_taken_away_is_gone_at_once() -> None:
    ben = a_user("ben", "view_job", "change_job")
    api = Api.of(ben)
    assert api.get("jobs").status_code == 200
    ben.user_permissions.clear()
    problem_of(api.get("jobs"), 403)


def test_token_in_the_address_is_no_credential(api: Api) -> None:
    text = api.headers["Authorization"].partition(" ")[2]
    problem_of(Api().get("jobs", token=text), 401)


def test_session_changes_nothing_without_the_csrf_token(ada: Any) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(ada)
    api = Api(client=browser)
    assert api.get("jobs").status_code == 200
    problem_of(api.post("queues/mail/pause"), 403)
    problem_of(api.delete(f"jobs/{'0' * 32}"), 403)


def test_methods_there_are_not_are_405_with_those_there_are(api: Api) -> None:
    for method in ("put", "patch", "options", "trace"):
        response = getattr(api.client, method)("/api/v1/jobs", headers=api.headers)
        problem_of(response, 405)
        assert response["Allow"] == "GET, HEAD, POST"
    problem_of(api.get("jobs/batch"), 405)
    problem_of(api.get("queues/mail/pause"), 405)


def test_head_answers_without_a_body(api: Api) -> None:
    response = api.client.head("/api/v1/jobs", headers=api.headers)
    assert (response.status_code, response.content) == (200, b"")


@pytest.mark.parametrize("path", ["", "nix", "jobs/", "jobs/x/y/z", "x%0Ay", "%00"])
def test_addresses_there_are_not_are_404_as_a_problem(api: Api, path: str) -> None:
    problem_of(api.get(path), 404)
    problem_of(Api().post(path, "{}"), 404)


def test_every_answer_keeps_browsers_from_loading_and_caches_from_keeping(api: Api) -> None:
    for response in (api.get("pool"), api.get("nix"), api.get("jobs/x"), Api().get("jobs"), api.post("jobs", "{")):
        assert response["Content-Security-Policy"].startswith("default-src 'none'")
        assert response["X-Content-Type-Options"] == "nosniff"
        assert "no-store" in response["Cache-Control"]


def test_whatever_a_client_accepts_it_gets_json(api: Api) -> None:
    for accept in ("text/html", "application/xml", "application/json; indent=4", "nonsense"):
        response = api.client.get("/api/v1/jobs", headers={**api.headers, "Accept": accept})
        assert response["Content-Type"] == "application/json"


# How often ---------------------------------------------------------------------


def test_submissions_are_held_back_for_each_token_apart(ada: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboard.api.throttles.SUBMISSIONS", Rate("test", most=2, window_s=3600))
    first, second = Api.of(ada), Api.of(ada)
    assert [first.post("jobs", {"task": ADD}).status_code for _ in range(2)] == [201, 201]
    held_back = first.post("jobs/batch", {"jobs": [{"task": ADD}]})
    problem_of(held_back, 429)
    assert 1 <= int(held_back["Retry-After"]) <= 3600
    assert Job.objects.count() == 2
    assert first.get("jobs").status_code == 200
    assert second.post("jobs", {"task": ADD}).status_code == 201


def test_wrong_tokens_are_held_back_for_each_address(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboard.access.WRONG_TOKENS", Rate("test", most=3, window_s=3600))
    wrong = Api("x" * 64)
    assert [wrong.get("jobs").status_code for _ in range(4)] == [401, 401, 401, 429]
    last = wrong.client.get("/metrics", headers={**wrong.headers, "X-Forwarded-For": "192.0.2.9"})
    assert int(problem_of(last, 429)["status"]) == 429
    assert int(last["Retry-After"]) > 0
    assert api.get("jobs").status_code == 200
    problem_of(Api("x" * 64, address="192.0.2.7").get("jobs"), 401)


def test_windows_begin_anew() -> None:
    rate = Rate("test", most=1, window_s=60)
    assert rate.take("ada", 120.0) is None
    assert rate.take("ada", 130.0) == 50
    assert rate.take("ben", 130.0) is None
    assert rate.take("ada", 180.0) is None


@override_settings(CACHES={"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}})
def test_cache_that_keeps_nothing_locks_nobody_out() -> None:
    rate = Rate("test", most=1, window_s=60)
    assert [rate.take("ada") for _ in range(3)] == [None] * 3


def test_names_are_not_in_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    keys: list[str] = []
    monkeypatch.setattr(rates.cache, "add", lambda key, *_: keys.append(key))
    Rate("test", most=1, window_s=60).take("ada")
    assert "ada" not in keys[0]
    cache.clear()


# What the project may do -------------------------------------------------------


@override_settings(
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": [],
        "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.AllowAny"],
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.BrowsableAPIRenderer"],
        "DEFAULT_VERSIONING_CLASS": "rest_framework.versioning.AcceptHeaderVersioning",
        "ALLOWED_VERSIONS": ["7"],
        "EXCEPTION_HANDLER": "nonsense",
        "URL_FORMAT_OVERRIDE": "tag",
        "UNAUTHENTICATED_USER": None,
    }
)
def test_settings_of_the_projects_own_api_change_nothing(api: Api) -> None:
    api_settings.reload()
    try:
        assert api.get("jobs", tag="html").json()["results"] == []
        problem_of(Api().get("jobs"), 401)
        problem_of(api.get("jobs/x"), 404)
    finally:
        api_settings.reload()


def test_pages_that_demand_a_login_leave_the_api_alone(api: Api, settings: Any) -> None:
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "django.contrib.auth.middleware.LoginRequiredMiddleware"]
    assert api.get("jobs").status_code == 200
    problem_of(Api().get("jobs"), 401)
    problem_of(Api().get("jobs/x/events"), 401)
    problem_of(Api().get("nix"), 404)


def test_busy_database_is_503_and_to_be_tried_again(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(*_: Any, **__: Any) -> None:
        raise OperationalError("database is locked")

    monkeypatch.setattr(endpoints, "job_detail", busy)
    response = api.get("jobs/x")
    assert "locked" not in problem_of(response, 503)["detail"]
    assert response["Retry-After"] == "1"


def test_error_of_ours_says_nothing_of_the_inside(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("the secret path")

    monkeypatch.setattr(endpoints, "job_detail", broken)
    with pytest.raises(RuntimeError):
        api.get("jobs/x")
    api.client.raise_request_exception = False
    response = api.get("jobs/x")
    problem_of(response, 500)
    assert b"secret" not in response.content
