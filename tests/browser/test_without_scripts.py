"""Without JavaScript the pages can be read, and what they offer works by forms."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.crowd import LONG, Crowd
from tests.browser.live import Live
from tests.browser.visitor import Visitor, overhang

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


@pytest.mark.parametrize("width", [390, 1280])
def test_the_overview_can_be_read(visitor: Visitor, live: Live, crowd: Crowd, width: int) -> None:
    page = visitor.open("/dashboard/", scripts=False, width=width)
    expect(page.locator('[data-figure="waiting"] [data-value]')).to_have_text(re.compile(r"^[1-9][\d,]*$"))
    expect(page.locator(f'[data-running] [data-job="{crowd.running}"]')).to_be_visible()
    expect(page.locator("[data-queues]")).to_contain_text("held")
    # What the charts would show.
    page.locator(".as-table summary").click()
    expect(page.locator(".as-table tbody tr").first).to_be_visible()
    assert 0 == overhang(page)


def test_the_badge_tells_the_moment_the_page_was_made(visitor: Visitor, crowd: Crowd) -> None:
    page = visitor.open("/dashboard/", scripts=False)
    expect(page.locator("[data-badge-text]")).to_have_text(re.compile(r"^\d\d:\d\d:\d\d"))


def test_jobs_can_be_read_and_filtered(visitor: Visitor, crowd: Crowd) -> None:
    page = visitor.open("/dashboard/jobs/", scripts=False)
    expect(page.locator("[data-rows] tr[data-id]").first).to_be_visible()
    page.locator("[data-filters] select[name=queue]").select_option("held")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page).to_have_url(re.compile("queue=held"))
    expect(page.locator(f'tr[data-id="{crowd.waiting}"]')).to_be_visible()


def test_a_job_can_be_read(visitor: Visitor, crowd: Crowd) -> None:
    page = visitor.open(f"/dashboard/jobs/{crowd.running}/", scripts=False)
    expect(page.locator(".job-head")).to_contain_text("Running")
    expect(page.locator("[data-progress-text]")).to_contain_text("50")
    expect(page.locator("[data-log]")).to_contain_text(LONG)


def test_a_running_job_is_cancelled_by_a_form(visitor: Visitor, live: Live) -> None:
    job = live.site.enqueue("waits_for", str(live.file()))
    live.site.wait_for_job(job, "RUNNING")
    page = visitor.open(f"/dashboard/jobs/{job}/", scripts=False)
    page.locator(".verbs summary").get_by_text("Cancel").click()
    page.get_by_role("button", name="Cancel job").click()
    expect(page.locator(".toasts")).to_contain_text("Asked the job to end.")
    assert f"{live.base}/dashboard/jobs/{job}/" == page.url
    assert "CANCELLED" == live.site.wait_for_job(job)["status"]


def test_selected_jobs_are_cancelled_after_a_question(visitor: Visitor, live: Live, paused: str) -> None:
    jobs = live.site.enqueue_many("adds", [((1,), {})] * 2, {"queue_name": paused})
    page = visitor.open(f"/dashboard/jobs/?queue={paused}", scripts=False)
    page.locator(f'input[value="{jobs[1]}"]').check()
    page.locator('[data-act] [data-verb="cancel"]').click()
    expect(page.get_by_role("heading")).to_have_text("Cancel 1 job?")
    page.get_by_role("button", name="Cancel 1 job").click()
    expect(page.locator(".toasts")).to_contain_text("1 job cancelled.")
    assert ["PENDING", "CANCELLED"] == [live.site.job(job)["status"] for job in jobs]


def test_a_moment_that_was_asked_for_stays_in_its_field(visitor: Visitor, crowd: Crowd) -> None:
    page = visitor.open("/dashboard/jobs/?until=2040-01-02T03:04:05.678Z", scripts=False)
    expect(page.locator("[name=until]")).to_have_value("2040-01-02T03:04")
