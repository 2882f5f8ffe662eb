"""Every page, in both themes, on a phone and on a desk: nothing to complain of, nothing hangs over, axe is content."""

from collections.abc import Iterable

import pytest
from playwright.sync_api import Page, expect

from tests.browser import people
from tests.browser.axe import violations
from tests.browser.crowd import Crowd
from tests.browser.live import Live
from tests.browser.visitor import HEIGHT, NOBODY, Visitor, overhang, settle, wait_until_it_fits

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

DJANGOS = ("label-title-only", "empty-table-header")
"""Rules that the admin's own lists and forms break."""

PHONE, DESK = 390, 1280
PAGES = {
    "overview": "/dashboard/",
    "jobs": "/dashboard/jobs/",
    "job that runs": "/dashboard/jobs/{crowd.running}/",
    "job that failed": "/dashboard/jobs/{failed}/",
    "queues": "/dashboard/queues/",
    "workers": "/dashboard/workers/",
    "nodes": "/dashboard/nodes/",
    "dead letters": "/dashboard/dead-letters/",
    "schedules": "/dashboard/schedules/",
    "events": "/dashboard/events/",
    "settings": "/dashboard/settings/",
    "admin": "/admin/",
    "login": "/admin/login/",
}
MORE_PAGES = {
    "overview of an hour": "/dashboard/?range=1h",
    "jobs that are dead": "/dashboard/jobs/?status=FAILED",
    "jobs until a moment": "/dashboard/jobs/?until=2040-01-02T03:04:05.678Z",
    "jobs, none found": "/dashboard/jobs/?search=nothing-is-called-like-this",
    "job that waits": "/dashboard/jobs/{crowd.waiting}/",
    "job that is done": "/dashboard/jobs/{crowd.done}/",
    "job that was cancelled": "/dashboard/jobs/{crowd.cancelled}/",
    "job that waits for its time": "/dashboard/jobs/{crowd.scheduled}/",
    "job that waits for another": "/dashboard/jobs/{crowd.tied}/",
    "limits of a queue": "/dashboard/queues/?tune=held",
    "job that took too long": "/dashboard/jobs/{crowd.timed_out}/",
    "dead letters of one kind": "/dashboard/dead-letters/?task=tests.zoo.tasks.raises&error=builtins.ValueError",
    "jobs in the admin": "/admin/pool/job/",
    "job in the admin": "/admin/pool/job/{crowd.done}/change/",
    "schedules that are searched": "/dashboard/schedules/?search=nightly",
    "schedules, none found": "/dashboard/schedules/?search=nothing-is-called-like-this",
    "schedules in the admin": "/admin/pool/schedulestate/",
    "queues in the admin": "/admin/pool/queue/",
    "queue in the admin": "/admin/pool/queue/held/change/",
    "alerts in the admin": "/admin/pool/alertrecord/",
    "dependencies in the admin": "/admin/pool/jobdependency/",
}


def look(visitor: Visitor, crowd: Crowd, path: str, theme: str, width: int) -> Page:
    session = NOBODY if "login" in path else None
    address = path.format(crowd=crowd, failed=crowd.failing["image"])
    page = visitor.open(address, session=session, theme=theme, width=width, still=True)
    settle(page)
    judge(visitor, page, DJANGOS if "/admin/pool" in path else ())
    return page


def judge(visitor: Visitor, page: Page, aside: Iterable[str] = ()) -> None:
    """There is nothing to complain of, no part of the page hangs over, and axe is content."""
    assert (0, []) == (overhang(page), visitor.complaints())
    # From here on it is axe that writes styles and loads what it wants to see.
    visitor.forgive("")
    assert [] == violations(page, aside)


@pytest.mark.parametrize("width", [PHONE, DESK])
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("path", PAGES.values(), ids=PAGES)
def test_page(visitor: Visitor, crowd: Crowd, path: str, theme: str, width: int) -> None:
    look(visitor, crowd, path, theme, width)


@pytest.mark.parametrize("path", MORE_PAGES.values(), ids=MORE_PAGES)
def test_page_in_another_state(visitor: Visitor, crowd: Crowd, path: str) -> None:
    page = look(visitor, crowd, path, "dark", DESK)
    page.set_viewport_size({"width": PHONE, "height": HEIGHT})
    wait_until_it_fits(page)


def test_a_job_that_is_not_there(visitor: Visitor) -> None:
    page = visitor.open("/dashboard/nodes/", still=True)
    visitor.forgive("status of 404")
    page.goto("/dashboard/jobs/00000000-0000-7000-8000-000000000000/")
    expect(page.get_by_role("heading", level=1)).to_have_text("No such job")
    judge(visitor, page)


def test_a_page_that_is_not_for_everybody(visitor: Visitor, live: Live) -> None:
    page = visitor.open("/admin/login/", session=live.site.do(people.session_of, "olga", "no such right"), still=True)
    visitor.forgive("status of 403")
    page.goto("/dashboard/")
    expect(page.get_by_role("heading", level=1)).to_have_text("You may not see this")
    judge(visitor, page)


def test_the_api_describes_itself(visitor: Visitor) -> None:
    page = visitor.open("/api/v1/docs", width=PHONE)
    expect(page.locator(".swagger-ui .opblock").first).to_be_visible()
