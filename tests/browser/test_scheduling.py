"""What an operator does about alerts, limits, and the number of workers: everything fits, and every button works."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.crowd import Crowd
from tests.browser.live import WORKERS, Live
from tests.browser.visitor import Visitor, settle

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

PHONE, TABLET, LAPTOP, DESK = 390, 768, 1024, 1280

COLLISIONS = """(rows) => rows.flatMap((row) => {
    const boxes = [...row.querySelectorAll("th, td")].map((cell) => {
        const range = document.createRange();
        range.selectNodeContents(cell);
        return [cell.textContent.trim(), range.getBoundingClientRect()];
    }).filter(([words, box]) => words && box.width);
    const meet = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
    return boxes.flatMap(([words, box], place) =>
        boxes.slice(place + 1).filter(([, other]) => meet(box, other)).map(([others]) => `${words} / ${others}`));
})"""
"""Words that lie on others, though neither their cells nor the page are too wide."""


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_an_alert_can_be_read_muted_and_heard_again(visitor: Visitor, crowd: Crowd, width: int) -> None:
    page = visitor.open("/dashboard/", width=width)
    settle(page)
    row = page.locator("#alerts tr").filter(has_text="Schedules that should have run")
    expect(row).to_have_count(1)
    assert [] == page.locator("#alerts tbody tr").evaluate_all(COLLISIONS)
    strip = page.locator("[data-alerts] .alert").filter(has_text="Schedules that should have run")
    expect(strip).to_have_count(1)
    row.get_by_role("button", name="Mute").click()
    expect(page.locator(".toasts")).to_contain_text("Nobody is told of this any more")
    expect(row).to_contain_text("Muted")
    expect(strip).to_have_count(0)
    assert [] == page.locator("#alerts tbody tr").evaluate_all(COLLISIONS)
    row.get_by_role("button", name="Unmute").click()
    expect(strip).to_have_count(1)
    expect(row.get_by_role("button", name="Mute")).to_be_visible()


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_limits_are_in_reach_at_every_width(visitor: Visitor, opened: str, width: int) -> None:
    page = visitor.open("/dashboard/queues/", width=width)
    row = page.locator(f'[data-row="{opened}"]')
    row.get_by_role("link", name="Set limits").click()
    field = page.get_by_label("Most at a time")
    field.fill("0")
    page.get_by_role("button", name="Save").click()
    assert "tune=" in page.url, "the browser says what is wrong, and keeps what was written"
    field.fill("3")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".toasts")).to_contain_text(f"The limits of queue {opened} are changed.")
    expect(row.get_by_role("link", name="3 at a time")).to_be_visible()


@pytest.mark.parametrize("width", [TABLET, LAPTOP])
@pytest.mark.parametrize("name", ["queues", "schedules"])
def test_lines_are_named_and_their_buttons_are_in_sight(visitor: Visitor, crowd: Crowd, name: str, width: int) -> None:
    page = visitor.open(f"/dashboard/{name}/", width=width, still=True)
    settle(page)
    table = page.locator(f".table.{name}")
    assert table.evaluate("(table) => table.parentElement.scrollWidth - table.parentElement.clientWidth") == 0
    assert min(table.locator("tbody th").evaluate_all("(names) => names.map((name) => name.clientWidth)")) >= 72


def inside(page: Page, part: str, whole: str) -> bool:
    """Whether one element lies within another from left to right."""
    inner, outer = page.locator(part).bounding_box(), page.locator(whole).bounding_box()
    assert inner is not None
    assert outer is not None
    return outer["x"] <= inner["x"] and inner["x"] + inner["width"] <= outer["x"] + outer["width"]


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_a_number_set_by_hand_is_given_back_to_the_load(visitor: Visitor, live: Live, width: int) -> None:
    page = visitor.open("/dashboard/", width=width)
    settle(page)
    field = page.get_by_label("Workers wanted")
    field.fill(str(WORKERS))
    field.press("Enter")
    words = page.locator("[data-scaling-words]")
    expect(words).to_have_text(re.compile("^set by hand, "))
    assert inside(page, "[data-follow] button", '[data-figure="workers"]')
    page.get_by_role("button", name="follow the load").click()
    expect(page.locator(".toasts")).to_contain_text("The number of workers follows the load.")
    expect(words).to_have_text(re.compile("^follows the load"))
    expect(words).not_to_contain_text("by hand")
    # The other tests count on so many.
    live.command("scale", str(WORKERS))
    live.site.wait_for_workers(WORKERS)


def test_a_queue_is_resumed_from_the_job_that_it_holds(visitor: Visitor, live: Live, paused: str) -> None:
    job = live.site.enqueue("adds", 1, options={"queue_name": paused})
    page = visitor.open(f"/dashboard/jobs/{job}/")
    settle(page)
    page.get_by_role("button", name="Resume queue").click()
    expect(page.locator(".toasts")).to_contain_text(f"Queue {paused} is open again.")
    expect(page.locator(".facts-line .chip")).to_have_text("Completed")
