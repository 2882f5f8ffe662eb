"""The browser of these tests: Chromium as the system has it, or as Playwright brought it; it has no window."""

import shutil

from playwright.sync_api import Browser, Playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MISSING = (
    "No Chromium is installed: `apt-get install chromium` or `playwright install chromium`, and the browser tests run."
)

# It is root's in a container, has no graphics there, and asks nobody but the site under test.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def find() -> str | None:
    """The path of the system's Chromium."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def start(playwright: Playwright) -> Browser | None:
    """Start it; None when there is none."""
    path = find()
    if path is None and not shutil.which(playwright.chromium.executable_path):
        return None
    return playwright.chromium.launch(executable_path=path, args=FLAGS)
