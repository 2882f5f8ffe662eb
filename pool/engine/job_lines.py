"""The worker's log lines about its jobs: that one starts, that it is completed, that it failed and why.

A pool does thousands of jobs a second, so a line that its switch suppresses is not even made.
"""

from pool.domain.config import PoolConfig
from pool.domain.states import Outcome
from pool.engine.messages import JobDone, JobFailed
from pool.logs import get_logger

MESSAGE_CHARS = 300

log = get_logger(__name__)


class JobLines:
    def __init__(self, config: PoolConfig) -> None:
        self.errors, self.info, self.debug = config.log_worker_errors, config.log_worker_info, config.log_worker_debug

    def started(self) -> None:
        if self.debug:
            log.debug("job.started")

    def ended(self, ending: JobDone | JobFailed) -> None:
        ms = round((ending.ended - ending.started) / 1e6, 3)
        if isinstance(ending, JobDone):
            if self.info:
                log.info("job.completed", ms=ms)
        elif ending.outcome == Outcome.CANCELLED:
            if self.info:
                log.info("job.cancelled", ms=ms)
        elif self.errors:
            message = ending.message[:MESSAGE_CHARS]
            log.error("job.failed", outcome=str(ending.outcome), error=ending.kind, message=message, ms=ms)
