"""Follows the demo's jobs until the last has ended. Runs in the process of `manage.py pool demo`.

It asks only for the demo's own unfinished ids, in chunks, and spends at most a tenth of the time on asking. It never
waits for jobs that nobody will run.
"""

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import pool
from pool.conf import database_alias
from pool.domain.errors import PoolError
from pool.domain.states import JobStatus, NodeState
from pool.library.demo.report import DemoRow
from pool.models import Job
from pool.store.status import nodes, paused_queues

CHUNK = 500
LOOK_S = 0.2
SILENCE_S = 15.0
QUEUE = "default"
COLUMNS = ("id", "task", "status", "attempts", "args", "started_at", "finished_at", "result", "error")


class DemoRefused(PoolError):
    """The demo cannot run now."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


@dataclass(slots=True)
class Watch:
    """The demo's jobs: which have not ended, and the rows of those that have."""

    unfinished: list[UUID]
    start: datetime
    to_cancel: UUID | None = None
    rows: list[DemoRow] = field(default_factory=list)
    lost: int = 0

    def until_done(self) -> Iterator[list[DemoRow]]:
        """Yield after every look all rows that ended so far."""
        heard = time.monotonic()
        while self.unfinished:
            before = time.monotonic()
            if self.look():
                heard = time.monotonic()
            yield self.rows
            self.cancel_once_it_runs()
            if before - heard >= SILENCE_S:
                self.doubt()
                heard = before
            cost = time.monotonic() - before
            time.sleep(max(LOOK_S, 10 * cost) if self.unfinished else 0)

    def cancel_once_it_runs(self) -> None:
        """Cancel the job that is there to be cancelled."""
        if self.to_cancel and _jobs([self.to_cancel]).filter(status=JobStatus.RUNNING).exists():
            with suppress(PoolError):
                pool.cancel(self.to_cancel)
            self.to_cancel = None

    def look(self) -> int:
        """Collect the jobs that ended since the last look, and return how many they are."""
        ended: list[dict[str, Any]] = []
        for chunk in self._chunks():
            ended += _jobs(chunk).filter(finished_at__isnull=False).values(*COLUMNS)
        gone = {row["id"] for row in ended}
        self.unfinished = [one for one in self.unfinished if one not in gone]
        self.rows += [_row(row, self.start) for row in ended]
        return len(ended)

    def doubt(self) -> None:
        """Nothing ended for long: forget jobs that were deleted, and give up when no node is there to run the rest."""
        kept = {one for chunk in self._chunks() for one in _jobs(chunk).values_list("id", flat=True)}
        self.lost += len(self.unfinished) - len(kept)
        self.unfinished = [one for one in self.unfinished if one in kept]
        if self.unfinished:
            require_open_pool(waiting=len(self.unfinished))

    def _chunks(self) -> Iterator[list[UUID]]:
        for start in range(0, len(self.unfinished), CHUNK):
            yield self.unfinished[start : start + CHUNK]


def _jobs(ids: list[UUID]) -> Any:
    return Job.objects.using(database_alias()).order_by().filter(pk__in=ids)


def _row(row: dict[str, Any], start: datetime) -> DemoRow:
    began, ended = row["started_at"], row["finished_at"]
    about = row["args"][0] if row["args"] else ""
    return DemoRow(
        id=str(row["id"]),
        task=row["task"],
        status=row["status"],
        attempts=row["attempts"],
        about=about if isinstance(about, str) else repr(about),
        run_ms=(ended - began).total_seconds() * 1000 if began else None,
        ended_s=(ended - start).total_seconds(),
        result=row["result"] if row["status"] == JobStatus.COMPLETED else None,
        error=row["error"],
    )


def require_open_pool(waiting: int = 0) -> None:
    """Refuse to wait when no node runs or the queue is closed."""
    left = f" {waiting} jobs wait for it." if waiting else ""
    if not any(node["state"] in (NodeState.STARTING, NodeState.RUNNING) for node in nodes()):
        raise DemoRefused(f"No node is running.{left} Start one with manage.py serve, or manage.py pool run.")
    if QUEUE in paused_queues():
        raise DemoRefused(f"The queue {QUEUE} is paused.{left} Open it with manage.py pool resume {QUEUE}.")
