"""Nothing moves under the pointer."""

import pytest
from playwright.sync_api import expect

from tests.browser.crowd import Crowd
from tests.browser.live import Live
from tests.browser.visitor import Visitor, settle

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


def test_a_line_stays_under_the_pointer_when_its_job_ends(visitor: Visitor, live: Live, crowd: Crowd) -> None:
    page = visitor.open("/dashboard/")
    settle(page)
    go = live.file()
    job = live.site.enqueue("progresses", str(go))
    line = page.locator(f'[data-running] [data-job="{job}"]')
    line.hover()
    go.touch()
    expect(line.locator('[data-cell="message"]')).to_have_text("has ended")
    expect(line.locator("summary")).to_be_hidden()
    page.mouse.move(0, 0)
    expect(line).to_have_count(0)
