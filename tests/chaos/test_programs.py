"""A program that a job has started counts as the job: it is gone before the job runs again."""

import signal
import sys
from collections.abc import Iterator

import pytest

from tests.chaos import ledger, recovery
from tests.chaos.ledger import Record
from tests.chaos.site import ChaosSite
from tests.engine.engine_site import helper_pid, kill, worker_pids

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

LONG_S = 60.0


@pytest.fixture
def site() -> Iterator[ChaosSite]:
    with ChaosSite("sqlite") as made:
        yield made


def begins(site: ChaosSite, job: str, count: int) -> list[Record]:
    found = lambda: recovery.begins(site, 0, {job.replace("-", "")})  # noqa: E731
    return site.wait_until(lambda: found() if len(found()) >= count else None, f"begin {count} of the job")


def start_program(site: ChaosSite) -> tuple[str, Record]:
    """A job that waits for a program in a session of its own."""
    job = site.enqueue("tests.chaos.tasks.runs_program", "key", LONG_S)
    return job, begins(site, job, 1)[0]


def test_program_of_a_killed_worker_is_gone_before_its_job_runs_again(site: ChaosSite) -> None:
    site.start_node(workers=2)
    job, first = start_program(site)
    kill(first.pid)
    assert not begins(site, job, 2)[1].overlaps


def test_program_is_gone_also_when_nobody_can_tell_newborn_workers_from_strangers(site: ChaosSite) -> None:
    """The nursery is slow to say which worker it has made, and another worker is free for the job."""
    node = site.start_program([sys.executable, "-m", "tests.engine.run_node", "4"])
    site.wait_for_pids(node, 4)
    job, first = start_program(site)
    nursery = helper_pid(node, "nursery")
    assert nursery is not None
    kill(nursery, signal.SIGSTOP)
    kill(next(pid for pid in worker_pids(node) if pid != first.pid))
    site.wait_until(lambda: node.said().count("worker.exited") == 1, "the idle one to be buried")
    kill(first.pid)
    site.wait_until(lambda: node.said().count("worker.exited") == 2, "the busy one to be buried")
    # Whoever answers this has had a turn after that burial.
    quick = site.enqueue("tests.chaos.tasks.instant", "quick")
    site.wait_for_job(quick)
    kill(nursery, signal.SIGCONT)
    assert not begins(site, job, 2)[1].overlaps
    assert ledger.END not in {one.what for one in ledger.read(site.folder) if one.job == job.replace("-", "")}
