"""Memory runs out: a worker is killed by the kernel, and the node says so and goes on."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.engine import reads
from tests.engine.engine_site import EngineSite, worker_pids

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]

TASKS = "tests.faults.worker_tasks."
CONTROLLERS = Path("/sys/fs/cgroup")
LIMIT_MB = 128


def own_groups() -> Iterator[tuple[Path, str]]:
    """Where a control group for memory may be made, and the name of its limit: version 1 and 2."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "memory":
            yield CONTROLLERS / "memory" / path.lstrip("/"), "memory.limit_in_bytes"
            yield CONTROLLERS / "memory", "memory.limit_in_bytes"
        elif not controllers:
            yield CONTROLLERS / path.lstrip("/"), "memory.max"


@pytest.fixture
def small_group() -> Iterator[Path]:
    """A control group with little memory; who joins it is killed when it takes more."""
    for parent, limit in own_groups():
        group = parent / f"pool-test-{os.getpid()}"
        try:
            group.mkdir()
            (group / limit).write_text(str(LIMIT_MB * 2**20))
        except OSError:
            with suppress(OSError):
                group.rmdir()
            continue
        yield group
        group.rmdir()
        return
    pytest.skip("no control group for memory can be made here")


def test_worker_that_the_kernel_kills_for_its_memory_is_said_to_be(site: EngineSite, small_group: Path) -> None:
    node = site.start_node(workers=1)
    job = site.enqueue(TASKS + "grows_at", site.path("go"), 4 * LIMIT_MB)
    site.wait_for_job(job, "RUNNING")
    (worker,) = worker_pids(node)
    (small_group / "cgroup.procs").write_text(str(worker))
    site.touch("go")
    found = site.wait_for_job(job)
    assert ("FAILED", 1) == (found["status"], found["attempts"])
    assert "killed by SIGKILL, likely because memory ran out" in found["error"]["message"]
    assert ["crashed"] == [attempt["outcome"] for attempt in site.attempts(job)]
    assert "COMPLETED" == site.wait_for_job(site.enqueue("returns"))["status"]
    assert [worker] != site.wait_for_pids(node, 1)


def test_worker_killed_by_hand_is_not_said_to_have_lacked_memory(site: EngineSite) -> None:
    site.start_node(workers=1)
    found = site.wait_for_job(site.enqueue("kills_itself"))
    assert found["error"]["message"].endswith("killed by SIGKILL.")
    assert (1, 0, 1) == site.do(reads.spent)[found["id"]][:3]
