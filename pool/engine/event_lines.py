"""With LOG_LEVEL at DEBUG every event is a line of the log: one more receiver of the pool's signals, in the clerk.

Below that level nobody listens, and an event of a job costs nothing. What stands in the log anyway is not told twice.
"""

from typing import Any

from pool import signals
from pool.domain.config import PoolConfig
from pool.domain.events import EVENTS
from pool.logs import get_logger

log = get_logger(__name__)


def log_all_events(config: PoolConfig) -> None:
    """Begin, where the settings ask for it."""
    if config.log_level == "DEBUG":
        signals.every_event.connect(_log)


def _log(event: signals.Happening, **_: Any) -> None:
    known = EVENTS.get(event.name)
    if known is not None and known.log:
        return
    about = {"worker": event.worker, "job": event.job, "at": event.at.isoformat()}
    log.debug(event.name, **{**event.data, **{name: value for name, value in about.items() if value}})
