"""Texts of jobs that would like to be markup or script: they are shown as they are, and nothing of them happens.

Whether anything happened is asked of every test: a dialog, a breach of the policy or an element that a text brought
along is a complaint.
"""

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, expect

from tests.browser import people
from tests.browser.crowd import MARKUP, Crowd
from tests.browser.live import TASKS, Live
from tests.browser.visitor import Visitor, settle

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


ASKED = {
    "/dashboard/": ("range",),
    "/dashboard/jobs/": ("queue", "tenant", "tag", "task", "status", "since", "until", "cursor"),
    "/dashboard/queues/": ("tune",),
    "/dashboard/dead-letters/": ("task", "error"),
    "/dashboard/events/": ("search", "kind", "level", "before"),
    "/admin/login/": ("next",),
}
"""What pages read from their address."""


SHORTENED = 150
"""What is left of a long message at least."""


def shown(page: Page, selector: str, text: str) -> None:
    """Wait until the text stands there, letter by letter."""
    page.wait_for_function(
        "([selector, text]) => [...document.querySelectorAll(selector)].some((one) => one.textContent.includes(text))",
        arg=[selector, text],
    )


def as_json(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


@pytest.mark.parametrize("name", MARKUP)
def test_a_job_says_it_everywhere(visitor: Visitor, crowd: Crowd, name: str) -> None:
    text = MARKUP[name]
    page = visitor.open(f"/dashboard/jobs/{crowd.failing[name]}/")
    settle(page)
    for selector in (".error .message", "[data-log] .said", ".facts .tag", '.facts a[href*="?queue="]'):
        shown(page, selector, text)
    shown(page, '.facts a[href*="?tenant="]', text)
    shown(page, "pre.json", as_json(text))


def test_a_running_job_says_it_while_one_looks(visitor: Visitor, live: Live, crowd: Crowd) -> None:
    text, go = " ".join(MARKUP.values()), live.file()
    overview = visitor.open("/dashboard/")
    settle(overview)
    job = live.site.enqueue(f"{TASKS}says", text, str(go))
    # The line comes by the socket.
    shown(overview, f'[data-running] [data-job="{job}"] [data-cell="message"]', text[:SHORTENED])
    page = visitor.open(f"/dashboard/jobs/{job}/")
    settle(page)
    shown(page, "[data-progress-message]", text[:SHORTENED])
    lines = page.locator("[data-log] li")
    before = lines.count()
    go.touch()
    expect(page.locator('[data-region="outcome"] pre')).to_have_text(as_json(text))
    expect(lines).not_to_have_count(before)


def test_lists_say_it(visitor: Visitor, crowd: Crowd) -> None:
    page = visitor.open("/dashboard/jobs/?status=FAILED")
    for text in MARKUP.values():
        shown(page, "[data-rows] .of-queue", text)
        shown(page, "[data-rows] .err", text)
    page.goto("/dashboard/queues/")
    settle(page)
    for text in MARKUP.values():
        shown(page, "[data-queues] th a", text)
    page.goto("/dashboard/dead-letters/")
    settle(page)
    for text in MARKUP.values():
        shown(page, ".groups .gist", text)
    page.goto("/dashboard/")
    settle(page)
    shown(page, "[data-queues] th a", MARKUP["image"])


def test_what_was_asked_for_is_said_again(visitor: Visitor, crowd: Crowd) -> None:
    text = " ".join(MARKUP.values())
    page = visitor.open(f"/dashboard/jobs/?{urlencode({'search': text})}")
    expect(page.locator("[data-filters] input[name=search]")).to_have_value(text)
    visitor.forgive("status of 40[04]|The specified value")
    for path, fields in ASKED.items():
        for field in fields:
            page.goto(f"{path}?{urlencode({field: text})}")
            assert [] == visitor.complaints()


def test_a_chart_says_it(visitor: Visitor, live: Live, crowd: Crowd) -> None:
    text = MARKUP["image"]
    page = visitor.open("/dashboard/?range=5m")
    settle(page)
    shown(page, "[data-queue-legend] li", text)
    chart = page.locator('[data-chart="backlog"] .nsewdrag').first
    box: Any = chart.bounding_box()
    chart.hover(position={"x": box["width"] - 3, "y": box["height"] / 2})
    shown(page, '[data-chart="backlog"] .hoverlayer', text[:12])


def test_events_say_who_did_it(visitor: Visitor, live: Live, paused: str) -> None:
    text = MARKUP["vector"]
    session = live.site.do(people.session_of, text)
    (job,) = live.site.enqueue_many("adds", [((1,), {})], {"queue_name": paused})
    page = visitor.open(f"/dashboard/jobs/{job}/", session=session)
    shown(page, ".menu .name", text)
    page.locator(".verbs summary").get_by_text("Cancel").click()
    page.get_by_role("button", name="Cancel job").click()
    shown(page, '[data-region="outcome"]', f"{text} cancelled it")
    page.goto("/dashboard/events/")
    shown(page, "[data-rows] .of-who", text)


def test_the_admin_says_it(visitor: Visitor, live: Live, crowd: Crowd) -> None:
    page = visitor.open("/admin/pool/job/?q=tests.browser")
    for text in MARKUP.values():
        shown(page, "#result_list", text)
    for name in ("image", "end of data"):
        page.goto(f"/admin/pool/job/{crowd.failing[name]}/change/")
        shown(page, "#content", MARKUP[name])
