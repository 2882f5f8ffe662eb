"""Somebody who looks at the site with a browser: as a person, in a theme, at a width. All of it is watched."""

from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.watch import Watch

PATIENCE_MS = 10_000
HEIGHT = 900
BLANK = "about:blank"
NOBODY = ""
STILL = ("settings", "events")
"""Pages that show what they were made with."""
CONTRABAND = "pwned"
"""The id of every element that texts in these tests try to smuggle into a page."""


class Desk:
    """The browser with what it keeps from test to test: contexts in which nobody leaves a trace, and their caches."""

    def __init__(self, browser: Browser, base: str) -> None:
        self.browser, self.base = browser, base
        self._kept: dict[tuple[str, bool, bool, str], tuple[BrowserContext, Watch]] = {}

    def shared(self, theme: str, scripts: bool, still: bool, session: str) -> tuple[BrowserContext, Watch]:
        """One that others had before and others will have."""
        key = (theme, scripts, still, session)
        if key not in self._kept:
            self._kept[key] = self.fresh(*key)
        return self._kept[key]

    def fresh(self, theme: str, scripts: bool, still: bool, session: str) -> tuple[BrowserContext, Watch]:
        """One that nobody had before."""
        context = self.browser.new_context(
            base_url=self.base,
            color_scheme="dark" if theme == "dark" else "light",
            reduced_motion="reduce" if still else "no-preference",
            java_script_enabled=scripts,
        )
        context.set_default_timeout(PATIENCE_MS)
        if session:
            context.add_cookies([{"name": "sessionid", "value": session, "url": self.base}])
        return context, Watch(context, self.base)


class Visitor:
    """Whoever sits at the desk during one test."""

    def __init__(self, desk: Desk, session: str) -> None:
        self.desk, self.session = desk, session
        self.watches: list[Watch] = []
        self.pages: list[Page] = []
        self._own: list[BrowserContext] = []

    def open(
        self,
        path: str,
        *,
        session: str | None = None,
        theme: str = "light",
        width: int = 1280,
        scripts: bool = True,
        still: bool = False,
    ) -> Page:
        """Open a page: `still` without any motion, and with a session that is not the usual one, or none, in a context
        of its own."""
        if session is None:
            context, watch = self.desk.shared(theme, scripts, still, self.session)
        else:
            context, watch = self.desk.fresh(theme, scripts, still, session)
            self._own.append(context)
        self.watches.append(watch)
        page = next((page for page in context.pages if page.url == BLANK), None) or context.new_page()
        self.pages.append(page)
        page.set_viewport_size({"width": width, "height": HEIGHT})
        page.goto(path)
        return page

    def forgive(self, pattern: str) -> None:
        """From now on this is what the test means to happen."""
        for watch in self.watches:
            watch.forgive(pattern)

    def complaints(self) -> list[str]:
        """All complaints so far, and what texts have smuggled into the pages that are open."""
        found = [complaint for watch in dict.fromkeys(self.watches) for complaint in watch.complaints]
        return found + [f"contraband in {page.url}" for page in self.pages if page.locator(f"#{CONTRABAND}").count()]

    def leave(self) -> None:
        for page in self.pages:
            # The first is left for the next visitor: to open another costs more than most pages.
            page.goto(BLANK) if page is page.context.pages[0] else page.close()
        for context in self._own:
            context.close()
        for watch in self.watches:
            watch.forget()


def settle(page: Page) -> None:
    """Wait until a page shows what it will show: connected, with its charts drawn."""
    kind = page.locator("body").get_attribute("data-page")
    if kind and kind not in STILL:
        expect(page.locator("[data-badge]")).to_have_attribute("data-badge", "live")
    if kind == "overview" and page.locator(".charts").is_visible():
        expect(page.locator("[data-chart] svg.main-svg:first-of-type")).to_have_count(4)


OVERHANG = "document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth"


def overhang(page: Page) -> int:
    """By how many pixels a page is wider than the window."""
    width: int = page.evaluate(OVERHANG)
    return width


def wait_until_it_fits(page: Page) -> None:
    """Wait until a page whose window has changed is no wider than that: charts take a moment."""
    page.wait_for_function(f"() => {OVERHANG} === 0")
