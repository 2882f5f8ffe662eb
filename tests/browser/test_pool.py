"""What an operator does with the pool: more and fewer workers, queues closed and opened."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.crowd import MARKUP, Crowd
from tests.browser.live import WORKERS, Live
from tests.browser.visitor import Visitor, settle

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


def test_the_pool_is_scaled_from_the_overview(visitor: Visitor, live: Live) -> None:
    page = visitor.open("/dashboard/")
    settle(page)
    scale = page.locator("[data-scale]")
    for press, workers in (("One worker more", WORKERS + 1), ("One worker fewer", WORKERS)):
        scale.get_by_role("button", name=press).click()
        expect(scale.get_by_label("Workers wanted")).to_have_value(str(workers))
        expect(page.locator(".toasts")).to_contain_text(f"Scaling to {workers} workers.")
        expect(page.locator("[data-total]").first).to_have_text(str(workers))
        live.site.wait_for_workers(workers)
        if workers > WORKERS:
            expect(page.locator("[data-lanes] [data-lane]")).to_have_count(workers)


def test_scaling_can_be_undone(visitor: Visitor, live: Live) -> None:
    page = visitor.open("/dashboard/workers/")
    settle(page)
    field = page.locator("[data-scale]").get_by_label("Workers wanted")
    field.fill(str(WORKERS + 1))
    field.press("Enter")
    expect(page.locator(".toasts")).to_contain_text(f"Scaling to {WORKERS + 1} workers.")
    live.site.wait_for_workers(WORKERS + 1)
    page.locator(".toasts").get_by_role("button", name="Undo").click()
    live.site.wait_for_workers(WORKERS)


def test_a_queue_is_paused_and_opened_again(visitor: Visitor, live: Live, opened: str) -> None:
    page = visitor.open("/dashboard/queues/")
    row = page.locator(f'[data-row="{opened}"]')
    row.get_by_role("button", name="Pause").click()
    expect(row.locator('[data-cell="state"]')).to_have_text(re.compile("Paused", re.IGNORECASE))
    expect(page.locator(".toasts")).to_contain_text(f"Queue {opened} is paused.")
    job = live.site.enqueue("adds", 1, options={"queue_name": opened})
    expect(row.locator('[data-cell="pending"]')).to_have_text("1")
    assert "PENDING" == live.site.job(job)["status"]
    row.get_by_role("button", name="Resume").click()
    assert "COMPLETED" == live.site.wait_for_job(job)["status"]
    expect(row.locator('[data-cell="state"]')).to_have_text(re.compile("Open", re.IGNORECASE))


def test_who_paused_a_queue_is_told_while_one_looks(visitor: Visitor, live: Live, crowd: Crowd) -> None:
    queue = MARKUP["attribute"]
    page = visitor.open("/dashboard/settings/", session=visitor.session)
    page.clock.install()
    page.goto("/dashboard/queues/")
    settle(page)
    live.command("pause", queue)
    row = page.locator("tr").filter(has=page.get_by_role("link", name=queue, exact=True))
    expect(row.locator('[data-cell="state"]')).to_have_text(re.compile("Paused", re.IGNORECASE))
    page.clock.fast_forward(10_000)
    expect(row.locator("small.by")).to_contain_text("by ")
    expect(row.get_by_role("button", name="Resume")).to_be_visible()
    live.command("resume", queue)


def test_a_pause_can_be_undone_at_once(visitor: Visitor, live: Live, opened: str) -> None:
    page = visitor.open("/dashboard/queues/")
    row = page.locator(f'[data-row="{opened}"]')
    row.get_by_role("button", name="Pause").click()
    page.locator(".toasts").get_by_role("button", name="Undo").click()
    expect(row.locator('[data-cell="state"]')).to_have_text(re.compile("Open", re.IGNORECASE))
