"""Signals to the node, in any order and any hurry: it leaves in order, and what ran is given back."""

import signal

import pytest

from tests.engine import reads
from tests.engine.engine_site import TASKS, EngineSite

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]

TERM, INT, HUP, QUIT = signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT

HURRIED = [(QUIT,), (INT, HUP, TERM), (TERM, INT, HUP, QUIT), (QUIT, TERM, INT, QUIT, HUP)]
"""At least two that ask it to leave, or one SIGQUIT: it waits for nothing that runs."""

PATIENT = [(TERM, HUP), (HUP, INT, HUP)]
"""One that asks it to leave: what runs may end."""


def start_long(site: EngineSite) -> str:
    job = site.enqueue(TASKS + "notes_until", str(site.ledger), site.path("go"))
    site.wait_until(site.lines, "the job to begin")
    return job


def named(order: tuple[signal.Signals, ...]) -> str:
    return "-".join(number.name.removeprefix("SIG") for number in order)


@pytest.mark.parametrize("order", HURRIED, ids=named)
def test_node_in_a_hurry_gives_back_what_runs(site: EngineSite, order: tuple[signal.Signals, ...]) -> None:
    node = site.start_node(workers=1)
    job = start_long(site)
    for number in order:
        node.send(number)
    assert 0 == node.wait(10)
    site.wait_until_empty(2)
    assert "PENDING" == site.job(job)["status"]
    assert (1, 1, 0, 1) == site.do(reads.spent)[job]
    assert ["interrupted"] == [attempt["outcome"] for attempt in site.attempts(job)]


@pytest.mark.parametrize("order", PATIENT, ids=named)
def test_node_that_is_asked_once_lets_the_job_end(site: EngineSite, order: tuple[signal.Signals, ...]) -> None:
    node = site.start_node(workers=1)
    job = start_long(site)
    for number in order:
        node.send(number)
    node.wait_until_said("node.draining")
    site.touch("go")
    assert 0 == node.wait(10)
    site.wait_until_empty(2)
    assert ("COMPLETED", (1, 0, 0, 1)) == (site.job(job)["status"], site.do(reads.spent)[job])
