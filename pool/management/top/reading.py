"""One look at the pool: its figures, the same as the overview's, and the last minute. Over Django's connection.

The first look is the command's own, so that a database that cannot be read is told at once; the others are the aside's.
"""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.utils import timezone

from pool.conf import database_alias
from pool.management.top.minute import Minute, Past
from pool.store.history import SECOND, past
from pool.store.live import live_status


@dataclass(frozen=True, slots=True)
class Reading:
    status: dict[str, Any]
    minute: Minute
    at: float
    """Monotonic seconds."""

    @property
    def age_s(self) -> float | None:
        """How old the newest snapshot was when it was read; None without a node."""
        at = self.status["live"]["at"]
        if at is None:
            return None
        age = datetime.fromisoformat(self.status["timestamp"]) - datetime.fromisoformat(at)
        return max(age.total_seconds(), 0.0)


class Look:
    """Keeps the last minute between the looks."""

    def __init__(self) -> None:
        self._past = Past()

    def __call__(self) -> Reading:
        now, at = timezone.now(), time.monotonic()
        status = live_status(now)
        since = datetime.fromtimestamp(self._past.unread_since(now.timestamp()), UTC)
        self._past.take(past(database_alias(), SECOND, since, now, histograms=False))
        return Reading(status, self._past.minute(now.timestamp()), at)
