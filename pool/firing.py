"""When schedules fire: one look at their rows, as the clerk of each node takes it again and again.

Nothing is fired twice, whoever else looks at the same moment: `pool.store.schedules` stores a job only together with
its schedule's next time. A schedule that cannot be run stays due, is complained about, and holds up no other.
"""

import time
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from django.db import InterfaceError, OperationalError, connections

from pool.adapters import django_q
from pool.domain.complaints import Complaints
from pool.domain.errors import InvalidSchedule
from pool.logs import get_logger
from pool.schedules import Made, announce, make
from pool.store import schedules as store
from pool.store.schedules import Run

log = get_logger(__name__)

LOOK_S = 1.0
"""Between two looks at the rows: one may be added or changed at any time."""
LEAST_LOOK_S = 0.01

MOST_PASSES = 20
"""Runs of one schedule that are made good in one look; the next one goes on."""

MOST_COMPLAINTS = 1000

Ready = tuple[Run, Made]


class Firing:
    """The looks of one process at the schedules of a database."""

    def __init__(self, alias: str) -> None:
        self.alias = alias
        self.jobs = 0
        self.complaints: defaultdict[int, Complaints] = defaultdict(Complaints)

    @property
    def has_schedules(self) -> bool:
        return not django_q.absent(self.alias)

    def look(self, now: float) -> float:
        """Enqueue a job for each run that is due; in how many seconds to look again. `now` is the database's time."""
        at = datetime.fromtimestamp(now, UTC)
        connections[self.alias].close_if_unusable_or_obsolete()
        try:
            if not django_q.is_migrated(self.alias):
                return LOOK_S
            # With catch-up a schedule may be due several times over.
            for _ in range(MOST_PASSES):
                if not self._fire_all(at):
                    return self._rest_s(at)
        except (InterfaceError, OperationalError):
            connections[self.alias].close()
            raise
        return LEAST_LOOK_S

    def forget_deleted(self) -> None:
        """Remove what was noted of schedules that somebody has deleted."""
        if django_q.is_migrated(self.alias):
            store.forget_deleted(self.alias)

    def _rest_s(self, at: datetime) -> float:
        coming = store.next_due(self.alias, at)
        return LOOK_S if coming is None else min(max((coming - at).total_seconds(), LEAST_LOOK_S), LOOK_S)

    def _fire_all(self, now: datetime) -> int:
        """Fire each that is due once; how many were fired here."""
        return sum(self._fire_some(self._ready(rows, now), now) for rows in store.due(self.alias, now))

    def _ready(self, rows: Sequence[Any], now: datetime) -> list[Ready]:
        """Everything that can be made before a lock is taken."""
        catch_up = django_q.catches_up()
        ready = []
        for row in rows:
            try:
                ready.append(_prepared(row, now, catch_up=catch_up))
            except (InvalidSchedule, ValueError) as error:
                self._complain(row, error)
        return ready

    def _fire_some(self, ready: Sequence[Ready], now: datetime) -> int:
        if not ready:
            return 0
        try:
            fired = store.fire(self.alias, [run for run, _ in ready], now)
        except (InterfaceError, OperationalError):
            raise
        except Exception as error:  # noqa: BLE001  one by one it shows whose fault it is
            if len(ready) > 1:
                return sum(self._fire_some([one], now) for one in ready)
            self._complain(ready[0][0].row, error)
            return 0
        self.jobs += len(fired)
        for run, _ in ready:
            self.complaints.pop(run.row.pk, None)
        new = {run.job.id for run, id in fired if run.job.id == id}
        for _, made in ready:
            if made.job.id in new:
                announce(made)
        return len(fired)

    def _complain(self, row: Any, error: Exception) -> None:
        if len(self.complaints) >= MOST_COMPLAINTS:
            self.complaints.clear()
        if self.complaints[row.pk].failed(time.monotonic(), str(error)[:100]):
            log.warning("schedule.not_fired", schedule=row.pk, name=store.named(row), error=str(error)[:300])


def _prepared(row: Any, now: datetime, *, catch_up: bool) -> Ready:
    made = make(row, row.next_run, now)
    if django_q.is_once(row):
        return Run(row, made.job, None), made
    following = django_q.following(row, now, catch_up=catch_up)
    return Run(row, made.job, following.at, following.missed), made
