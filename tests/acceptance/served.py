"""A site under `serve`, and its pages as a client sees them."""

import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import closing

from tests.acceptance.processes import children, title
from tests.acceptance.site import Site, free_port, wait_for


class Served:
    """A site under `serve`, and its pages."""

    def __init__(self, site: Site, *arguments: object, port: int = 0, **variables: str) -> None:
        self.site, self.port = site, port or free_port()
        self.process = site.start("serve", "--port", self.port, *arguments, **variables)
        self.base = f"http://127.0.0.1:{self.port}"

    def get(self, path: str, host: str = "") -> tuple[int, str]:
        return answer(self.base + path, {"Host": host} if host else {})

    def wait_until_ready(self) -> None:
        def look() -> bool:
            if self.process.exit_code() is not None:
                raise AssertionError(f"serve ended with {self.process.exit_code()}:\n{self.process.said()}")
            return 200 == self.get("/health/ready")[0]

        wait_for(look, 60.0, "the site to be ready", self.process.said)

    def child(self, name: str) -> int:
        """The pid of a child; 0 when it does not run."""
        return next((pid for pid in children(self.process.pid) if title(pid) == f"pool: {name}"), 0)

    def wait_for_another(self, name: str, before: int) -> int:
        return wait_for(
            lambda: pid if (pid := self.child(name)) not in (0, before) else None,
            30.0,
            f"a new {name}",
            self.process.said,
        )


def answer(url: str, headers: Mapping[str, str]) -> tuple[int, str]:
    """Status and body of a GET."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    return answer_of(opener, urllib.request.Request(url, headers=dict(headers)))


def answer_of(opener: urllib.request.OpenerDirector, request: urllib.request.Request) -> tuple[int, str]:
    """Status and body; 0 when nobody answers."""
    try:
        with closing(opener.open(request, timeout=10)) as reply:
            return reply.status, reply.read().decode(errors="replace")
    except urllib.error.HTTPError as error:
        with closing(error):
            return error.code, error.read().decode()
    except OSError:
        return 0, ""
