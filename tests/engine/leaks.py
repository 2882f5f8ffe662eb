"""What a test must leave as it was: descriptors, threads, processes, connections, files in the run folder.

Asked after every test of the engine: of the tests' own process, and of every site whose node goes on running for the
next test. That one is compared with itself as it was when it had settled.
"""

import gc
import os
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

from django.db import connections

from tests import postgres
from tests.acceptance.processes import stat, title
from tests.engine.engine_site import EngineSite

Census = Counter[str]

LIMIT_S = 10.0
LOOK_S = 0.02
STEADY_S = 0.3
"""A node that did not change for so long has settled."""

NUMBER = re.compile(r"[0-9a-f]{8,}|[0-9]+")

_settled: dict[EngineSite, Census] = {}


def own() -> Census:
    """The process of the tests, its side processes and its own database connections aside."""
    sides = [site.side for site in EngineSite.opened if site.side is not None]
    spared = {pipe.fileno() for side in sides for pipe in side.pipes}
    opened = [one for one in connections.all(initialized_only=True) if one.connection is not None]
    spared |= {one.connection.fileno() for one in opened if one.vendor == "postgresql"}
    found = _of_process("tests", os.getpid(), spared, {side.pid for side in sides})
    for one in opened:
        if one.vendor == "sqlite":
            # Its files: the database, the log and the log's index.
            name = NUMBER.sub("N", str(one.settings_dict["NAME"]))
            found = Counter({what: count for what, count in found.items() if name not in what})
    return found


def of_site(site: EngineSite) -> Census:
    """A site's nodes with their children, its run folder and its connections."""
    found: Census = Counter()
    for process in site.processes:
        if process.exit_code() is None:
            found += _of_process("node", process.pid)
    if site.run_dir.exists():
        found += Counter(f"run folder: {NUMBER.split(path.name)[0]}" for path in site.run_dir.iterdir())
    if site.database == "postgresql":
        found["connections"] = _connections(site)
    return found


def settle(site: EngineSite) -> None:
    """Wait until its node has everything that it needs, and remember how that looks."""

    # Its side process has its connection from here on.
    site.statuses()

    def look() -> Census | None:
        first = of_site(site)
        time.sleep(STEADY_S)
        return first if first["node: child pool: clerk"] and first == of_site(site) else None

    settled = site.wait_until(look, "the node to settle")
    # A worker keeps the connection that its first job with a use for one has opened.
    settled["connections"] += settled["node: child pool: worker"]
    _settled[site] = settled


def wait_until_as_before(before: Census) -> None:
    """Wait until nothing is left over. Raises AssertionError with what is."""
    _wait(lambda: own() - before, "the process of the tests")
    for site in [site for site in _settled if site not in EngineSite.opened]:
        del _settled[site]
    for site, settled in _settled.items():
        _wait(lambda site=site, settled=settled: of_site(site) - settled, f"a node on {site.database}")  # type: ignore[misc]


def _wait(look: Callable[[], Census], who: str) -> None:
    deadline = time.monotonic() + LIMIT_S
    while left := look():
        gc.collect()
        assert time.monotonic() < deadline, f"Left over in {who}: {dict(left)}"
        time.sleep(LOOK_S)


def _of_process(name: str, pid: int, spared: Iterable[int] = (), children: Iterable[int] = ()) -> Census:
    found: Census = Counter()
    try:
        for entry in os.listdir(f"/proc/{pid}/fd"):
            if int(entry) not in spared:
                found[f"{name}: open {_target(pid, entry)}"] += 1
        found[f"{name}: thread"] = len(os.listdir(f"/proc/{pid}/task"))
        for child in _children_of(pid):
            if child not in children:
                found[f"{name}: child {_name_of(child)}"] += 1
    except FileNotFoundError:
        return Counter()
    # The descriptor by which the descriptors were listed.
    return found - Counter({f"{name}: open /proc/N/fd": 1})


def _target(pid: int, descriptor: str) -> str:
    try:
        return NUMBER.sub("N", os.readlink(f"/proc/{pid}/fd/{descriptor}"))
    except FileNotFoundError:
        return f"/proc/{NUMBER.sub('N', str(pid))}/fd"


def _children_of(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for task in tasks for child in (task / "children").read_text().split()]


def _name_of(pid: int) -> str:
    fields = stat(pid)
    if fields is None or fields[0] == "Z":
        return "that has ended"
    return " ".join(title(pid).split()[:2])


def _connections(site: EngineSite) -> int:
    import psycopg

    name = site.environment["DATABASE_URL"].partition("?")[0].rpartition("/")[2]
    with psycopg.connect(postgres.start().url(), autocommit=True) as connection:
        row = connection.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = %s", (name,)).fetchone()
    return int(row[0]) if row else 0
