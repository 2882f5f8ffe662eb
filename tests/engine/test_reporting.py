"""What the node reports when the database did not take the report before."""

import gc
import json
from types import SimpleNamespace
from uuid import UUID

from hdrh.histogram import HdrHistogram

from pool.domain.ids import new_id
from pool.domain.states import NodeState
from pool.engine.meter import Meter
from pool.engine.reporting import Reporting
from pool.engine.turns import Report
from tests.engine.benches import Bench, at, bench, made_job

HISTOGRAMS_A_REPORT = 16


def reporting_of(node: Bench) -> Reporting:
    staffing = SimpleNamespace(wanted=1, ready=True, problem="")
    made = Reporting(node.roster, staffing, node.ledger, Meter(0.0), node.config)  # type: ignore[arg-type]
    made._depths = lambda: None  # type: ignore[method-assign]  # there is no database here
    return made


def report(reporting: Reporting, now: float, completed: int) -> Report:
    reporting.meter.counters.completed += completed
    reporting.meter.ended("q", "t", 1, 1, 1, 1)
    return reporting.make(at(now), NodeState.RUNNING, [])


def test_report_that_was_not_committed_goes_out_with_the_next() -> None:
    with bench() as node:
        node.add_worker()
        reporting = reporting_of(node)
        report(reporting, 1, completed=2)
        report(reporting, 2, completed=3)
        third = report(reporting, 3, completed=1)
        assert {"completed": 6, "executed": 3} == third.data["deltas"]
        assert 3.0 == third.data["seconds"]
        assert 1 == len(third.workers)


def test_committed_report_is_not_told_again() -> None:
    with bench() as node:
        node.add_worker()
        reporting = reporting_of(node)
        report(reporting, 1, completed=2)
        node.ledger.beat_began = at(1).mono
        second = report(reporting, 2, completed=3)
        assert {"completed": 3, "executed": 1} == second.data["deltas"]
        assert [] == second.workers


def test_worker_s_row_says_how_its_attempts_went() -> None:
    with bench() as node:
        handle = node.add_worker().handle
        [row] = report(reporting_of(node), 1, completed=0).workers
        assert (0, None) == (row.failed_in_row, row.mean_run_ms)
        handle.jobs_completed, handle.jobs_failed, handle.failed_in_row, handle.ran_us = 3, 1, 1, 10_000
        [row] = report(reporting_of(node), 2, completed=0).workers
        assert (1, 2.5) == (row.failed_in_row, row.mean_run_ms)


def test_lease_is_renewed_as_soon_as_the_database_is_back() -> None:
    """The report that would have done it was made in vain; the node must not end itself before the next second."""
    with bench() as node:
        reporting = reporting_of(node)
        report(reporting, 1, completed=0)
        node.ledger.beat_began = at(1).mono
        assert (False, True) == (reporting.due(at(1.5)), reporting.due(at(2)))
        node.ledger.problem = "The database does not answer."
        report(reporting, 2, completed=0)
        assert (False, True) == (reporting.due(at(2.5)), reporting.due(at(3)))
        node.ledger.problem = ""
        assert reporting.due(at(2.5))
        report(reporting, 2.5, completed=0)
        node.ledger.beat_began = at(2.5).mono
        assert not reporting.due(at(2.6))


def test_ids_of_jobs_are_spelled_with_hyphens_however_the_database_stores_them() -> None:
    with bench() as node:
        worker = node.add_worker()
        job = made_job(id=new_id().hex)
        node.dispatch.take([job], at(1))
        node.dispatch.hand_out(at(1))
        worker.begin(1, 1.0)
        told = report(reporting_of(node), 2, completed=0)
        (row,), (lane,) = told.workers, told.data["lanes"]
        assert [str(UUID(job.id))] == json.loads(row.current_jobs)
        assert str(UUID(job.id)) == lane["job"]


def test_what_a_report_leaves_behind_is_gone_with_the_next() -> None:
    """A node's collector is set to look rarely, and histograms die in rings."""
    with bench() as node:
        reporting = reporting_of(node)
        gc.disable()
        try:
            for second in range(1, 6):
                report(reporting, second, completed=1)
                node.ledger.beat_began = at(second).mono
            left = sum(type(thing) is HdrHistogram for thing in gc.get_objects())
        finally:
            gc.enable()
        assert left <= HISTOGRAMS_A_REPORT
