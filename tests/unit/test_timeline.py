"""A job's life as bars to scale."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dashboard.timeline import LEAST, WIDTH, timeline
from pool.domain.states import JobStatus
from pool.models import Job

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def a_job(status: JobStatus, **fields: Any) -> Job:
    return Job(status=status, created_at=NOON, run_at=NOON, **fields)


def an_attempt(number: int, start: float | None, end: float, outcome: str = "error") -> dict[str, Any]:
    started = None if start is None else at(start).isoformat()
    return {
        "number": number,
        "started_at": started,
        "finished_at": at(end).isoformat(),
        "outcome": outcome,
        "worker": "w",
    }


def shape(made: Any) -> list[list[tuple[str, float, float]]]:
    return [[(bar.kind, bar.x, bar.width) for bar in row.bars] for row in made.rows]


def test_first_success_has_no_attempt_of_its_own_and_is_shown() -> None:
    job = a_job(JobStatus.COMPLETED, attempts=1, started_at=at(3), finished_at=at(10), worker="w0")
    made = timeline(job, [], at(99))
    assert shape(made) == [[("waited", 0, 300), ("succeeded", 300, 700)]]
    assert (made.rows[0].waited_ms, made.rows[0].ran_ms, made.is_open) == (3000, 7000, False)


def test_attempts_and_the_waits_between_them_are_rows() -> None:
    job = a_job(JobStatus.COMPLETED, attempts=2, started_at=at(8), finished_at=at(10), worker="w1")
    made = timeline(job, [an_attempt(1, 2, 4), an_attempt(2, 8, 10, "succeeded")], at(99))
    assert shape(made) == [[("waited", 0, 200), ("error", 200, 200)], [("waited", 400, 400), ("succeeded", 800, 200)]]


def test_running_attempt_goes_on_until_now() -> None:
    job = a_job(JobStatus.RUNNING, attempts=1, started_at=at(5))
    assert shape(timeline(job, [], at(10))) == [[("waited", 0, 500), ("running", 500, 500)]]


def test_waiting_job_waits_until_now() -> None:
    made = timeline(a_job(JobStatus.SCHEDULED, attempts=1), [an_attempt(1, 1, 2)], at(10))
    assert shape(made)[-1] == [("waited", 200, 800)]
    assert made.rows[-1].ran_ms is None


def test_attempt_that_never_began_has_no_length_of_its_own() -> None:
    made = timeline(a_job(JobStatus.FAILED, attempts=1, finished_at=at(10)), [an_attempt(1, None, 10, "lost")], at(10))
    assert [kind for kind, _, _ in shape(made)[0]] == ["waited", "lost"]


@pytest.mark.parametrize("run_s", [0.0, 0.000_001, 1.0])
def test_thin_bars_can_be_seen_and_stay_inside(run_s: float) -> None:
    end = 100_000.0
    job = a_job(JobStatus.COMPLETED, attempts=1, started_at=at(end - run_s), finished_at=at(end))
    (_, (_, x, width)) = shape(timeline(job, [], at(end)))[0]
    assert width >= LEAST
    assert x + width <= WIDTH


def test_job_that_has_not_lasted_yet_divides_by_nothing() -> None:
    assert timeline(a_job(JobStatus.PENDING), [], NOON).ms == 1
    cancelled = a_job(JobStatus.CANCELLED, finished_at=NOON)
    assert timeline(cancelled, [], NOON).rows == []
