"""Every page and most deeds without a mouse."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.crowd import Crowd
from tests.browser.live import Live
from tests.browser.visitor import Visitor, settle

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

MOST_TABS = 120


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until the first such element has the focus."""
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        if page.locator(f"{selector}:focus").count():
            return
    raise AssertionError(f"{MOST_TABS} times Tab do not lead to {selector}.")


def test_tab_leads_to_the_content_first_and_then_to_cancel(visitor: Visitor, live: Live) -> None:
    job = live.site.enqueue("waits_for", str(live.file()))
    live.site.wait_for_job(job, "RUNNING")
    page = visitor.open("/dashboard/")
    settle(page)
    expect(page.locator(f'[data-running] [data-job="{job}"]')).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    tab_to(page, f'[data-job="{job}"] summary')
    page.keyboard.press("Enter")
    tab_to(page, f'[data-job="{job}"] form button')
    page.keyboard.press("Enter")
    assert "CANCELLED" == live.site.wait_for_job(job)["status"]


@pytest.mark.parametrize("path", ["/dashboard/", "/dashboard/jobs/", "/dashboard/settings/"])
def test_slash_leads_to_the_search(visitor: Visitor, live: Live, crowd: Crowd, path: str) -> None:
    page = visitor.open(path)
    page.keyboard.press("/")
    page.keyboard.type(crowd.done[-8:])
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"/dashboard/jobs/.*search={crowd.done[-8:]}"))
    expect(page.locator("[data-rows] tr[data-id]")).to_have_count(1)


def test_two_keys_lead_to_each_page(visitor: Visitor, live: Live) -> None:
    page = visitor.open("/dashboard/settings/")
    for key, path in {"j": "jobs", "w": "workers", "q": "queues", "d": "dead-letters", "e": "events"}.items():
        page.keyboard.press("g")
        page.keyboard.press(key)
        expect(page).to_have_url(f"{live.base}/dashboard/{path}/")
        page.wait_for_load_state()


@pytest.mark.parametrize("key", ['"', "\\", "]", "Escape", "g"])
def test_a_key_that_leads_nowhere_does_nothing(visitor: Visitor, live: Live, key: str) -> None:
    page = visitor.open("/dashboard/settings/")
    page.keyboard.press("g")
    page.keyboard.press(key)
    assert f"{live.base}/dashboard/settings/" == page.url


def test_jobs_are_selected_and_cancelled_by_keys(visitor: Visitor, live: Live, paused: str) -> None:
    jobs = live.site.enqueue_many("adds", [((1,), {})] * 3, {"queue_name": paused})
    page = visitor.open(f"/dashboard/jobs/?queue={paused}")
    for key in "jxjxkc":
        page.keyboard.press(key)
    expect(page.get_by_role("dialog")).to_contain_text("Cancel 2 jobs?")
    page.keyboard.press("Enter")
    expect(page.locator(".toasts")).to_contain_text("2 jobs cancelled.")
    # The newest stands first.
    assert ["PENDING", "CANCELLED", "CANCELLED"] == [live.site.job(job)["status"] for job in jobs]


def test_commands_are_found_by_their_words(visitor: Visitor, live: Live) -> None:
    page = visitor.open("/dashboard/")
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox")).to_be_focused()
    page.keyboard.type("dead")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{live.base}/dashboard/dead-letters/")


def test_help_opens_and_closes(visitor: Visitor) -> None:
    page = visitor.open("/dashboard/jobs/")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("pause updates")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_p_holds_the_figures(visitor: Visitor) -> None:
    page = visitor.open("/dashboard/")
    settle(page)
    for state in ("paused", "live"):
        page.keyboard.press("p")
        expect(page.locator("[data-badge]")).to_have_attribute("data-badge", state)
