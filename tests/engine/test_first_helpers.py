"""The first nursery and clerk are forks of their node: they share what was loaded, and nothing the node holds."""

import os
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from pool.engine.children import CLERK_NICE
from tests.acceptance.processes import Process, children, title
from tests.acceptance.site import ROOT
from tests.engine.engine_site import EngineSite, kill

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]

APP = """
import os, sys, threading, time
from django.apps import AppConfig
from django.db import connection

class Notes(AppConfig):
    name = "notes"

    def ready(self):
        with open({path!r}, "a") as file:
            file.write(f"{{os.getpid()}}\\n")
        {does}
"""

SLOW = """
import os, time
open({loading!r}, "w").close()
while not os.path.exists({go!r}):
    time.sleep(0.01)
"""


class Noting:
    """A site with an app that writes down in which processes it was loaded."""

    def __init__(self, site: EngineSite, does: str = "pass") -> None:
        self.site, self.path = site, Path(site.path("loaded"))
        package = site.folder / "notes"
        package.mkdir()
        (package / "__init__.py").touch()
        (package / "apps.py").write_text(APP.format(path=str(self.path), does=does))

    def launch(self, **variables: str) -> Process:
        variables |= {"POOLSITE_APPS": "tests.zoo,notes", "PYTHONPATH": f"{ROOT}:{self.site.folder}"}
        return self.site.start("pool", "run", "--workers", 1, **variables)

    def start(self, **variables: str) -> Process:
        node = self.launch(**variables)
        self.site.wait_until(lambda: self.site.nodes(), "the node to be known")
        return node

    def loaded_in(self) -> set[int]:
        return {int(line) for line in self.path.read_text().split()}

    def helper(self, node: Process, name: str, but: int = 0) -> int:
        """Wait for the node's nursery or clerk, another one than `but`."""

        def look() -> int | None:
            return next((pid for pid in children(node.pid) if title(pid) == f"pool: {name}" and pid != but), None)

        return int(self.site.wait_until(look, f"a {name}"))


def files(pid: int) -> list[str]:
    folder = Path(f"/proc/{pid}/fd")
    return [os.readlink(folder / number) for number in sorted(os.listdir(folder), key=int)]


def test_the_first_ones_load_nothing_again_and_the_next_ones_everything(site: EngineSite) -> None:
    noting = Noting(site)
    node = noting.start()
    first = noting.helper(node, "nursery"), noting.helper(node, "clerk")
    assert "COMPLETED" == site.wait_for_job(site.enqueue("returns"))["status"]
    assert node.pid in noting.loaded_in()
    assert not noting.loaded_in() & set(first)
    node.send(signal.SIGHUP)
    kill(first[1])
    second = noting.helper(node, "nursery", but=first[0]), noting.helper(node, "clerk", but=first[1])
    site.wait_until(lambda: set(second) <= noting.loaded_in(), "the code to be loaded again")
    assert "COMPLETED" == site.wait_for_job(site.enqueue("returns"))["status"]
    assert 0 == node.stop()


def test_they_hold_nothing_of_their_node(site: EngineSite) -> None:
    """Neither the folder's lock, nor a connection that an app has opened, nor the node's ears and input, nor each
    other's sockets. The clerk opens what is its own when the node is known, and not before."""
    noting = Noting(site, does="connection.cursor().execute('SELECT 1')")
    (site.folder / "slow.py").write_text(SLOW.format(loading=site.path("loading"), go=site.path("go")))
    with closing(sqlite3.connect(site.folder / "site.sqlite3", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        node = noting.launch(POOL_TASK_MODULES="slow")
        helpers = noting.helper(node, "nursery"), noting.helper(node, "clerk")
        site.wait_for_file(site.path("loading"))
        assert [] == site.nodes()
        for helper in helpers:
            held = files(helper)
            assert os.devnull == held[0]
            assert not [path for path in held if "node.lock" in path or "sqlite3" in path or "anon_inode" in path]
            assert 1 == sum(path.startswith("socket:") for path in held)
            assert helper == os.getpgid(helper)
        assert any("node.lock" in path for path in files(node.pid)), "what is looked for would be found"
        other.execute("ROLLBACK")
    site.touch("go")
    assert "COMPLETED" == site.wait_for_job(site.enqueue("returns"))["status"]
    site.wait_until(lambda: any("sqlite3" in path for path in files(helpers[1])), "the clerk to begin its chores")
    assert 0 == node.stop()


def test_a_node_that_ends_before_the_database_knows_it_leaves_nobody(site: EngineSite) -> None:
    with closing(sqlite3.connect(site.folder / "site.sqlite3", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        noting = Noting(site)
        node = noting.launch()
        noting.helper(node, "clerk")
        node.send(signal.SIGTERM)
        assert node.wait() != 0
    site.wait_until_empty(2)


def test_an_app_that_starts_a_thread_is_named_as_before(site: EngineSite) -> None:
    """A fork would have half of the thread: the nursery is a fresh process, which says so."""
    name = "threading.Thread(target=time.sleep, args=(600,), daemon=True, name='notes-thread').start()"
    node = Noting(site, does=name).start()
    problem = site.wait_until(lambda: site.nodes()[0]["problem"], "the node to say what is wrong")
    assert "started threads (notes-thread)" in problem
    assert 0 == node.stop()


def test_a_node_killed_while_its_first_nursery_loads_leaves_nobody(site: EngineSite) -> None:
    noting = Noting(site)
    (site.folder / "slow.py").write_text(SLOW.format(loading=site.path("loading"), go=site.path("go")))
    variables = {"POOL_TASK_MODULES": "slow", "PYTHONPATH": f"{ROOT}:{site.folder}"}
    node = site.start_node(workers=1, wait=False, **variables)
    noting.helper(node, "nursery")
    node.kill()
    site.wait_until_empty(2)


def test_each_clerk_gives_way_to_jobs_and_does_so_while_it_loads(site: EngineSite) -> None:
    path = site.path("nice")
    noting = Noting(site, does=f"print(os.getpid(), os.nice(0), file=open({path!r}, 'a'))")
    node = noting.start()
    first = noting.helper(node, "clerk")
    assert CLERK_NICE == os.getpriority(os.PRIO_PROCESS, first)
    kill(first)
    second = noting.helper(node, "clerk", but=first)
    nice = dict(line.split() for line in Path(path).read_text().splitlines())
    assert ("0", str(CLERK_NICE)) == (nice[str(node.pid)], nice[str(second)])
    assert 0 == node.stop()
