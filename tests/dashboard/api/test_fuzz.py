"""Whatever is sent, the answer is one of ours: never a fault of the server."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dashboard.api.order import FIELDS
from pool.models import Job
from tests.dashboard.people import Api

pytestmark = pytest.mark.django_db

ADD = "tests.contract.tasks.add"
ANY_TIME = settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)

EXTREMES = st.sampled_from(
    [2**63, -(2**63) - 1, 10**30, 1e308, -1e308, 5e-324, -0.0, 0, 1, True, None, "", "\x00", "\ud800", "\u2028", [], {}]
)
TEXTS = st.text(max_size=20) | st.text(st.characters(categories=["Cs", "Cc", "Zl", "Lo"]), max_size=5)
LEAVES = EXTREMES | TEXTS | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4), max_leaves=10
)
TIMES = st.datetimes().map(str) | st.datetimes(timezones=st.timezones()).map(lambda at: at.isoformat())
PLAUSIBLE = {
    "task": st.just(ADD),
    "args": st.lists(VALUES, max_size=3),
    "kwargs": st.dictionaries(TEXTS, VALUES, max_size=3),
    "queue": TEXTS,
    "priority": st.integers(-101, 101) | st.sampled_from(["low", "critical"]),
    "run_after": TIMES,
    "expires_at": TIMES,
    "timeout": st.floats(0, 1e7),
    "max_attempts": st.integers(0, 101),
    "tags": st.lists(TEXTS, max_size=3),
    "metadata": st.dictionaries(TEXTS, VALUES, max_size=3),
    "backoff": st.dictionaries(st.sampled_from(["base", "factor", "cap", "x"]), LEAVES, max_size=3),
}
JOBS = st.fixed_dictionaries(
    {"task": PLAUSIBLE["task"]},
    optional={name: values | VALUES for name, values in PLAUSIBLE.items() if name != "task"},
)
ANYTHING = st.dictionaries(st.sampled_from(FIELDS) | TEXTS, VALUES, max_size=6)


def check(response: Any) -> None:
    assert response.status_code in (201, 400), response.content
    if response.status_code == 400:
        assert response.json()["detail"]


@pytest.fixture(autouse=True)
def _no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboard.api.throttles.SubmissionThrottle.allow_request", lambda *_: True)


@ANY_TIME
@given(body=JOBS | ANYTHING | VALUES)
def test_any_json_is_taken_or_refused(api: Api, body: Any) -> None:
    response = api.post("jobs", json.dumps(body))
    check(response)
    if response.status_code == 201:
        shown = response.json()
        assert api.get(f"jobs/{shown['id']}").json()["args"] == body.get("args", [])
        assert Job.objects.get(pk=shown["id"]).kwargs == body.get("kwargs", {})


@ANY_TIME
@given(bodies=st.lists(JOBS | VALUES, max_size=3))
def test_a_batch_is_taken_whole_or_not_at_all(api: Api, bodies: Any) -> None:
    before = Job.objects.count()
    response = api.post("jobs/batch", json.dumps({"jobs": bodies}))
    check(response)
    assert Job.objects.count() - before == (len(bodies) if response.status_code == 201 else 0)


@ANY_TIME
@given(body=st.binary(max_size=200) | st.text('{}[]":,\\u0d8e+-truefalsnN ', max_size=60).map(str.encode))
def test_any_bytes_are_refused(api: Api, body: bytes) -> None:
    check(api.post("jobs", body or b" "))


@ANY_TIME
@given(
    name=st.sampled_from(["status", "queue", "task", "tenant", "tag", "search", "created_after", "cursor", "limit"])
    | TEXTS,
    value=TEXTS | TIMES | st.integers().map(str),
)
def test_any_parameter_is_taken_or_refused(api: Api, name: str, value: str) -> None:
    query = {name.encode(errors="replace").decode(): value.encode(errors="replace").decode()}
    for path in ("jobs", "dead-letters", "tasks"):
        assert api.get(path, **query).status_code in (200, 400)


@ANY_TIME
@given(text=st.text(max_size=20))
def test_any_address_is_answered(api: Api, text: str) -> None:
    from urllib.parse import quote

    for path in ("jobs/{}", "jobs/{}/logs", "workers/{}", "{}"):
        assert api.get(path.format(quote(text, safe=""))).status_code in (200, 404, 405)
    assert api.post(f"queues/{quote(text, safe='')}/resume").status_code in (404, 405)
