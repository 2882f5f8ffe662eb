"""Each tie between a worker and its node holds alone, where the others cannot."""

import signal

import pytest

from tests.engine.engine_site import EngineSite, helper_pid, is_alive, kill, worker_pids

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]

GONE_S = 2.0


def test_worker_that_hears_nothing_dies_with_its_node(site: EngineSite) -> None:
    """It is deaf in C code, and no nursery is there, which would end it: that leaves the kernel."""
    node = site.start_node(workers=1)
    job = site.enqueue("holds_the_interpreter", 30)
    site.wait_for_job(job, "RUNNING")
    (worker,) = worker_pids(node)
    nursery = helper_pid(node, "nursery")
    assert nursery is not None
    # A frozen one would be woken by the node's end, and a frozen node starts no other.
    node.send(signal.SIGSTOP)
    kill(nursery)
    site.wait_until(lambda: not is_alive(nursery), "the nursery to be dead")
    node.kill()
    site.wait_until(lambda: not is_alive(worker), "the worker to be dead", GONE_S)
