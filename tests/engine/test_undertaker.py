"""What becomes of a dead worker's jobs, without a node: what it said still counts, and nothing goes out too early."""

import os
import subprocess
from collections.abc import Iterator

import pytest

from pool.domain.states import JobStatus, Outcome
from pool.engine import linux
from pool.engine.hearing import Hearing
from pool.engine.kin import GROUP_LIMIT_S
from pool.engine.messages import JobDone, JobFailed
from pool.engine.meter import Meter
from pool.engine.reporting import Reporting
from pool.engine.staffing import Staffing
from pool.engine.undertaker import Undertaker
from pool.engine.whereabouts import Whereabouts
from pool.store.nodes import NodeIdentity
from tests.engine.benches import Bench, ScriptedWorker, at, bench, made_job

NOW = at(50.0)
ME = NodeIdentity("node", "host", 1, "boot", 1, "/nowhere")


@pytest.fixture
def node() -> Iterator[Bench]:
    with bench() as made:
        yield made


@pytest.fixture
def undertaker(node: Bench) -> Undertaker:
    meter = Meter(0.0)
    staffing = Staffing(node.roster, ME, None, node.config, meter)  # type: ignore[arg-type]  # it hires nobody here
    whereabouts = Whereabouts(node.roster, node.ledger)
    hearing = Hearing(node.ledger, node.dispatch, staffing, meter, whereabouts)
    made = Undertaker(node.roster, node.ledger, node.dispatch, staffing, hearing, meter, ME)
    # Otherwise it would sweep the children of the tests' own process.
    made.other_children = set(linux.children_of(os.getpid()))
    return made


@pytest.fixture
def group(undertaker: Undertaker) -> Iterator[subprocess.Popen[bytes]]:
    """A process group that lives until the test kills it."""
    process = subprocess.Popen(["sleep", "60"], process_group=0)
    undertaker.other_children.add(process.pid)
    yield process
    process.kill()
    process.wait()


def bury(undertaker: Undertaker, worker: ScriptedWorker) -> None:
    staffing, ledger, meter = undertaker.staffing, undertaker.ledger, undertaker.meter
    reporting = Reporting(undertaker.roster, staffing, ledger, meter, staffing.config)
    undertaker.bury(worker.handle, NOW, lambda reason: reporting.last_row(worker.handle, NOW, reason))


def rulings(node: Bench) -> list[tuple[str, Outcome, JobStatus]]:
    return [(ended.job.id, ended.outcome, verdict.status) for ended, verdict in node.ledger.pending.rulings]


def holding(node: Bench, jobs: int) -> tuple[ScriptedWorker, list[str]]:
    """A worker that has begun the first of its jobs; the ids."""
    worker = node.add_worker()
    given = [made_job() for _ in range(jobs)]
    worker.handle.give([(job, 1.0) for job in given], 0)
    worker.begin(1, 49.0)
    return worker, [job.id for job in given]


def test_ending_that_was_sent_before_the_death_counts(node: Bench, undertaker: Undertaker) -> None:
    worker, (done, failed, running) = holding(node, 3)
    worker.main.send(JobDone(1, 1, 2, 3, "42"))
    worker.main.send(JobFailed(2, 1, 2, 3, "error", "E", "m", "t", False, False))
    worker.begin(3, 49.0)
    bury(undertaker, worker)
    assert [
        (done, Outcome.SUCCEEDED, JobStatus.COMPLETED),
        (failed, Outcome.ERROR, JobStatus.FAILED),
        (running, Outcome.CRASHED, JobStatus.PENDING),
    ] == rulings(node)
    [row] = undertaker.ended_workers
    assert (1, 1, NOW.wall) == (row.jobs_completed, row.jobs_failed, row.ended_at)


def test_half_an_ending_counts_for_nothing(node: Bench, undertaker: Undertaker) -> None:
    worker, (job,) = holding(node, 1)
    worker.main.sock.send(b"\xff\x00\x00\x00half of it")
    bury(undertaker, worker)
    assert [(job, Outcome.CRASHED, JobStatus.PENDING)] == rulings(node)


def test_jobs_it_had_not_begun_go_to_others_as_they_are(node: Bench, undertaker: Undertaker) -> None:
    worker, (begun, *others) = holding(node, 3)
    bury(undertaker, worker)
    assert [begun] == [job for job, _, _ in rulings(node)]
    assert others == [job.id for job in node.dispatch.ready]
    assert 0 == len(node.roster)


def test_job_waits_until_its_process_group_is_dead(
    node: Bench, undertaker: Undertaker, group: subprocess.Popen[bytes]
) -> None:
    worker, (job,) = holding(node, 1)
    worker.handle.pid = group.pid
    bury(undertaker, worker)
    undertaker.tend(at(51.0))
    assert [] == rulings(node)
    group.kill()
    undertaker.tend(at(52.0))
    assert [] == rulings(node), "it has ended, and nobody has seen that yet"
    group.wait()
    undertaker.tend(at(53.0))
    assert [(job, Outcome.CRASHED, JobStatus.PENDING)] == rulings(node)


def test_group_that_cannot_die_holds_up_its_job_for_a_minute(
    node: Bench, undertaker: Undertaker, group: subprocess.Popen[bytes]
) -> None:
    worker, (job,) = holding(node, 1)
    worker.handle.pid = group.pid
    bury(undertaker, worker)
    undertaker.tend(at(50.0 + GROUP_LIMIT_S))
    assert [] == rulings(node)
    undertaker.tend(at(50.1 + GROUP_LIMIT_S))
    assert [job] == [id for id, _, _ in rulings(node)]
