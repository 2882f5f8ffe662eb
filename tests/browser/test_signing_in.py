"""The ways into the site: the one-time link, the login form, and the login that stands before every page."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser import people
from tests.browser.first_visit import EMPTY, FirstVisit
from tests.browser.live import Live
from tests.browser.visitor import NOBODY, Visitor, settle

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

PAGES = ("", "jobs/", "queues/", "workers/", "nodes/", "dead-letters/", "schedules/", "events/", "settings/")


def test_the_link_of_a_fresh_site_logs_in(live: Live, first_visit: FirstVisit) -> None:
    assert (f"{live.base}/dashboard/", "admin") == (first_visit.url, first_visit.name)


def test_the_pages_of_a_fresh_site_say_what_will_be_there(first_visit: FirstVisit) -> None:
    assert [] == first_visit.complaints
    for path, heading in EMPTY.items():
        assert heading in first_visit.headings[path]


def test_the_link_works_once(visitor: Visitor, live: Live) -> None:
    page = visitor.open("/admin/login/", session=NOBODY)
    visitor.forgive(r"status of 403 .*/login/")
    page.goto(live.link)
    expect(page.get_by_role("heading")).to_have_text("This link does not work any more")
    page.goto("/dashboard/")
    expect(page).to_have_url(re.compile("/admin/login/"))


def test_without_a_session_every_page_leads_to_the_login(visitor: Visitor) -> None:
    page = visitor.open("/", session=NOBODY)
    for path in PAGES:
        page.goto(f"/dashboard/{path}")
        expect(page).to_have_url(re.compile(rf"/admin/login/\?next=/dashboard/{path}$"))


def test_the_form_leads_to_the_page_that_was_asked_for(visitor: Visitor, live: Live) -> None:
    live.site.do(people.with_password, "ada")
    page = visitor.open("/dashboard/jobs/?queue=mail", session=NOBODY)
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Password").fill("wrong")
    page.keyboard.press("Enter")
    expect(page.locator(".errornote")).to_contain_text("correct username and password")
    page.get_by_label("Password").fill(people.PASSWORD)
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{live.base}/dashboard/jobs/?queue=mail")
    expect(page.locator(".menu .name")).to_have_text("ada")


def test_who_logs_out_is_out(visitor: Visitor, live: Live) -> None:
    session = live.site.do(people.session_of, "otto")
    page = visitor.open("/dashboard/", session=session)
    settle(page)
    page.locator(".menu summary").click()
    page.get_by_role("button", name="Log out").click()
    expect(page).not_to_have_url(f"{live.base}/dashboard/")
    page.goto("/dashboard/")
    expect(page).to_have_url(re.compile("/admin/login/"))
