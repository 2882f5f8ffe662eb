"""Whether the pool is well: a status, the share of workers that can work, and what to look at, in sentences.

Pure rules over the figures of one moment. Critical: nothing can run. Degraded: something is broken, work goes on.
A notice is worth knowing and changes no status.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from pool.domain.wording import age

MEMORY_NOTICE = 0.8
MEMORY_WARNING = 0.9
LEAST_CAPACITY = 0.5
STUCK_AFTER_S = 60.0
"""A job that has waited so long while none ended waits in vain."""
LATE_AFTER_S = 600.0
"""A job that has waited so long is worth knowing of, though others end."""


class Status(StrEnum):
    HEALTHY = "healthy"
    DEGRADED = "degraded"
    CRITICAL = "critical"


class Level(StrEnum):
    NOTICE = "notice"
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Alert:
    name: str
    level: Level
    message: str


@dataclass(frozen=True, slots=True)
class Condition:
    """What the rules look at, over all live nodes."""

    nodes: int
    size: int
    """Workers wanted."""
    workers: int
    unhealthy: int
    shutting_down: bool = False
    unready: int = 0
    """Nodes whose last turn did not reach the database."""
    problems: Sequence[str] = ()
    mute: Sequence[str] = ()
    """What is known of further nodes, which live and write no figures."""
    memory: float | None = None
    paused: Mapping[str, int] | None = None
    """Jobs waiting in paused queues."""
    oldest: Mapping[str, float] | None = None
    """Seconds that the oldest job of each open queue has waited."""
    is_idle: bool = False
    """No job ended in the last minute."""


@dataclass(frozen=True, slots=True)
class Health:
    status: Status
    capacity: float | None
    """Healthy workers of those wanted, 0 to 1; None when nothing is wanted."""
    alerts: tuple[Alert, ...]


def assess(condition: Condition) -> Health:
    """Judge the pool."""
    alerts = tuple(_workers(condition) + _nodes(condition) + _waiting(condition) + _notices(condition))
    levels = {alert.level for alert in alerts}
    if Level.CRITICAL in levels:
        status = Status.CRITICAL
    else:
        status = Status.DEGRADED if Level.WARNING in levels else Status.HEALTHY
    return Health(status, _capacity(condition), alerts)


def _capacity(condition: Condition) -> float | None:
    if condition.size <= 0:
        return None
    return round(min((condition.workers - condition.unhealthy) / condition.size, 1.0), 4)


def _workers(condition: Condition) -> list[Alert]:
    if not condition.nodes:
        if condition.mute:
            return [Alert("mute_node", Level.CRITICAL, sentence) for sentence in condition.mute]
        return [Alert("no_node", Level.CRITICAL, "No node is running. Start one with: manage.py pool start")]
    able, capacity = condition.workers - condition.unhealthy, _capacity(condition)
    if able <= 0 and condition.size > 0:
        return [Alert("no_worker", Level.CRITICAL, f"None of the {condition.size} workers can run jobs now.")]
    alerts = []
    if condition.unhealthy:
        message = f"{condition.unhealthy} of {condition.workers} workers {_is(condition.unhealthy)} unhealthy."
        alerts.append(Alert("unhealthy_workers", Level.WARNING, message))
    if capacity is not None and capacity < LEAST_CAPACITY:
        message = f"Only {able} of the {condition.size} workers wanted can run jobs."
        alerts.append(Alert("low_capacity", Level.WARNING, message))
    return alerts


def _nodes(condition: Condition) -> list[Alert]:
    alerts = [Alert("node_problem", Level.WARNING, problem) for problem in condition.problems]
    if condition.nodes:
        alerts += [Alert("mute_node", Level.WARNING, sentence) for sentence in condition.mute]
    if condition.unready and condition.unready >= condition.nodes:
        alerts.append(Alert("database", Level.CRITICAL, "No node reaches the database, so no job can start."))
    elif condition.unready:
        message = f"{condition.unready} of {condition.nodes} nodes {_does(condition.unready)} not reach the database."
        alerts.append(Alert("database", Level.WARNING, message))
    if condition.shutting_down:
        alerts.append(Alert("shutting_down", Level.WARNING, "The pool finishes its jobs and takes no new ones."))
    return alerts


def _waiting(condition: Condition) -> list[Alert]:
    if not condition.nodes or not condition.oldest:
        return []
    queue, seconds = max(condition.oldest.items(), key=lambda item: item[1])
    told = f"The oldest job in queue {queue!r} has waited {age(seconds)}"
    if condition.is_idle and seconds >= STUCK_AFTER_S:
        message = f"{told}, and no job ends. Look at those that run longest, or add workers."
        return [Alert("stuck", Level.WARNING, message)]
    return [Alert("late", Level.NOTICE, f"{told}.")] if seconds >= LATE_AFTER_S else []


def _notices(condition: Condition) -> list[Alert]:
    alerts = []
    if condition.memory is not None and condition.memory > MEMORY_NOTICE:
        level = Level.WARNING if condition.memory > MEMORY_WARNING else Level.NOTICE
        alerts.append(Alert("memory", level, f"{condition.memory:.0%} of the host's memory is in use."))
    for queue, waiting in (condition.paused or {}).items():
        if waiting:
            jobs = "1 job waits" if waiting == 1 else f"{waiting:,} jobs wait"
            alerts.append(Alert("paused_queue", Level.NOTICE, f"Queue {queue!r} is paused; {jobs} in it."))
    return alerts


def _is(number: int) -> str:
    return "is" if number == 1 else "are"


def _does(number: int) -> str:
    return "does" if number == 1 else "do"
