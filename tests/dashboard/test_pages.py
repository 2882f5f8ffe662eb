"""Every page: who may see it, what it lets a browser do, and what it makes of hostile texts."""

import re
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from pool.domain.ids import new_id
from pool.domain.states import JobStatus
from pool.models import JobLog, PoolEvent, Queue, Tally
from tests.dashboard.rows import a_busy_pool, a_job, a_node, a_worker, an_attempt, an_error

pytestmark = pytest.mark.django_db

PAGES = (
    "", "jobs/", "queues/", "workers/", "nodes/", "dead-letters/", "schedules/", "events/", "settings/",
    "?range=5m", "?range=7d", "?range=nonsense", "jobs/?status=FAILED", "dead-letters/?task=t&error=e",
)  # fmt: skip

INLINE = re.compile(
    r"<script(?![^>]*(?:\bsrc=|type=\"application/json\"))|<style|\son[a-z]+\s*=|\sstyle=|javascript:", re.IGNORECASE
)

OURS = re.compile(r"[/?#]|$")
"""Links lead to this site, by their path."""

INJECTIONS = (
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "{{ 7|add:7 }}{% debug %}",
    "<svg/onload=alert(1)>",
    "javascript:alert(1)",
    "--><b>bold</b>",
    "&lt;already&gt; & \u202e\u2028\U0001f4a3",
)


def text_of(client: Client, path: str) -> str:
    response = client.get(f"/dashboard/{path}")
    assert response.status_code == 200, path
    return str(response.content.decode())


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("is_busy", [False, True], ids=["empty", "busy"])
def test_page_is_shown_to_those_who_may_look(operator: Client, viewer: Client, path: str, is_busy: bool) -> None:
    if is_busy:
        a_busy_pool()
    for client in (operator, viewer):
        assert "</html>" in text_of(client, path)


@pytest.mark.parametrize("path", PAGES)
def test_others_are_turned_away(client: Client, outsider: Client, django_user_model: Any, path: str) -> None:
    stranger = client.get(f"/dashboard/{path}")
    assert stranger.status_code == 302
    assert stranger["Location"].startswith("/admin/login/?next=/dashboard/")
    refused = outsider.get(f"/dashboard/{path}")
    assert refused.status_code == 403
    assert "otto may not read here" in refused.content.decode()
    client.force_login(django_user_model.objects.create_user("ben"))
    assert client.get(f"/dashboard/{path}").status_code == 403


def test_data_for_scripts_is_no_page(client: Client, outsider: Client, operator: Client) -> None:
    for path in ("live", "charts"):
        assert Client().get(f"/dashboard/{path}").status_code == 401
        assert outsider.get(f"/dashboard/{path}").status_code == 403
        assert operator.get(f"/dashboard/{path}").json()


def test_who_may_only_look_sees_no_way_to_act(viewer: Client, operator: Client) -> None:
    jobs = a_busy_pool()
    paths = ["", "jobs/", "queues/", "workers/", "nodes/", "dead-letters/"]
    paths += [f"jobs/{jobs[status].pk}/" for status in (JobStatus.FAILED, JobStatus.RUNNING)]
    for path in paths:
        assert re.findall(r'action="/dashboard/[^"]+"', text_of(viewer, path)) in ([], ['action="/dashboard/jobs/"'])
        assert 'method="post" action="/dashboard/' in text_of(operator, path), path


