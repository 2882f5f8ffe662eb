"""A rolling upgrade: the schema grows, the new node starts while the old one drains, and no job notices."""

import signal
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.engine import reads
from tests.engine.engine_site import TASKS, EngineSite
from tests.faults import elsewhere

pytestmark = [pytest.mark.slow, pytest.mark.timeout(90)]

JOBS = 400


@pytest.fixture
def altered(site_on_both: EngineSite) -> Iterator[EngineSite]:
    """The table of jobs may change, and is as before afterwards."""
    yield site_on_both
    site_on_both.do(elsewhere.drop_column)


def test_new_node_takes_over_from_one_that_drains_while_the_schema_grows(altered: EngineSite) -> None:
    site = altered
    node = site.start_node(workers=2)
    long = site.enqueue(TASKS + "notes_until", str(site.ledger), site.path("go"))
    site.wait_for_status(long, "RUNNING")
    jobs = site.enqueue_many(TASKS + "notes", [([str(site.ledger), 0.005], {})] * JOBS)
    site.wait_until(lambda: len(site.lines()) > JOBS // 4, "some to be done")
    site.do(elsewhere.add_column)
    site.wait_until(lambda: len(site.lines()) > JOBS // 2, "the old node to go on")
    node.send(signal.SIGTERM)
    node.wait_until_said("node.draining")
    new = site.start_node(workers=2)
    site.touch("go")
    assert 0 == node.wait()
    assert {"COMPLETED": JOBS + 1} == site.wait_until_ended()
    ended = Counter(line.job for line in site.lines() if line.what == "end")
    assert dict.fromkeys([*jobs, long], 1) == ended
    assert {(1, 0, 0)} == {spent[:3] for spent in site.do(reads.spent).values()}
    assert 0 == new.stop()
