"""What the first visitor of a fresh site sees: the one-time link leads in, and pages with nothing on them teach."""

from dataclasses import dataclass, field

from tests.browser.axe import violations
from tests.browser.live import Live
from tests.browser.visitor import NOBODY, Desk, Visitor, settle

EMPTY = {
    "/dashboard/": "Nothing has run yet",
    "/dashboard/jobs/": "No jobs yet",
    "/dashboard/queues/": "No queues yet",
    "/dashboard/dead-letters/": "Nothing failed for good",
}


@dataclass
class FirstVisit:
    url: str
    """Where the link led."""
    name: str
    """Who the visitor was then."""
    session: str
    headings: dict[str, list[str]] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, desk: Desk, live: Live) -> "FirstVisit":
        visitor = Visitor(desk, NOBODY)
        page = visitor.open(live.link, session=NOBODY, still=True)
        (session,) = [one["value"] for one in page.context.cookies() if one["name"] == "sessionid"]
        seen = cls(page.url, page.locator(".menu .name").inner_text(), session)
        for path in EMPTY:
            page.goto(path)
            settle(page)
            seen.headings[path] = page.locator("main h2").all_inner_texts()
            seen.complaints += [f"{path}: {one}" for one in violations(page)]
        seen.complaints += visitor.complaints()
        visitor.leave()
        return seen
