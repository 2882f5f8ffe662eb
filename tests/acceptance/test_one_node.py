"""One node for each run folder, however many are started at once."""

import fcntl
import os

import pytest

from tests.acceptance.processes import Process
from tests.acceptance.site import Site

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


def refusal(process: Process) -> str:
    """What a command says that does not start a node."""
    assert 1 == process.wait(30)
    (line,) = process.said().splitlines()
    assert line.startswith("Error: Another node")
    assert str(process.pid) not in line
    return line


@pytest.mark.parametrize("verb", ["start", "run"])
def test_whoever_comes_second_is_told_and_ends(site: Site, verb: str) -> None:
    """The first is about to start: it has no row yet."""
    site.run_dir.mkdir(mode=0o700)
    lock = os.open(site.run_dir / "node.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        os.write(lock, b"123456")
        assert "(pid 123456) runs in the run folder" in refusal(site.start("pool", verb))
    finally:
        os.close(lock)
    assert [] == site.nodes(ended=True)


def test_of_two_started_at_once_one_starts(site: Site) -> None:
    both = [site.start("pool", "start", "--workers", "1", "--json") for _ in range(2)]
    codes = [process.wait(60) for process in both]
    said = [process.said() for process in both]
    assert 0 in codes, said
    assert 1 == sum('"started": true' in text for text in said), said
    assert 1 == len(site.nodes(ended=True))
    site.facts("stop")


def test_a_second_node_in_the_foreground_is_refused(site: Site) -> None:
    first = site.start_node(workers=1)
    assert f"(pid {first.pid})" in refusal(site.start("pool", "run"))
    assert 0 == first.stop()
    assert 0 == site.start_node(workers=1).stop()


def test_a_killed_node_is_in_nobodys_way(site: Site) -> None:
    site.start_node(workers=1).kill()
    assert site.facts("start", "--workers", 1)["started"]
    site.facts("stop")


def test_a_node_that_drains_makes_room_for_the_next(site: Site) -> None:
    draining = site.start_node(workers=1)
    started, go = site.folder / "started", site.folder / "go"
    site.enqueue("waits_for", str(go), str(started))
    site.wait_for_file(started)
    site.facts("stop", "--no-wait")
    draining.wait_until_said("node.draining")
    following = site.facts("start", "--workers", 1)
    assert following["started"]
    assert following["pid"] != draining.pid
    go.touch()
    assert 0 == draining.wait()
    site.facts("stop")


def test_another_run_folder_may_have_a_node_of_its_own(site: Site) -> None:
    nodes = [site.start_node(workers=1, wait=False, POOL_RUN_DIR=str(site.folder / name)) for name in ("a", "b")]
    site.wait_for_workers(2)
    assert [0, 0] == [node.stop() for node in nodes]
