"""What the feed looks for in the database, at every look. Lives in the feed's reading thread.

A node writes one snapshot a second. The number of the newest one is asked for ten times a second, which costs a seek;
only when it has moved, the figures are read. Without a node they are read now and then: jobs come all the same.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from pool.store.live import live_status, newest_snapshot
from pool.store.watched import JobNews, Watch

LEAST_S = 0.7
"""Several nodes write at different moments of a second; viewers get one snapshot of all."""
MOST_S = 2.0
JOBS_EVERY_S = 0.25


@dataclass(frozen=True, slots=True)
class Wants:
    """What is watched now; `fresh` what nobody was told anything of yet."""

    pool: bool = False
    pool_is_fresh: bool = False
    jobs: Collection[UUID] = ()
    fresh: Collection[UUID] = ()


@dataclass(frozen=True, slots=True)
class Found:
    status: dict[str, Any] | None = None
    jobs: list[JobNews] = field(default_factory=list)


class Reader:
    def __init__(self) -> None:
        self._watch = Watch()
        self._snapshot = 0
        self._read_at = self._jobs_at = float("-inf")

    def look(self, wants: Wants, now: float) -> Found:
        """What is new since the last look. `now` is monotonic seconds."""
        status = live_status() if wants.pool and self._is_due(wants.pool_is_fresh, now) else None
        return Found(status, self._look_at_jobs(wants, now))

    def _is_due(self, is_fresh: bool, now: float) -> bool:
        newest, passed_s = newest_snapshot(), now - self._read_at
        due = is_fresh or passed_s >= MOST_S or (newest != self._snapshot and passed_s >= LEAST_S)
        if due:
            self._snapshot, self._read_at = newest, now
        return due

    def _look_at_jobs(self, wants: Wants, now: float) -> list[JobNews]:
        if not wants.jobs or (not wants.fresh and now - self._jobs_at < JOBS_EVERY_S):
            return []
        self._jobs_at = now
        self._watch.forget(wants.fresh)
        return self._watch.look(wants.jobs, now)
