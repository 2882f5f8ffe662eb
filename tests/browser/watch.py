"""What a browser complains of while it shows pages. Every page of these tests is watched from its first request on.

Complaints are: warnings and errors in the console, errors in scripts, breaches of the content policy, dialogs, requests
that fail, and requests that leave the site.
"""

import re

from playwright.sync_api import BrowserContext, ConsoleMessage, Dialog, Page, Request, WebError, WebSocket

LOUD = {"warning", "error", "assert"}
WITHIN = ("data:", "blob:", "about:")
ABORTED = "net::ERR_ABORTED"
"""A page that is left gives up what it was still asking for."""

# Told by the page itself, because not every breach is written to the console.
POLICY_REPORTS = """
document.addEventListener("securitypolicyviolation", ({ effectiveDirective, blockedURI, sample, sourceFile }) => {
  console.error(`policy: ${effectiveDirective} forbids ${blockedURI} ${sample} of ${sourceFile}`);
});
"""


class Watch:
    """Listens to everything in one context of the browser."""

    def __init__(self, context: BrowserContext, base: str) -> None:
        self.base, self.complaints = base, list[str]()
        self.sockets = base.replace("http", "ws", 1)
        self._forgiven: list[re.Pattern[str]] = []
        context.add_init_script(POLICY_REPORTS)
        context.on("console", self._console)
        context.on("weberror", self._error)
        context.on("request", self._request)
        context.on("requestfailed", self._failed)
        context.on("dialog", self._dialog)
        context.on("page", self._page)

    def forgive(self, pattern: str) -> None:
        """From now on this is what the test means to happen."""
        self._forgiven.append(re.compile(pattern))

    def forget(self) -> None:
        self.complaints.clear()
        self._forgiven.clear()

    def note(self, complaint: str) -> None:
        if not any(pattern.search(complaint) for pattern in self._forgiven):
            self.complaints.append(complaint)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in LOUD:
            self.note(f"console {message.type}: {message.text} ({message.location.get('url')})")

    def _error(self, error: WebError) -> None:
        self.note(f"script: {error.error}")

    def _request(self, request: Request) -> None:
        if not request.url.startswith((f"{self.base}/", *WITHIN)):
            self.note(f"leaves the site: {request.url}")

    def _failed(self, request: Request) -> None:
        if request.failure != ABORTED:
            self.note(f"request: {request.failure} {request.url}")

    def _dialog(self, dialog: Dialog) -> None:
        self.note(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _page(self, page: Page) -> None:
        page.on("websocket", self._socket)

    def _socket(self, socket: WebSocket) -> None:
        if not socket.url.startswith(f"{self.sockets}/"):
            self.note(f"leaves the site: {socket.url}")
