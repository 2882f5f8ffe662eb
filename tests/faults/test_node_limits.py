"""The host lends no more processes or files: the pool works with what it has, says why, and leaks nothing."""

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.acceptance.processes import Process
from tests.engine import reads
from tests.engine.engine_site import TASKS, EngineSite, worker_pids

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]

PROCESSES = 20
"""Processes and threads that a whole node may have. A worker takes two of them."""

WANTED = 20
FEW = 30
"""Workers that may be tried in vain: those of the first moment, and then ever more seldom."""

JOINS = """
import os, resource, sys
group, limit = sys.argv.pop(1), int(sys.argv.pop(1))
if group:
    open(f"{group}/cgroup.procs", "w").write(str(os.getpid()))
else:
    resource.setrlimit(resource.RLIMIT_NPROC, (limit, limit))
from tests.engine.run_node import main
sys.exit(main())
"""


def groups() -> Iterator[Path]:
    """Where a control group that counts processes may be made: version 1 and 2."""
    controllers = Path("/sys/fs/cgroup")
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, names, path = line.split(":", 2)
        if names in ("pids", ""):
            yield controllers / names / path.lstrip("/")


@pytest.fixture
def few() -> Iterator[list[str]]:
    """Arguments for a program that shall not have many: a user's own limit, or for root, who has none, a group's.

    Asked for before the site, so that the group is empty when it goes.
    """
    if os.getuid():
        yield ["", str(processes_of_user() + PROCESSES)]
        return
    for parent in groups():
        group = parent / f"pool-test-{os.getpid()}"
        try:
            group.mkdir()
            (group / "pids.max").write_text(str(PROCESSES))
        except OSError:
            with suppress(OSError):
                group.rmdir()
            continue
        yield [str(group), "0"]
        group.rmdir()
        return
    pytest.skip("no control group for processes can be made here")


def processes_of_user() -> int:
    """Processes and threads of this user."""
    found = 0
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            found += len(os.listdir(path / "task")) if path.stat().st_uid == os.getuid() else 0
    return found


def complaints(node: Process) -> int:
    return sum("worker.exited" in line for line in node.said().splitlines())


def open_files(node: Process) -> int:
    return len(os.listdir(f"/proc/{node.pid}/fd"))


def test_node_with_too_few_processes_works_with_fewer_workers(few: list[str], site: EngineSite) -> None:
    node = site.start_program([sys.executable, "-c", JOINS, *few, str(WANTED)])
    jobs = site.enqueue_many(TASKS + "notes", [([str(site.ledger), 0.01], {})] * 500)
    assert {"COMPLETED": 500} == site.wait_until_ended()
    assert complaints(node) < FEW, "that others work makes it no more eager"
    assert {(1, 0, 0, 1)} == {site.do(reads.spent)[job] for job in jobs}
    problem = site.wait_until(lambda: site.nodes()[0]["problem"], "the node to say why it has fewer")
    assert "Workers fail to start" in problem
    assert 1 < len(worker_pids(node)) < PROCESSES / 2
    assert 0 == node.stop()
    site.wait_until_empty()


def test_thousands_of_jobs_leave_no_descriptor_behind(site: EngineSite) -> None:
    node = site.start_node(workers=2)
    workers = site.wait_for_pids(node, 2)

    def census() -> list[int]:
        site.enqueue_many("returns", [([number], {}) for number in range(1000)])
        assert {"COMPLETED"} == set(site.wait_until_ended())
        return [open_files(node), *(len(os.listdir(f"/proc/{pid}/fd")) for pid in workers)]

    before = census()
    census()
    assert before == census()
