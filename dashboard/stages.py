"""How a job that should end is being ended. Pure; used by the job's page."""

from dataclasses import dataclass
from datetime import datetime

from pool.domain.config import PoolConfig
from pool.domain.stages import Graces, Stage
from pool.domain.states import JobStatus
from pool.models import Job

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


def stages_of_end(job: Job, config: PoolConfig, now: datetime) -> list[EndStage]:
    """How far the cancel of a running job is; empty when nobody asked for one."""
    if job.cancel_requested_at is None or job.status not in (JobStatus.ASSIGNED, JobStatus.RUNNING):
        return []
    graces = Graces(config.flag_grace_s, config.exception_grace_s, config.term_grace_s)
    waited = (now - job.cancel_requested_at).total_seconds()
    return [EndStage(*words, graces.before(stage), waited >= graces.before(stage)) for stage, words in STAGES.items()]