@pytest.mark.parametrize("path", PAGES)
def test_page_needs_nothing_that_the_policy_forbids(operator: Client, path: str) -> None:
    a_busy_pool()
    response = operator.get(f"/dashboard/{path}")
    assert INLINE.findall(response.content.decode()) == []
    policy = response["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    # Plotly's own way to place the parts of a chart: on the page with charts, and there for attributes alone.
    assert ("unsafe" in policy) == (path == "" or path.startswith("?"))
    assert policy.count("unsafe") <= policy.count("style-src-attr 'unsafe-inline'")
    assert "no-store" in response["Cache-Control"]


@pytest.mark.parametrize("text", INJECTIONS)
def test_hostile_texts_are_shown_as_they_are(operator: Client, text: str) -> None:
    now = timezone.now()
    a_node(problem=text, host=text[:50])
    a_worker()
    Queue.objects.create(name=text, paused=True, paused_by=text, paused_at=now)
    Tally.objects.create(queue=text, pending=1, dead=2, submitted=9)
    fields = {"task": text, "queue": text, "tenant": text, "args": [text], "kwargs": {text: text}, "tags": [text]}
    fields |= {"metadata": {text: text}, "usage": {text: 1}, "created_by": text}
    failed = a_job(
        JobStatus.FAILED, **fields, error=an_error(text, text, f'  File "{text}", line 1, in {text}\n    {text}')
    )
    done = a_job(JobStatus.COMPLETED, **fields, result={text: [text]})
    running = a_job(JobStatus.RUNNING, **fields, progress=0.5, progress_message=text)
    ended = a_job(JobStatus.CANCELLED, **fields, cancelled_by=text, cancel_requested_at=now)
    an_attempt(failed, 1, error_type=text, error_message=text, traceback=text)
    JobLog.objects.create(job=failed, epoch=1, at=now, stream="stdout", text=text)
    for name in ("queue.paused", text[:50]):
        PoolEvent.objects.create(at=now, name=name, actor=text, source=text[:100], job=failed.pk, data={"queue": text})
    paths = [*PAGES[:9], *(f"jobs/{job.pk}/" for job in (failed, done, running, ended))]
    for path in paths:
        assert_harmless(text_of(operator, path), text)
    assert text in Markup(text_of(operator, f"jobs/{failed.pk}/")).text
    for name in ("search", "queue", "task", "tenant", "tag", "status", "since", "until"):
        assert_harmless(operator.get("/dashboard/jobs/", {name: text}).content.decode(), text)
    assert_harmless(operator.get("/dashboard/events/", {"search": text, "kind": text}).content.decode(), text)
    assert_harmless(operator.get("/dashboard/dead-letters/", {"task": text, "error": text}).content.decode(), text)


class Markup(HTMLParser):
    """What a browser makes of a page: its elements, and the text between them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.text += data


LINKS = {"href", "src", "action", "formaction"}


def assert_harmless(page: str, text: str) -> None:
    for tag, attributes in Markup(page).elements:
        assert tag not in ("img", "style", "iframe", "object"), tag
        assert tag != "script" or "src" in attributes or attributes.get("type") == "application/json"
        assert not [name for name in attributes if name.startswith("on") or name == "style"], attributes
        assert not [name for name in LINKS & set(attributes) if not OURS.match(attributes[name])], attributes


def test_empty_pages_teach(operator: Client) -> None:
    for path, words in {
        "": "manage.py pool demo",
        "jobs/": "manage.py pool demo",
        "queues/": "manage.py pool demo",
        "workers/": "manage.py pool start",
        "nodes/": "manage.py pool start",
        "dead-letters/": "Nothing failed for good",
        "schedules/": "No schedules yet",
        "events/": "No events yet",
    }.items():
        assert words in text_of(operator, path), path


def test_overview_answers_its_questions(operator: Client) -> None:
    jobs = a_busy_pool()
    page = text_of(operator, "")
    assert "12,345" in page
    assert "w0" in page
    assert str(jobs[JobStatus.RUNNING].pk) in page
    assert "Declined" in page
    assert 'class="chip green is-healthy"' in page
    assert f'datetime="{timezone.now().date()}' in page
    assert "manage.py pool demo" not in page
    assert reverse("dashboard:cancel", args=[jobs[JobStatus.RUNNING].pk]) in page


def test_alerts_stand_on_every_page(operator: Client) -> None:
    for path in PAGES[:9]:
        page = text_of(operator, path)
        assert "No node is running" in page
        assert 'class="alert critical"' in page


def test_state_is_told_by_word_and_mark(operator: Client) -> None:
    a_busy_pool()
    page = text_of(operator, "jobs/")
    for status in JobStatus:
        assert f"is-{status.lower()}" in page
        assert f">{status.capitalize()}</span>" in page


def test_nothing_known_is_a_dash_and_never_a_zero(operator: Client) -> None:
    page = text_of(operator, "")
    figure = re.search(r'(?s)data-figure="wait".*?data-value>([^<]+)<', page)
    assert figure is not None
    assert figure[1] == "–"


def test_pages_never_count_the_jobs(operator: Client) -> None:
    a_busy_pool()
    for path in (*PAGES, f"jobs/{new_id()}/"):
        with CaptureQueriesContext(connection) as queries:
            operator.get(f"/dashboard/{path}")
        counting = [one["sql"] for one in queries.captured_queries if "COUNT(" in one["sql"].upper()]
        # What is counted are the newest dead letters, which have an index of their own.
        assert all("discarded_at" in statement and "GROUP BY" in statement for statement in counting), path
        assert len(queries.captured_queries) < 40, path


def test_workers_that_ended_are_told_with_the_reason(operator: Client) -> None:
    a_busy_pool()
    assert "killed by signal 9" in text_of(operator, "workers/")


def test_nodes_that_left_are_kept_apart(operator: Client) -> None:
    now = timezone.now()
    a_node(id="here")
    a_node(id="gone", state="STOPPED", last_beat=now - timedelta(days=1))
    page = text_of(operator, "nodes/")
    assert page.index("here") < page.index("Left the pool") < page.index("gone")


def test_events_are_filtered_and_paged(operator: Client) -> None:
    now = timezone.now()
    for number in range(120):
        PoolEvent.objects.create(
            at=now, name="worker.exited", level="warning", source="node", data={"how": str(number)}
        )
    PoolEvent.objects.create(at=now, name="queue.paused", actor="ada", source="page", data={"queue": "mail"})
    first = text_of(operator, "events/")
    assert "ada paused queue mail." in first
    assert "Worker ended: 119." in first
    older = re.search(r'href="(\?before=\d+)" rel="next"', first)
    assert older is not None
    second = text_of(operator, f"events/{older[1]}")
    assert "Worker ended: 0." in second
    assert "Worker ended: 119." not in second
    assert "Worker ended" not in text_of(operator, "events/?kind=actions")
    assert (
        "paused"
        not in re.sub(r"(?s)<header.*?</header>", "", text_of(operator, "events/?kind=facts")).split("<main")[1]
    )
    assert operator.get("/dashboard/events/?level=loud").status_code == 400
    assert operator.get("/dashboard/events/?before=x&job=y").status_code == 200


def test_settings_show_every_key_with_unit_and_source(operator: Client, settings: Any, monkeypatch: Any) -> None:
    from pool.domain.config import SETTINGS

    settings.POOL = {**settings.POOL, "timeout_s": 99}
    monkeypatch.setenv("POOL_DRAIN_S", "7")
    page = text_of(operator, "settings/")
    assert all(f"<code>{name}</code>" in page for name in SETTINGS)
    assert re.search(r"(?s)<code>timeout_s</code>.{0,60}<td class=\"n\">99.{0,80}POOL", page)
    assert re.search(r"(?s)<code>drain_s</code>.{0,200}environment", page)


def test_every_section_of_the_settings_begins_at_a_setting() -> None:
    from dashboard.pages.settings import SECTIONS
    from pool.domain.config import SETTINGS

    assert set(SECTIONS) <= set(SETTINGS)
    assert next(iter(SETTINGS)) in SECTIONS


def test_link_of_the_first_login_that_was_used_says_so(client: Client) -> None:
    response = client.get("/login/nonsense/")
    assert response.status_code == 403
    assert "This link does not work any more" in response.content.decode()


def test_enter_in_the_field_of_the_size_asks_for_that_size(operator: Client) -> None:
    a_busy_pool()
    form = re.search(r'(?s)<form class="scale".*?</form>', text_of(operator, "workers/"))
    assert form is not None
    # Browsers press the first button of a form then.
    buttons = re.findall(r"<button([^>]*)>", form[0])
    assert "step" not in buttons[0]
    assert all("step" in button for button in buttons[1:])
