"""SQLite in trouble, as those who submit over HTTP see it: somebody else's lock, and a disk that is full."""

import http.client
import json
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import quote

import pytest

from tests.acceptance.site import free_port
from tests.engine.engine_site import TASKS, EngineSite
from tests.faults import elsewhere

pytestmark = [pytest.mark.slow, pytest.mark.timeout(90)]

WAIT_S = 1
"""How long the web process waits for a lock."""

BALLAST = 2_000_000
SPARE_PAGES = 40
PRAGMAS = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA max_page_count={pages}"


class Web:
    """A web process of the site, and a caller."""

    def __init__(self, site: EngineSite, url: str) -> None:
        self.port, self.token = free_port(), str(site.do(elsewhere.token))
        command = [sys.executable, "-m", "tests.acceptance.run_web", str(self.port)]
        self.process = site.start_program(command, DATABASE_URL=url)
        site.wait_until(lambda: self.ask("GET", "/health/live")[0] == 200, "the web process to answer")

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, dict[str, str]]:
        """Status and headers; 0 when nobody answers."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)) as connection:
            try:
                connection.request(method, path, None if body is None else json.dumps(body), headers)
                answer = connection.getresponse()
            except OSError:
                return 0, {}
            answer.read()
            return answer.status, dict(answer.getheaders())

    def submit(self, *args: object) -> tuple[int, dict[str, str]]:
        return self.ask("POST", "/api/v1/jobs", {"task": "tests.zoo.tasks.returns", "args": args})


def connect(site: EngineSite) -> sqlite3.Connection:
    return sqlite3.connect(site.folder / "site.sqlite3", timeout=10, isolation_level=None)


def test_lock_of_another_program_is_waited_for_and_then_told(site: EngineSite) -> None:
    node = site.start_node(workers=1)
    web = Web(site, f"{site.environment['DATABASE_URL']}?timeout={WAIT_S}")
    job = site.enqueue(TASKS + "notes_until", str(site.ledger), site.path("go"))
    site.wait_for_status(job, "RUNNING")
    with closing(connect(site)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        began = time.monotonic()
        status, headers = web.submit()
        assert (503, True) == (status, int(headers["Retry-After"]) > 0)
        assert WAIT_S / 2 < time.monotonic() - began < WAIT_S + 3
        site.touch("go")
        site.wait_until(lambda: [line for line in site.lines() if line.what == "end"], "the job to end")
    assert ("COMPLETED", 1) == tuple(site.wait_for_job(job, limit_s=5)[key] for key in ("status", "attempts"))
    assert 201 == web.submit()[0]
    assert {"COMPLETED": 2} == site.wait_until_ended(5)
    assert (None, None) == (node.exit_code(), web.process.exit_code())


@pytest.fixture
def ballast(site: EngineSite) -> Iterator[str]:
    """Something large in the database; the address of the same database for those who find the disk full beside it."""
    with closing(connect(site)) as connection:
        connection.execute("CREATE TABLE ballast (bytes BLOB)")
        connection.execute("INSERT INTO ballast VALUES (zeroblob(?))", (BALLAST,))
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        pragmas = PRAGMAS.format(pages=pages + SPARE_PAGES)
    yield f"{site.environment['DATABASE_URL']}?init_command={quote(pragmas)}"
    throw_off(site)


def throw_off(site: EngineSite) -> None:
    with closing(connect(site)) as connection:
        connection.execute("DROP TABLE IF EXISTS ballast")


def test_full_disk_refuses_a_job_and_stores_nothing_of_it(site: EngineSite, ballast: str) -> None:
    web = Web(site, ballast)
    large = "x" * 250_000
    assert 201 == web.submit()[0]
    status, headers = web.submit(large)
    assert (503, True) == (status, int(headers["Retry-After"]) > 0)
    assert "disk is full" in web.process.said(), "the cause is told, and not what came of it"
    assert {"PENDING": 1} == site.statuses()
    throw_off(site)
    assert 201 == web.submit(large)[0]
    with closing(connect(site)) as connection:
        assert ("ok",) == connection.execute("PRAGMA integrity_check").fetchone()
