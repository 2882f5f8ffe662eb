"""The node's report of every second: its workers, its figures, how it stands."""

import gc
import json
import os
from collections.abc import Callable, Mapping
from typing import Any

import psutil
from django.db import DatabaseError, InterfaceError

from pool.domain.config import PoolConfig
from pool.domain.ids import spelled
from pool.domain.states import NodeState, WorkerState
from pool.engine.clock import Now
from pool.engine.handle import Handle
from pool.engine.ledger import Ledger
from pool.engine.meter import Data, Histograms, Meter, Resources, Standing, merged
from pool.engine.roster import Roster
from pool.engine.staffing import Staffing
from pool.engine.turns import Report
from pool.store import tally
from pool.store.nodes import WorkerRow

EVERY_S = 1.0
ALL_S = 2.5
IDLE_EVERY = 5
"""Reports between two rows of a worker that has nothing new to tell."""


class Reporting:
    def __init__(self, roster: Roster, staffing: Staffing, ledger: Ledger, meter: Meter, config: PoolConfig) -> None:
        self.roster, self.staffing, self.ledger, self.meter, self.config = roster, staffing, ledger, meter, config
        self.last: float | None = None
        self.last_claim_ok = 0.0
        self.pss: dict[int, int] = {}
        self.log_problem = ""
        """What is wrong with SQLite's log."""
        self._count, self._all_until = 0, 0.0
        self._told: dict[str, tuple[int, WorkerState, str, int, int]] = {}
        self._unsent: tuple[Data, Histograms] | None = None
        """Figures of the last report, until it is known to be committed."""
        self.scaling: Callable[[float], Mapping[str, Any]] = lambda _now: {}
        """Asked for what the size goes by."""
        psutil.cpu_times_percent(None)

    def tell_all(self, now: Now) -> None:
        """Somebody waits for news of every worker: for a moment all of their rows are written."""
        self._all_until = now.mono + ALL_S

    def due(self, now: Now) -> bool:
        return now.mono >= self.due_at()

    def due_at(self) -> float:
        """Monotonic time of the next report: it renews the lease, and so a database that is back hears it at once."""
        if self.last is None:
            return 0.0
        if self.ledger.beat_began < self.last and not self.ledger.problem:
            return max(self.last, self.ledger.retry_at)
        return self.last + EVERY_S

    def make(self, now: Now, state: NodeState, ended: list[WorkerRow]) -> Report:
        """The report of the second that ends now, and of those before it that were not committed.

        `ended` are last rows of workers that died in it.
        """
        # Histograms die in rings, 32 kB each, and the collector counts objects, not bytes.
        gc.collect()
        self._look_back()
        self.last = now.mono
        self._count += 1
        rows = [self._measured(handle, now) for handle in self.roster]
        standing = Standing(
            size=self.staffing.wanted,
            min=self.config.min_workers,
            max=max(self.config.max_workers, self.staffing.wanted),
            initialized=self.staffing.ready or state is NodeState.DRAINING,
            shutting_down=state is NodeState.DRAINING,
            ready=not self.ledger.problem and now.mono - self.last_claim_ok < 5.0,
            problem=self.problem,
            scaling=self.scaling(now.mono),
            running_s=self._running_s(now),
            depths=self._depths(),
            resources=self._resources(rows),
        )
        data, histograms = self._unsent = merged(self._unsent, self.meter.snapshot(now.mono, rows, standing))
        return Report(now.wall, data, histograms, self._news(rows, now) + ended, state, len(self.roster), self.problem)

    def _look_back(self) -> None:
        """What was committed is done with; what was not goes out again, with all rows of workers."""
        if self.last is not None and self.ledger.beat_began >= self.last:
            self._unsent = None
        else:
            self._told = {}

    @property
    def problem(self) -> str:
        """Why the node cannot work now, or soon, in a sentence; empty when all is well."""
        return self.ledger.problem or self.staffing.problem or self.log_problem

    def row(self, handle: Handle, now: Now) -> WorkerRow:
        current = [spelled(handle.held[running.seq].job.id) for running in handle.running_jobs()]
        state = (
            WorkerState.TERMINATING if handle.retiring and handle.state is not WorkerState.STARTING else handle.state
        )
        ran = handle.jobs_completed + handle.jobs_failed
        return WorkerRow(
            id=handle.worker,
            slot=handle.index,
            pid=handle.pid,
            kind=handle.kind,
            state=state,
            healthy=handle.state is not WorkerState.UNHEALTHY,
            current_jobs=json.dumps(current),
            jobs_completed=handle.jobs_completed,
            jobs_failed=handle.jobs_failed,
            started_at=now.wall - (now.mono - handle.born_at),
            last_beat=now.wall - (now.mono - handle.beat_at),
            rss=handle.rss,
            cpu=handle.cpu,
            capabilities=json.dumps(sorted(handle.offers)),
            failed_in_row=handle.failed_in_row,
            mean_run_ms=round(handle.ran_us / ran / 1000, 3) if ran else None,
        )

    def last_row(self, handle: Handle, now: Now, reason: str) -> WorkerRow:
        """The row of a worker that has ended."""
        row = self.row(handle, now)
        return WorkerRow(
            row.id, row.slot, row.pid, row.kind, WorkerState.TERMINATED, False, "[]", row.jobs_completed,
            row.jobs_failed, row.started_at, row.last_beat, row.rss, row.cpu, now.wall, reason[:100], row.capabilities,
            row.failed_in_row, row.mean_run_ms,
        )  # fmt: skip

    def _measured(self, handle: Handle, now: Now) -> WorkerRow:
        if handle.held or not self._count % IDLE_EVERY:
            handle.measure(now.mono)
        return self.row(handle, now)

    def _news(self, rows: list[WorkerRow], now: Now) -> list[WorkerRow]:
        """Rows that changed since they were written, and now and then all of them."""
        told = {row.id: (row.pid, row.state, row.current_jobs, row.jobs_completed, row.jobs_failed) for row in rows}
        everything = not self._count % IDLE_EVERY or now.mono < self._all_until
        news = [row for row in rows if everything or told[row.id] != self._told.get(row.id)]
        self._told = told
        return news

    def _depths(self) -> dict[str, int] | None:
        try:
            with self.ledger.db.errors:
                return tally.depths(self.ledger.db)
        except (DatabaseError, InterfaceError):
            # The ledger notices, says so and waits.
            return None

    def _running_s(self, now: Now) -> float:
        return sum(
            max(now.mono - running.started / 1e9, 0.0) / (handle.streams if handle.holds_streams else 1)
            for handle in self.roster
            for running in handle.running_jobs()
        )

    def _resources(self, rows: list[WorkerRow]) -> Resources:
        times = psutil.cpu_times_percent(None)
        io_wait = getattr(times, "iowait", None)
        pids = [row.pid for row in rows]
        own = psutil.Process(os.getpid()).memory_info().rss
        return Resources(
            cpu=round((100.0 - times.idle - (io_wait or 0.0)) / 100.0, 4),
            memory=round(psutil.virtual_memory().percent / 100.0, 4),
            rss=own + sum(row.rss or 0 for row in rows),
            pss=sum(self.pss[pid] for pid in pids if pid in self.pss) or None,
            io_wait=None if io_wait is None else round(io_wait / 100.0, 4),
        )
