"""What a clerk looks at for its alerts, on both databases."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pool.domain.alarms import Marks, Sight, Stuck, WorkerSight, alarms
from pool.domain.config import PoolConfig
from pool.domain.figures import NodeFigures
from pool.domain.ids import new_id
from pool.domain.states import SILENT, JobStatus, WorkerState
from pool.models import Job, WorkerSnapshot
from pool.store import sight

NOW = datetime(2027, 1, 15, 8, 0, tzinfo=UTC)
CONFIG = PoolConfig()
GRACES_S = CONFIG.flag_grace_s + CONFIG.exception_grace_s + CONFIG.term_grace_s


def look(alias: str, *, any_dead: bool = True, **data: Any) -> Sight:
    return sight.look(alias, [NodeFigures("n1", NOW, data)], CONFIG, NOW, any_dead=any_dead)


def a_worker(
    alias: str, name: str, node: str = "n1", ended_s: float | None = None, reason: str = "", **more: int
) -> None:
    ended_at = None if ended_s is None else NOW - timedelta(seconds=ended_s)
    state = WorkerState.IDLE if ended_at is None else WorkerState.TERMINATED
    facts = {"jobs_completed": 90, "jobs_failed": 10, **more}
    WorkerSnapshot.objects.using(alias).create(
        id=name, node=node, slot=0, pid=1, state=state, started_at=NOW, last_beat=NOW, ended_at=ended_at,
        end_reason=reason, **facts,
    )  # fmt: skip


def a_job(alias: str, status: JobStatus, **more: Any) -> str:
    job = Job.objects.using(alias).create(
        id=new_id(), task="app.send", status=status, created_at=NOW, run_at=NOW, worker="w0", **more
    )
    return str(job.pk)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def test_an_empty_pool_is_well(alias: str) -> None:
    assert [] == alarms(look(alias), Marks())


def test_workers_of_the_living_nodes_and_those_that_ended_a_moment_ago_count(alias: str) -> None:
    a_worker(alias, "living")
    a_worker(alias, "elsewhere", node="a dead node")
    a_worker(alias, "just-ended", ended_s=10, jobs_failed=90)
    a_worker(alias, "long-gone", ended_s=300)
    found = {one.worker: one for one in look(alias).workers}
    assert {"living", "just-ended"} == set(found)
    assert WorkerSight("just-ended", 90, 180, "general") == found["just-ended"]


def test_workers_that_had_one_job_each_count_together_by_kind(alias: str) -> None:
    """As with isolation = "process", where none of them ever has the attempts that would say something."""
    for number in range(12):
        done = {"jobs_completed": number % 2, "jobs_failed": 1 - number % 2}
        a_worker(alias, f"single-{number}", ended_s=20 + 40 * number, **done)
    a_worker(alias, "io-single", ended_s=5, jobs_completed=0, jobs_failed=1, kind="io")
    a_worker(alias, "unused", ended_s=5, jobs_completed=0, jobs_failed=0)
    found = look(alias)
    together = [one for one in found.workers if not one.worker]
    assert [WorkerSight("", 6, 12, "general"), WorkerSight("", 1, 1, "io")] == together
    (alert,) = alarms(found, Marks())
    assert alert.message == "General workers with a job each fail in more than 10 % of their attempts: 6 of 12."


def test_workers_that_were_replaced_for_their_silence_count_for_a_while(alias: str) -> None:
    a_worker(alias, "silent", ended_s=60, reason=f"{SILENT} for 10 s")
    a_worker(alias, "silent-long-ago", ended_s=700, reason=f"{SILENT} for 10 s")
    a_worker(alias, "recycled", ended_s=60, reason="500 jobs done")
    assert 1 == look(alias).replaced


def test_what_nodes_say_of_themselves_is_taken_over(alias: str) -> None:
    found = look(alias, pressed={"w0": 0.95}, exhausted=True)
    assert ({"w0": 0.95}, 1) == (found.pressed, found.exhausted)


@pytest.mark.parametrize(
    ("fields", "overdue_s"),
    [
        ({"started_at": ago(100), "timeout": 30.0}, 70 - GRACES_S),
        ({"started_at": ago(100), "timeout": None, "cancel_requested_at": ago(50)}, 50 - GRACES_S),
        ({"started_at": ago(100), "timeout": 90.0, "cancel_requested_at": ago(50)}, 50 - GRACES_S),
    ],
)
def test_jobs_that_should_have_ended_are_found(alias: str, fields: dict[str, Any], overdue_s: float) -> None:
    job = a_job(alias, JobStatus.RUNNING, **fields)
    (found,) = look(alias).stuck
    assert Stuck(job, "app.send", "w0", pytest.approx(overdue_s)) == found


@pytest.mark.parametrize(
    "fields", [{"timeout": None}, {"timeout": 99.0}, {"timeout": 30.0, "status": JobStatus.COMPLETED}]
)
def test_jobs_that_may_run_on_are_not(alias: str, fields: dict[str, Any]) -> None:
    a_job(alias, **{"status": JobStatus.RUNNING, "started_at": ago(100), **fields})
    assert [] == look(alias).stuck


def test_new_dead_letters_are_counted_by_when_they_ended(alias: str) -> None:
    for seconds in (10, 3000, 4000):
        a_job(alias, JobStatus.FAILED, finished_at=ago(seconds))
    a_job(alias, JobStatus.TIMEOUT, finished_at=ago(20))
    a_job(alias, JobStatus.TIMEOUT, finished_at=ago(20), discarded_at=ago(5))
    assert 3 == look(alias).dead_lately
    assert 0 == look(alias, any_dead=False).dead_lately, "where there are none nobody looks"
