"""What an operator does with jobs: stop, repeat, discard, one at a time and many at once."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser import people
from tests.browser.live import TASKS, Live
from tests.browser.visitor import Visitor, settle

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


def chip(page: Page, state: str) -> None:
    """Wait until the job's page says so, in place."""
    expect(page.locator(".job-head .facts-line .chip").first).to_have_text(re.compile(state, re.IGNORECASE))


def toast(page: Page, text: str) -> None:
    expect(page.locator(".toasts")).to_contain_text(text)


def test_a_running_job_is_cancelled_from_the_overview(visitor: Visitor, live: Live) -> None:
    job = live.site.enqueue("waits_for", str(live.file()))
    page = visitor.open("/dashboard/")
    line = page.locator(f'[data-running] [data-job="{job}"]')
    line.locator("summary").click()
    line.get_by_role("button", name="Cancel job").click()
    toast(page, "Asked the job to end.")
    expect(line).to_have_count(0)
    assert "CANCELLED" == live.site.wait_for_job(job)["status"]


def test_a_running_job_is_cancelled_from_its_page_in_stages(visitor: Visitor, live: Live) -> None:
    go = live.file()
    job = live.site.enqueue(f"{TASKS}ends_late", str(go))
    live.site.wait_for_job(job, "RUNNING")
    page = visitor.open(f"/dashboard/jobs/{job}/")
    settle(page)
    chip(page, "running")
    page.locator(".verbs summary").get_by_text("Cancel").click()
    page.get_by_role("button", name="Cancel job").click()
    stages = page.locator("[data-asked] [data-after]")
    expect(stages).to_have_count(4)
    expect(stages.first).to_have_class(re.compile("reached"))
    expect(stages.last.locator("[data-left]")).to_have_text(re.compile(r"^in \d+ s$"))
    expect(stages.nth(1)).to_have_class(re.compile("reached"))
    expect(page.locator("[data-log]")).to_contain_text("not yet")
    go.touch()
    chip(page, "cancelled")
    expect(page.get_by_text("admin cancelled it")).to_be_visible()
    assert "CANCELLED" == live.site.job(job)["status"]


def test_a_failed_job_is_retried_and_its_page_follows(visitor: Visitor, live: Live) -> None:
    job = live.site.enqueue("fails_until", str(live.file()), 2, options={"max_attempts": 1})
    live.site.wait_for_job(job, "FAILED")
    page = visitor.open(f"/dashboard/jobs/{job}/")
    settle(page)
    expect(page.locator(".error .message").first).to_contain_text("run 1 fails")
    page.get_by_role("button", name="Retry").click()
    toast(page, "Job is waiting again")
    chip(page, "completed")
    expect(page.locator('[data-region="outcome"] pre')).to_have_text("2")


def test_a_dead_letter_is_discarded(visitor: Visitor, live: Live) -> None:
    job = live.site.enqueue("raises", "nobody needs it")
    live.site.wait_for_job(job, "FAILED")
    page = visitor.open(f"/dashboard/jobs/{job}/")
    settle(page)
    page.locator(".verbs summary").get_by_text("Discard").click()
    page.get_by_role("button", name="Discard job").click()
    toast(page, "Dead letter discarded.")
    expect(page.locator(".job-head")).to_contain_text("Discarded")
    assert live.site.job(job)["row"]["discarded_at"]


def test_all_dead_letters_of_a_kind_are_retried(visitor: Visitor, live: Live) -> None:
    path = live.file()
    jobs = [live.site.enqueue("fails_until", str(path), 3, options={"max_attempts": 1}) for _ in range(2)]
    for job in jobs:
        live.site.wait_for_job(job, "FAILED")
    page = visitor.open("/dashboard/dead-letters/")
    group = page.locator(".groups li").filter(has_text="RuntimeError").filter(has_text="fails_until")
    group.locator("summary").get_by_text("Retry all").click()
    group.get_by_role("button", name=re.compile(r"Retry 2 jobs")).click()
    toast(page, "2 jobs waiting again.")
    for job in jobs:
        assert "COMPLETED" == live.site.wait_for_job(job)["status"]


def test_selected_jobs_are_cancelled(visitor: Visitor, live: Live, paused: str) -> None:
    jobs = live.site.enqueue_many("adds", [((1,), {})] * 3, {"queue_name": paused})
    page = visitor.open(f"/dashboard/jobs/?queue={paused}")
    page.get_by_label("Select all on this page").check()
    expect(page.locator("[data-chosen]")).to_have_text("3 selected")
    page.locator("tr", has=page.locator(f'input[value="{jobs[0]}"]')).get_by_role("checkbox").uncheck()
    expect(page.locator("[data-chosen]")).to_have_text("2 selected")
    page.locator('[data-act] [data-verb="cancel"]').click()
    question = page.get_by_role("dialog")
    expect(question).to_contain_text("Cancel 2 jobs?")
    question.get_by_role("button", name="Cancel 2 jobs").click()
    toast(page, "2 jobs cancelled.")
    assert ["PENDING", "CANCELLED", "CANCELLED"] == [live.site.job(job)["status"] for job in jobs]


def test_new_jobs_are_told_of_and_move_nothing(visitor: Visitor, live: Live, paused: str) -> None:
    (first,) = live.site.enqueue_many("adds", [((1,), {})], {"queue_name": paused})
    page = visitor.open(f"/dashboard/jobs/?queue={paused}")
    settle(page)
    live.site.enqueue_many("adds", [((1,), {})] * 2, {"queue_name": paused})
    hint = page.locator("[data-fresh]")
    expect(hint).to_have_text(re.compile("2 new jobs"))
    assert [first] == page.locator("[data-rows] tr[data-id]").evaluate_all("rows => rows.map((row) => row.dataset.id)")
    hint.get_by_role("link").click()
    expect(page.locator("[data-rows] tr[data-id]")).to_have_count(3)


def test_who_may_only_read_finds_nothing_to_press(visitor: Visitor, live: Live) -> None:
    session = live.site.do(people.session_of, "vera", "view_job")
    go = live.file()
    page = visitor.open("/dashboard/", session=session)
    settle(page)
    job = live.site.enqueue("progresses", str(go))
    # The line comes by the socket.
    line = page.locator(f'[data-running] [data-job="{job}"]')
    expect(line).to_be_visible()
    assert 0 == line.locator("summary, button").count()
    page.goto(f"/dashboard/jobs/{job}/")
    settle(page)
    assert 0 == page.locator("main form[method=post]").count()
    go.touch()
    chip(page, "completed")
