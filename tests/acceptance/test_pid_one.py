"""`manage.py serve` as PID 1, as in a container: the first process of a PID namespace of its own."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.processes import children, stat, title
from tests.acceptance.served import Served
from tests.acceptance.site import ROOT, Site, free_port, wait_for

NAMESPACE = ["unshare", "--pid", "--fork", "--mount-proc"]


def why_not() -> str:
    """Why no namespace can be made here; empty when it can."""
    if missing := [tool for tool in ("unshare", "nsenter") if not shutil.which(tool)]:
        return f"{' and '.join(missing)} of util-linux is missing"
    tried = subprocess.run([*NAMESPACE, "true"], capture_output=True, text=True, timeout=20)
    return tried.stderr.strip() if tried.returncode else ""


REFUSED = why_not()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(120),
    pytest.mark.skipif(bool(REFUSED), reason=f"No PID namespace can be made here: {REFUSED}"),
]


class Contained(Served):
    """A `serve` in a namespace. Its pids are those of our side."""

    def __init__(self, site: Site) -> None:
        self.site, self.port = site, free_port()
        serve = [sys.executable, str(ROOT / "manage.py"), "serve", "--port", str(self.port), "--workers", "2"]
        self.process = site.start_program([*NAMESPACE, "--kill-child", *serve])
        self.base = f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Our pid of the namespace's first process."""
        return next(iter(children(self.process.pid)), 0)

    def child(self, name: str) -> int:
        return next((pid for pid in children(self.pid) if title(pid) == f"pool: {name}"), 0)

    def orphan(self) -> int:
        """Let somebody from outside leave a process behind in it, as `docker exec` may; our pid of it."""
        shell = ["sh", "-c", "exec >&- 2>&-; setsid sleep 1000 &"]
        enter = ["nsenter", f"--target={self.pid}", "--pid", "--mount"]
        subprocess.run([*enter, *shell], check=True, cwd=self.site.folder, timeout=20)
        return wait_for(
            lambda: next((pid for pid in children(self.pid) if title(pid) == "sleep 1000"), 0),
            what="the orphan to be adopted",
            evidence=self.process.said,
        )


@pytest.fixture(scope="module")
def contained() -> Iterator[Contained]:
    """One for all tests; the last of them ends it."""
    with Site() as site:
        made = Contained(site)
        made.wait_until_ready()
        yield made


def zombies_of(pid: int) -> int:
    found = [stat(int(entry)) for entry in os.listdir("/proc") if entry.isdigit()]
    return sum(1 for fields in found if fields and fields[0] == "Z" and int(fields[1]) == pid)


def is_first(pid: int) -> bool:
    """Whether the process is number 1 where it lives."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return any(line.split()[0] == "NSpid:" and line.split()[-1] == "1" for line in lines)


def test_it_leaves_strangers_alone_and_reaps_them_when_they_end(contained):
    orphan = contained.orphan()
    node = contained.child("node")
    os.kill(node, signal.SIGKILL)
    contained.wait_for_another("node", node)
    assert "sleep 1000" == title(orphan)
    os.kill(orphan, signal.SIGKILL)
    wait_for(lambda: stat(orphan) is None, 10.0, "the orphan to be reaped")
    contained.wait_until_ready()
    assert 0 == zombies_of(contained.pid)


def test_what_a_killed_node_leaves_behind_is_ended_there_too(contained):
    site = contained.site
    started = site.folder / "started"
    site.enqueue("leaves_child_and_waits", str(site.folder / "left"), str(started))
    site.wait_for_file(started)
    left = wait_for(lambda: [pid for pid in site.members() if title(pid).startswith("sleep")], 10.0, "the job's child")
    node = contained.child("node")
    os.kill(node, signal.SIGKILL)
    contained.wait_for_another("node", node)
    wait_for(lambda: not set(left) & set(site.members()), 10.0, "the job's own child to end", site.evidence)
    (site.folder / "left").touch()
    site.wait_until_ended()


def test_it_works_and_a_sigterm_ends_it_with_exit_code_0(contained):
    assert is_first(contained.pid)
    site = contained.site
    started, go = site.folder / "begun", site.folder / "go"
    job = site.enqueue("waits_for", str(go), str(started))
    site.wait_for_file(started)
    os.kill(contained.pid, signal.SIGTERM)
    contained.process.wait_until_said("node.draining")
    go.touch()
    assert 0 == contained.process.wait()
    assert "COMPLETED" == site.job(job)["status"]
    assert [] == site.members()
    assert 1 == [node["state"] for node in site.nodes(ended=True)].count("STOPPED")
