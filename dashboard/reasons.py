"""Why a job does not run yet, and how one that should end is being ended. Pure; used by the job's page."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pool.domain.config import PoolConfig
from pool.domain.errors import UnknownTask
from pool.domain.stages import Graces, Stage
from pool.domain.states import JobStatus
from pool.domain.wording import milliseconds, number
from pool.models import Job

UNKNOWN_TASK = f"{UnknownTask.__module__}.{UnknownTask.__qualname__}"
AT_ONCE = "It is next: it starts as soon as a worker takes it."
STAGES = {
    Stage.FLAG: ("Asked", "The task can see that it should end."),
    Stage.EXCEPTION: ("Exception", "Raised inside the task."),
    Stage.TERM: ("SIGTERM", "The worker is told to end."),
    Stage.KILL: ("SIGKILL", "The worker is ended."),
}


@dataclass(frozen=True, slots=True)
class EndStage:
    """One step on the way to the end of a running job."""

    name: str
    text: str
    after_s: float
    is_reached: bool


def why_it_waits(job: Job, position: int | None, status: Mapping[str, Any], now: datetime) -> list[str]:
    """Name what stands between the job and its start, the most important first; empty when nothing does."""
    if job.status == JobStatus.SCHEDULED:
        return [_scheduled(job, now)]
    if job.status == JobStatus.BLOCKED:
        return ["It waits for other jobs to end."]
    if job.status == JobStatus.ASSIGNED:
        return ["A node holds it. It starts as soon as its worker has finished what it has in hand."]
    return list(_pending(job, position, status)) if job.status == JobStatus.PENDING else []


def stages_of_end(job: Job, config: PoolConfig, now: datetime) -> list[EndStage]:
    """How far the cancel of a running job is; empty when nobody asked for one."""
    if job.cancel_requested_at is None or job.status not in (JobStatus.ASSIGNED, JobStatus.RUNNING):
        return []
    graces = Graces(config.flag_grace_s, config.exception_grace_s, config.term_grace_s)
    waited = (now - job.cancel_requested_at).total_seconds()
    return [EndStage(*words, graces.before(stage), waited >= graces.before(stage)) for stage, words in STAGES.items()]


def is_unknown(job: Job) -> bool:
    """Whether the job waits because no worker knows its task."""
    return job.attempts == job.attempts_base and (job.error or {}).get("type") == UNKNOWN_TASK


def _scheduled(job: Job, now: datetime) -> str:
    left = max((job.run_at - now).total_seconds(), 0.0)
    when = f"in {milliseconds(left * 1000)}" if left else "now"
    if job.error and is_unknown(job):
        return f"{job.error['message']} It is looked at again {when}."
    if job.attempts > job.attempts_base:
        return f"Attempt {job.attempts} failed. The next one starts {when}."
    return f"It waits for its time: it starts {when}."


def _pending(job: Job, position: int | None, status: Mapping[str, Any]) -> Iterator[str]:
    pool, queue = status["pool"], status["queue"]["by_queue"].get(job.queue, {})
    is_paused = bool(queue.get("paused"))
    if is_paused:
        yield f"Queue {job.queue} is paused. Nothing in it starts until somebody resumes it."
    if not pool["nodes"]:
        yield "No node is running, so nothing can start. Start one with: manage.py pool start"
        return
    if pool["shutting_down"]:
        yield "The pool finishes its jobs and takes no new ones."
    if position != 0 or not is_paused:
        yield _place(position, None if is_paused else status["tasks"]["throughput"])
    workers = pool["workers"]
    if workers["total"] and workers["active"] >= workers["total"]:
        yield f"All {workers['total']} workers are busy." if workers["total"] > 1 else "The only worker is busy."


def _place(position: int | None, throughput: float | None) -> str:
    if position is None:
        return "More than 10,000 jobs of its queue come first."
    if position == 0:
        return AT_ONCE
    jobs = "1 job of its queue comes" if position == 1 else f"{number(position)} jobs of its queue come"
    soon = f", in about {milliseconds(position / throughput * 1000)} at this rate" if throughput else ""
    return f"{jobs} first{soon}."
