"""The overview moves while work is done, says how old its figures are, and shows charts in the colours of the theme."""

import re

import pytest
from playwright.sync_api import Page, Route, WebSocket, expect

from tests.browser.crowd import Crowd
from tests.browser.live import Live
from tests.browser.visitor import Visitor, settle

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

LIVE = re.compile(r"^live \d")


def figure(page: Page, name: str) -> int:
    """A key figure as a number; 0 while it is not known."""
    digits = re.sub(r"\D", "", page.locator(f'[data-figure="{name}"] [data-value]').inner_text().split("/")[0])
    return int(digits or 0)


def badge(page: Page, state: str) -> None:
    expect(page.locator("[data-badge]")).to_have_attribute("data-badge", state)


def test_figures_move_while_jobs_come_and_go(visitor: Visitor, live: Live, crowd: Crowd) -> None:
    page = visitor.open("/dashboard/")
    settle(page)
    page.evaluate("document.body.dataset.unchanged = 'yes'")
    waiting = page.locator('[data-figure="waiting"] [data-value]')
    before = waiting.inner_text()
    live.site.enqueue_many("adds", [((1,), {})] * 40, {"queue_name": "held"})
    expect(waiting).not_to_have_text(before)
    completed = page.locator('[data-row="default"] [data-cell="completed"]')
    before = completed.inner_text()
    live.site.enqueue_many("adds", [((1,), {})] * 200)
    expect(page.locator('[data-figure="throughput"] [data-value]')).to_have_text(re.compile(r"[1-9].*/s"))
    expect(completed).not_to_have_text(before)
    # It is still the same page.
    expect(page.locator("body[data-unchanged=yes]")).to_have_count(1)
    expect(page.locator("[data-badge-text]")).to_have_text(LIVE)


def test_charts_are_drawn_with_what_happened(visitor: Visitor, live: Live, crowd: Crowd) -> None:
    page = visitor.open("/dashboard/?range=5m")
    settle(page)
    for name in ("flow", "latency", "backlog"):
        expect(page.locator(f'[data-chart="{name}"] .scatterlayer .js-line').first).to_be_attached()
    expect(page.locator('[data-chart="heat"] .heatmaplayer image').first).to_be_attached()
    expect(page.locator(".chart-problem")).to_have_count(0)
    assert page.locator("[data-figure] .spark path, [data-figure] .spark polyline").count() > 0


def test_charts_go_on_where_no_queue_has_had_a_job(visitor: Visitor, crowd: Crowd) -> None:
    page = visitor.open("/dashboard/settings/", session=visitor.session)
    page.route("**/dashboard/charts?*", _without_queues)
    page.goto("/dashboard/?range=5m")
    settle(page)
    points = "document.querySelector('[data-chart=flow]').data[0].x.length"
    before = page.evaluate(points)
    page.wait_for_function(f"() => {points} > {before}")


def test_an_axis_makes_room_for_figures_higher_or_lower_than_all_before(
    visitor: Visitor, live: Live, crowd: Crowd
) -> None:
    """A first visitor opens the page while nothing happens, and then starts the demonstration."""
    page = visitor.open("/dashboard/settings/", session=visitor.session)
    page.route("**/dashboard/charts?*", _with_low_axes)
    page.goto("/dashboard/?range=5m")
    settle(page)
    live.site.enqueue_many("adds", [((1,), {})] * 200)
    for name, axis in (("flow", "yaxis"), ("backlog", "yaxis"), ("latency", "yaxis")):
        page.wait_for_function(GROWN, arg=[name, axis])


GROWN = """([name, axis]) => {
  const { data, layout } = document.querySelector(`[data-chart=${name}]`);
  const drawn = data.filter((trace) => `y${axis.slice(5)}` === (trace.yaxis ?? "y") && trace.y.at(-1) !== null);
  const last = drawn.map((trace) => trace.y.at(-1));
  const is_log = layout[axis].type === "log", top = layout[axis].range[1];
  return top !== (is_log ? -1 : 1e-9) && Math.max(...last) <= (is_log ? 10 ** top : top);
}"""


def _with_low_axes(route: Route) -> None:
    answer = route.fetch()
    charts = answer.json()
    for figure in charts["figures"].values():
        axis = figure["layout"].get("yaxis", {})
        if "range" in axis:
            axis["range"] = [-2, -1] if axis.get("type") == "log" else [0, 1e-9]
    route.fulfill(response=answer, json=charts)


def _without_queues(route: Route) -> None:
    answer = route.fetch()
    charts = answer.json()
    charts["queues"] = charts["figures"]["backlog"]["data"] = []
    route.fulfill(response=answer, json=charts)


def test_a_range_is_part_of_the_address(visitor: Visitor, crowd: Crowd) -> None:
    page = visitor.open("/dashboard/")
    page.get_by_role("link", name="1 h", exact=True).click()
    expect(page).to_have_url(re.compile(r"range=1h"))
    expect(page.locator(".ranges [aria-current]")).to_have_text("1 h")
    page.go_back()
    expect(page.locator(".ranges [aria-current]")).to_have_text("15 min")


def test_the_theme_is_chosen_and_kept(visitor: Visitor, crowd: Crowd) -> None:
    # With a memory of its own.
    page = visitor.open("/dashboard/", session=visitor.session)
    settle(page)
    colour = "getComputedStyle(document.querySelector('[data-chart=flow] .xtick text')).fill"
    light, light_text = page.evaluate("getComputedStyle(document.body).backgroundColor"), page.evaluate(colour)
    page.get_by_role("button", name="Change the theme").click()
    page.wait_for_function(f"() => {colour} !== '{light_text}'")
    page.reload()
    settle(page)
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert light != page.evaluate("getComputedStyle(document.body).backgroundColor")


def test_a_job_that_begins_gets_a_line_and_a_lane(visitor: Visitor, live: Live, crowd: Crowd) -> None:
    page = visitor.open("/dashboard/")
    settle(page)
    go = live.file()
    job = live.site.enqueue("progresses", str(go))
    line = page.locator(f'[data-running] [data-job="{job}"]')
    expect(line.locator('[data-cell="message"]')).to_have_text("a quarter")
    expect(line.locator("progress")).to_have_js_property("value", 25)
    expect(page.locator(f'[data-lanes] a[href$="{job}/"]')).to_be_visible()
    go.touch()
    expect(line).to_have_count(0)


def test_a_silent_server_makes_the_figures_stale(visitor: Visitor, live: Live) -> None:
    page = visitor.open("/dashboard/")
    settle(page)
    with live.frozen_web():
        badge(page, "stale")
        expect(page.locator("[data-badge-text]")).to_have_text(re.compile(r"^stale since \d\d:\d\d:\d\d$"))
    badge(page, "live")


def test_a_page_finds_its_server_again(visitor: Visitor, live: Live, paused: str) -> None:
    page = visitor.open("/dashboard/")
    settle(page)
    sockets: list[WebSocket] = []
    page.on("websocket", lambda socket: sockets.append(socket))
    visitor.forgive(r"ERR_CONNECTION|ERR_EMPTY_RESPONSE|WebSocket connection")
    live.kill_web()
    waiting = page.locator('[data-figure="waiting"] [data-value]')
    before = waiting.inner_text()
    live.site.enqueue_many("adds", [((1,), {})] * 40, {"queue_name": paused})
    expect(waiting).not_to_have_text(before)
    badge(page, "live")
    assert sockets
