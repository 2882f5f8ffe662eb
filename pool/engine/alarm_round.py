"""The clerk's look for alerts, every few seconds: what is wrong, what of it is new, what is over, and who must be told.

The rules are `pool.domain.health` and `pool.domain.alarms`, the bookkeeping `pool.domain.alerting` over the table. Each
clerk does it; whoever is first writes.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from django.db import connections
from django.utils import timezone

from pool import logs, signals
from pool.domain import alarms
from pool.domain.alarms import Marks, Sight
from pool.domain.alerting import Changes, Open, Seen, compare
from pool.domain.config import PoolConfig
from pool.domain.events import EVENTS
from pool.domain.figures import NodeFigures
from pool.domain.health import Alert, Level
from pool.engine.courier import Courier
from pool.store import alerts
from pool.store.sight import look
from pool.store.snapshots import latest
from pool.store.status import pool_status

log = logs.get_logger(__name__)


class AlarmRound:
    def __init__(self, config: PoolConfig, node: str, courier: Courier) -> None:
        self.config, self.node, self.courier = config, node, courier
        self.marks = Marks(config.error_rate_alert, config.dead_letters_alert)
        self._failing: set[str] = set()

    def go(self) -> None:
        """Look once."""
        try:
            self.look(timezone.now())
        except Exception:
            connections[self.config.database].close()
            raise

    def look(self, now: datetime) -> None:
        """One look at this time."""
        alias, at = self.config.database, now.timestamp()
        nodes = latest(alias, now)
        figures = pool_status(now, nodes)
        sight = look(alias, nodes, self.config, now, any_dead=figures["tasks"]["dlq"] > 0)
        found = _of_the_moment(figures["health"]["alerts"]) + alarms.alarms(sight, self.marks)
        repeat_s, clear_s = self.config.alert_repeat_s, self.config.alert_clear_s
        changes = compare(alerts.known(alias), alarms.seen(found), at, repeat_s, clear_s)
        self._say(alerts.keep(alias, changes, at))
        self._tell(changes, at)
        self._look_at_errors(sight, nodes)

    def _say(self, news: Changes) -> None:
        for seen in news.opened:
            self._happened("alert.opened", seen)
        for alert in news.resolved:
            self._happened("alert.resolved", alert)

    def _happened(self, name: str, alert: Seen | Open) -> None:
        event, facts = EVENTS[name], alerts.facts_of(alert)
        getattr(log, event.level)(name, **facts)
        self._signal(name, facts)

    def _tell(self, changes: Changes, at: float) -> None:
        if self.courier.is_stuck:
            self.courier = self.courier.successor()
        if not self.courier.is_ready:
            return
        taken = [one for one in changes.told if alerts.take_to_tell(self.config.database, *one, at)]
        if taken and not self.courier.post(taken):
            for what, alert in taken:
                alerts.give_back(self.config.database, what, alert)

    def _look_at_errors(self, sight: Sight, nodes: Sequence[NodeFigures]) -> None:
        """Each worker is told of once, by the clerk of its node; those with a job each by that of the first node."""
        own = {lane["id"] for node in nodes if node.node == self.node for lane in node.data.get("lanes") or ()}
        if self.node == min((node.node for node in nodes), default=""):
            own.add("")
        bad = [one for one in alarms.too_many_errors(sight, self.marks) if one.worker in own]
        for one in bad:
            if one.name not in self._failing:
                counts = {"failed": one.failed, "finished": one.finished, "kind": one.kind}
                self._signal("worker.high_error_rate", {"rate": round(one.error_rate, 4), **counts}, one.worker)
        self._failing = {one.name for one in bad}

    def _signal(self, name: str, facts: Mapping[str, object], worker: str = "") -> None:
        if name in signals.wanted():
            level = EVENTS[name].level
            self.courier.post(signals.Happening(name, datetime.now(UTC), level, self.node, worker, None, facts))


def _of_the_moment(told: Sequence[dict[str, str]]) -> list[Alert]:
    """What the figures show, without what clerks found before."""
    return [
        Alert(one["name"], Level(one["level"]), one["message"], one["subject"])
        for one in told
        if one["name"] not in alarms.NAMES
    ]
