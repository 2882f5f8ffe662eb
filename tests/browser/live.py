"""The site under test: one `manage.py serve` for the whole folder, with tasks of its own beside those of the zoo."""

import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from tests.acceptance import rows
from tests.acceptance.processes import children, title
from tests.acceptance.site import Site, wait_for

WORKERS = 3
TASKS = "tests.browser.tasks."


class Live:
    """A site that is served, where it is, and how its first visitor gets in."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.process = site.start("serve", "--port", 0, "--workers", WORKERS)
        said = self.process.wait_until_said("database ", 60.0)
        self.link: str = re.findall(r"log in +(http://\S+/login/\S+/)", said)[0]
        self.base = self.link.partition("/login/")[0]
        site.wait_for_workers(WORKERS, self.process)
        self._made = count(1)

    def file(self) -> Path:
        """A path at which nothing is yet."""
        return self.site.folder / f"file-{next(self._made)}"

    def queue(self) -> str:
        """The name of a queue that does not exist yet."""
        return f"queue-{next(self._made)}"

    def command(self, *arguments: str) -> None:
        """Run `manage.py pool ...`, without the time it takes to start."""
        code, _, said = self.site.do(rows.command, "pool", *arguments)
        assert code == 0, said

    def web(self) -> int:
        """The pid of the web process."""
        return next((pid for pid in children(self.process.pid) if title(pid) == "pool: web"), 0)

    def kill_web(self) -> None:
        """Kill the web process; another one takes its place."""
        before = self.web()
        os.kill(before, signal.SIGKILL)
        wait_for(lambda: self.web() not in (0, before), 30.0, "another web process", self.process.said)

    @contextmanager
    def frozen_web(self) -> Iterator[None]:
        """A web process that is there and says nothing."""
        pid = self.web()
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)
