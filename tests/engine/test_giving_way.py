"""A node that rests between two turns, so that others can write: it works on, and tells afterwards."""

import sys

from tests.engine.engine_site import TASKS, EngineSite


def test_what_ends_in_a_rest_is_told_after_it(site: EngineSite) -> None:
    node = site.start_program([sys.executable, "-m", "tests.engine.resting_node", "2"])
    # One of them stays idle: after a claim that fills all hands there is no rest.
    site.wait_for_pids(node, 2)
    job = site.enqueue(f"{TASKS}notes", str(site.ledger))
    site.wait_until(lambda: "end" in [line.what for line in site.lines()], "it to run")
    assert "COMPLETED" != site.statuses_of([job])[job]
    assert "COMPLETED" == site.wait_for_job(job)["status"]
    assert 0 == node.stop()
