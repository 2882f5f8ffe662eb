"""The first nursery is a fork of its node: it shares what was loaded, and nothing the node holds. The clerk is none."""

import os
import signal
from pathlib import Path

import pytest

from pool.engine.children import CLERK_NICE
from tests.acceptance.processes import Process, children, title
from tests.acceptance.site import ROOT
from tests.engine.engine_site import EngineSite, helper_pid

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

    def start(self, **variables: str) -> Process:
        variables |= {"POOLSITE_APPS": "tests.zoo,notes", "PYTHONPATH": f"{ROOT}:{self.site.folder}"}
        node = self.site.start("pool", "run", "--workers", 1, **variables)
        self.site.wait_until(lambda: self.site.nodes(), "the node to be known")
        return node

    def loaded_in(self) -> set[int]:
        return {int(line) for line in self.path.read_text().split()}

    def nursery(self, node: Process, but: int = 0) -> int:
        """Wait for the node's nursery, another one than `but`."""

        def look() -> int | None:
            return next((pid for pid in children(node.pid) if title(pid) == "pool: nursery" and pid != but), None)

        return int(self.site.wait_until(look, "a nursery"))


def files(pid: int) -> list[str]:
    folder = Path(f"/proc/{pid}/fd")
    return [os.readlink(folder / number) for number in sorted(os.listdir(folder), key=int)]


def test_the_first_nursery_loads_nothing_again_and_the_next_one_everything(site: EngineSite) -> None:
    noting = Noting(site)
    node = noting.start()
    first = noting.nursery(node)
    assert "COMPLETED" == site.wait_for_job(site.enqueue("returns"))["status"]
    assert node.pid in noting.loaded_in()
    assert first not in noting.loaded_in()
    node.send(signal.SIGHUP)
    second = noting.nursery(node, but=first)
    site.wait_until(lambda: second in noting.loaded_in(), "the code to be loaded again")
    assert "COMPLETED" == site.wait_for_job(site.enqueue("returns"))["status"]
    assert 0 == node.stop()


def test_it_holds_nothing_of_its_node(site: EngineSite) -> None:
    """Neither the folder's lock, nor a connection that an app has opened, nor the node's ears and input."""
    noting = Noting(site, does="connection.cursor().execute('SELECT 1')")
    (site.folder / "slow.py").write_text(SLOW.format(loading=site.path("loading"), go=site.path("go")))
    node = noting.start(POOL_TASK_MODULES="slow")
    nursery = noting.nursery(node)
    site.wait_for_file(site.path("loading"))
    held = files(nursery)
    assert os.devnull == held[0]
    assert not [path for path in held if "node.lock" in path or "sqlite3" in path or "anon_inode" in path]
    assert nursery == os.getpgid(nursery)
    assert any("node.lock" in path for path in files(node.pid)), "what is looked for would be found"
    site.touch("go")
    assert "COMPLETED" == site.wait_for_job(site.enqueue("returns"))["status"]
    assert 0 == node.stop()


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
    noting.nursery(node)
    node.kill()
    site.wait_until_empty(2)


def test_the_clerk_is_no_fork_and_gives_way_to_jobs_while_it_loads(site: EngineSite) -> None:
    path = site.path("nice")
    node = Noting(site, does=f"print(os.getpid(), os.nice(0), file=open({path!r}, 'a'))").start()
    clerk = site.wait_until(lambda: helper_pid(node, "clerk"), "the clerk")
    nice = dict(line.split() for line in Path(path).read_text().splitlines())
    assert ("0", str(CLERK_NICE)) == (nice[str(node.pid)], nice[str(clerk)])
    assert 0 == node.stop()
