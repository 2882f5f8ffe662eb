"""Fixtures of the tests in a browser: Chromium and a served site for all of them, and a visitor for each.

Everything shared lives as long as this folder's tests and not longer: while Playwright runs it holds an event loop in
this thread, which Django takes for being asynchronous.
"""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.acceptance.site import Site
from tests.browser import chromium as browsers
from tests.browser.crowd import Crowd
from tests.browser.first_visit import FirstVisit
from tests.browser.live import Live
from tests.browser.visitor import PATIENCE_MS, Desk, Visitor


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = browsers.start(playwright)
        if browser is None:
            pytest.skip(browsers.MISSING)
        expect.set_options(timeout=PATIENCE_MS)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def live(chromium: Browser) -> Iterator[Live]:
    """The site, after Chromium: without one nothing needs to be served."""
    with Site(POOLSITE_APPS="tests.zoo,tests.browser") as site:
        yield Live(site)


@pytest.fixture(scope="package")
def desk(chromium: Browser, live: Live) -> Desk:
    return Desk(chromium, live.base)


@pytest.fixture(scope="package")
def first_visit(desk: Desk, live: Live) -> FirstVisit:
    """What the first visitor saw, before there was a job."""
    return FirstVisit.of(desk, live)


@pytest.fixture(scope="package")
def crowd(live: Live, first_visit: FirstVisit) -> Crowd:
    """Jobs of every kind and state, whose texts are as bad as they can be."""
    return Crowd.of(live)


@pytest.fixture
def paused(live: Live) -> str:
    """A queue nobody else uses, which is closed."""
    name = live.queue()
    live.command("pause", name)
    return name


@pytest.fixture
def opened(live: Live) -> str:
    """A queue nobody else uses, which is open and has had a job."""
    name = live.queue()
    live.site.wait_for_job(live.site.enqueue("adds", 1, options={"queue_name": name}))
    return name


@pytest.fixture
def visitor(desk: Desk, first_visit: FirstVisit) -> Iterator[Visitor]:
    """An administrator with a browser, who must have nothing to complain of when the test ends."""
    made = Visitor(desk, first_visit.session)
    yield made
    complaints = made.complaints()
    made.leave()
    assert [] == complaints
