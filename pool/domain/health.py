"""Whether the pool is well: a status, the share of workers that can work, and what to look at, in sentences.

Pure rules over the figures of one moment. Critical: nothing can run. Degraded: something is broken, work goes on.
A notice is worth knowing and changes no status.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from pool.domain.held import Line
from pool.domain.wording import age

MEMORY_NOTICE = 0.8
MEMORY_WARNING = 0.9
LEAST_CAPACITY = 0.5
SUBJECT_CHARS = 60
"""Of a sentence, where nothing shorter says what an alert is about."""
STUCK_AFTER_S = 60.0
"""A job that might have started for so long while none ended waits in vain."""
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
    subject: str = ""
    """Queue, worker, node or job that it is about, where there can be several of its name."""


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
    lines: Mapping[str, Line] | None = None
    """The open queues in which jobs wait."""
    is_idle: bool = False
    """No job ended in the last minute."""
    uptime_s: float = math.inf
    """For how long a node has been there to start jobs."""
    late_after_s: float = LATE_AFTER_S
    found: Sequence[Alert] = ()
    """What clerks found by looks of their own, and stands open."""
    full: Mapping[str, float] | None = None
    """How full queues are whose producers are slowed down or refused, 1 for those that take no more."""


@dataclass(frozen=True, slots=True)
class Health:
    status: Status
    capacity: float | None
    """Healthy workers of those wanted, 0 to 1; None when nothing is wanted."""
    alerts: tuple[Alert, ...]


def assess(condition: Condition) -> Health:
    """Judge the pool."""
    alerts = (*_workers(condition), *_nodes(condition), *_waiting(condition), *_notices(condition), *condition.found)
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
            return [Alert("mute_node", Level.CRITICAL, told, told[:SUBJECT_CHARS]) for told in condition.mute]
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
    # Nodes of one database mostly have the same problem, and it is told once.
    problems = dict.fromkeys(condition.problems)
    alerts = [Alert("node_problem", Level.WARNING, problem, problem[:SUBJECT_CHARS]) for problem in problems]
    if condition.nodes:
        alerts += [Alert("mute_node", Level.WARNING, told, told[:SUBJECT_CHARS]) for told in condition.mute]
    if condition.unready and condition.unready >= condition.nodes:
        alerts.append(Alert("database", Level.CRITICAL, "No node reaches the database, so no job can start."))
    elif condition.unready:
        message = f"{condition.unready} of {condition.nodes} nodes {_does(condition.unready)} not reach the database."
        alerts.append(Alert("database", Level.WARNING, message))
    if condition.shutting_down:
        alerts.append(Alert("shutting_down", Level.WARNING, "The pool finishes its jobs and takes no new ones."))
    return alerts


def _waiting(condition: Condition) -> list[Alert]:
    if not condition.nodes or not condition.lines:
        return []
    return _stuck(condition, condition.lines) + _late(condition, condition.lines)


def _stuck(condition: Condition, lines: Mapping[str, Line]) -> list[Alert]:
    if not condition.is_idle or condition.shutting_down:
        return []
    queue, line = max(lines.items(), key=lambda item: item[1].vain_s)
    if min(line.vain_s, condition.uptime_s) < STUCK_AFTER_S:
        return []
    message = f"{_waited(queue, line)}, and no job ends. Look at those that run longest, or add workers."
    return [Alert("stuck", Level.WARNING, message)]


def _late(condition: Condition, lines: Mapping[str, Line]) -> list[Alert]:
    """Beside `stuck` as well: its end is told, and must not sound like the end of the waiting."""
    late = [(queue, line) for queue, line in lines.items() if line.age_s >= condition.late_after_s]
    if not late:
        return []
    # What a limit holds is told of where nothing else is late.
    queue, line = max(late, key=lambda item: (not item[1].limit, item[1].age_s))
    told = _waited(queue, line)
    return [Alert("late", Level.NOTICE, f"{told}; {line.limit}." if line.limit else f"{told}.")]


def _waited(queue: str, line: Line) -> str:
    return f"The oldest job in queue {queue!r} has waited {age(line.age_s)}"


def _notices(condition: Condition) -> list[Alert]:
    alerts = []
    if condition.memory is not None and condition.memory > MEMORY_NOTICE:
        level = Level.WARNING if condition.memory > MEMORY_WARNING else Level.NOTICE
        alerts.append(Alert("memory", level, f"{condition.memory:.0%} of the host's memory is in use."))
    for queue, fullness in (condition.full or {}).items():
        level = Level.WARNING if fullness >= 1 else Level.NOTICE
        told = "takes no more jobs" if fullness >= 1 else f"is {fullness:.0%} full, and its producers are slowed down"
        alerts.append(Alert("full_queue", level, f"Queue {queue!r} {told}.", queue))
    for queue, waiting in (condition.paused or {}).items():
        if waiting:
            jobs = "1 job waits" if waiting == 1 else f"{waiting:,} jobs wait"
            alerts.append(Alert("paused_queue", Level.NOTICE, f"Queue {queue!r} is paused; {jobs} in it.", queue))
    return alerts


def _is(number: int) -> str:
    return "is" if number == 1 else "are"


def _does(number: int) -> str:
    return "does" if number == 1 else "do"
