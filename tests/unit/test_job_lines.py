"""What a worker's log says of its jobs, and which switch lets it."""

import logging

import pytest

from pool.domain.config import PoolConfig
from pool.domain.states import Outcome
from pool.engine.job_lines import MESSAGE_CHARS, JobLines
from pool.engine.messages import JobDone, JobFailed

DONE = JobDone(1, 0, 2_500_000, 0, "null")


def failed(outcome: Outcome) -> JobFailed:
    return JobFailed(1, 0, 1_000_000, 0, outcome, "builtins.ValueError", "x" * 1000, "", True, False)


def lines(caplog: pytest.LogCaptureFixture, ending: JobDone | JobFailed, **switches: bool) -> list[str]:
    caplog.set_level(logging.DEBUG)
    told = JobLines(PoolConfig(**switches))
    told.started()
    told.ended(ending)
    return [f"{record.levelname} {record.getMessage()}" for record in caplog.records]


def test_errors_alone_are_told_by_default(caplog: pytest.LogCaptureFixture) -> None:
    assert [] == lines(caplog, DONE)
    (line,) = lines(caplog, failed(Outcome.ERROR))
    assert line.startswith("ERROR job.failed outcome='error' error='builtins.ValueError'")
    assert "x" * MESSAGE_CHARS in line
    assert "x" * (MESSAGE_CHARS + 1) not in line


def test_steps_and_ends_are_told_when_they_are_switched_on(caplog: pytest.LogCaptureFixture) -> None:
    told = lines(caplog, DONE, log_worker_info=True, log_worker_debug=True)
    assert ["DEBUG job.started", "INFO job.completed ms=2.5"] == told


def test_a_cancelled_job_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    assert [] == lines(caplog, failed(Outcome.CANCELLED))
    assert ["INFO job.cancelled ms=1.0"] == lines(caplog, failed(Outcome.CANCELLED), log_worker_info=True)
