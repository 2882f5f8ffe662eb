"""Jobs that last get their RUNNING status, and their progress, while they run."""

from collections.abc import Sequence
from dataclasses import dataclass

from pool.domain.states import STACK
from pool.store.database import Database, storable

START = """UPDATE pool_job SET status = 'RUNNING', worker = %s, started_at = %s::timestamptz
WHERE id = %s::uuid AND epoch = %s AND status = 'ASSIGNED'"""

PROGRESS = """UPDATE pool_job SET progress = %s, progress_message = %s
WHERE id = %s::uuid AND epoch = %s AND status = 'RUNNING'"""

LOG = """INSERT INTO pool_joblog (job_id, epoch, at, stream, text)
SELECT %s::uuid, %s::int, %s::timestamptz, %s::text, %s::text
WHERE EXISTS (SELECT 1 FROM pool_job WHERE id = %s::uuid)"""

FORGET_STACK = "DELETE FROM pool_joblog WHERE job_id = %s::uuid AND stream = %s"


@dataclass(frozen=True, slots=True)
class Begun:
    job: str
    epoch: int
    worker: str
    started_at: float


@dataclass(frozen=True, slots=True)
class Progressed:
    job: str
    epoch: int
    fraction: float | None
    message: str


@dataclass(frozen=True, slots=True)
class Said:
    """A piece of what a job printed or logged."""

    job: str
    epoch: int
    at: float
    stream: str
    text: str


def write_begun(db: Database, begun: Sequence[Begun]) -> None:
    for one in begun:
        db.execute(START, (one.worker, db.at(one.started_at), one.job, one.epoch))


def write_progress(db: Database, progressed: Sequence[Progressed]) -> None:
    for one in progressed:
        db.execute(PROGRESS, (one.fraction, storable(one.message)[:200], one.job, one.epoch))


def write_log(db: Database, said: Sequence[Said]) -> None:
    for one in said:
        if one.stream == STACK:
            db.execute(FORGET_STACK, (one.job, STACK))
        db.execute(LOG, (one.job, one.epoch, db.at(one.at), one.stream, storable(one.text), one.job))
