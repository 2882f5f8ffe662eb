"""What is wrong that the figures of one moment do not show: rules over what a clerk finds when it looks now and then.

Pure. `pool.domain.health` judges the moment, in every process that shows it; these need a look at rows, so one process
does it and the alerts stand in a table for all others. Together they are what alerts open for.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pool.domain.alerting import Seen
from pool.domain.health import Alert, Level
from pool.domain.wording import age, number, percent

LEAST_FINISHED = 10
"""Attempts of a worker below which its share of failures says nothing."""
REPLACED_LATELY_S = 600.0
"""For so long a worker that was replaced for its silence is worth knowing of."""
OVERDUE_S = 5.0
"""Beyond the last stage of its end a job that still runs is stuck."""
NAMED = 3
"""Of many things of a kind so many are named."""

NAMES = frozenset(
    {"error_rate", "zombies", "worker_memory", "stuck_job", "dead_letters", "missed_schedule", "restart_budget"}
)
DELIBERATE = frozenset({"paused_queue", "shutting_down"})
"""What somebody did on purpose shows on the pages, and nobody is woken for it."""


@dataclass(frozen=True, slots=True)
class WorkerSight:
    worker: str
    """Empty: all workers of the kind that did one job each."""
    failed: int
    finished: int
    kind: str = ""

    @property
    def name(self) -> str:
        return self.worker or f"{self.kind} workers with a job each"

    @property
    def error_rate(self) -> float:
        return self.failed / self.finished if self.finished else 0.0


@dataclass(frozen=True, slots=True)
class Stuck:
    """A job that was to end, by its timeout or a cancel, and has not."""

    job: str
    task: str
    worker: str
    overdue_s: float


@dataclass(frozen=True, slots=True)
class Sight:
    """What a look found."""

    workers: Sequence[WorkerSight] = ()
    """Those that live, and those that ended a moment ago."""
    replaced: int = 0
    pressed: Mapping[str, float] = field(default_factory=dict)
    """Workers short of memory, and how much of theirs they use."""
    stuck: Sequence[Stuck] = ()
    dead_lately: int = 0
    """New dead letters within an hour, as far as they were counted."""
    late_schedules: Sequence[tuple[str, float]] = ()
    """By name, and how late."""
    exhausted: int = 0
    """Nodes whose budget of restarts is used up."""


@dataclass(frozen=True, slots=True)
class Marks:
    """The settings that these rules go by."""

    error_rate: float = 0.1
    dead_letters: int = 10


def alarms(sight: Sight, marks: Marks) -> list[Alert]:
    """Judge a look."""
    found = [
        _error_rate(sight, marks),
        _replaced(sight),
        _dead_letters(sight, marks),
        _exhausted(sight),
        _late(sight),
    ]
    return [alert for alert in found if alert is not None] + _pressed(sight) + _stuck(sight)


def too_many_errors(sight: Sight, marks: Marks) -> list[WorkerSight]:
    """The workers with more failures than is normal, the worst first."""
    known = [one for one in sight.workers if one.finished >= LEAST_FINISHED and one.error_rate > marks.error_rate]
    return sorted(known, key=lambda one: (-one.error_rate, one.name))


def seen(alerts: Iterable[Alert]) -> list[Seen]:
    """What alerts open for."""
    return [
        Seen(alert.name, alert.subject, str(alert.level), alert.message)
        for alert in alerts
        if alert.name not in DELIBERATE
    ]


def _error_rate(sight: Sight, marks: Marks) -> Alert | None:
    bad = too_many_errors(sight, marks)
    if not bad:
        return None
    worst, many = bad[0], len(bad)
    alone = f"Worker {worst.worker} fails" if worst.worker else f"{worst.name[0].upper()}{worst.name[1:]} fail"
    who = f"{many} workers fail" if many > 1 else alone
    most = f", {worst.name} most" if many > 1 else ""
    message = (
        f"{who} in more than {percent(marks.error_rate)} of their attempts{most}: "
        f"{number(worst.failed)} of {number(worst.finished)}."
    )
    is_one = many == 1 and bool(worst.worker)
    return Alert("error_rate", Level.WARNING, message.replace("their", "its") if is_one else message)


def _replaced(sight: Sight) -> Alert | None:
    if not sight.replaced:
        return None
    many = "1 worker was" if sight.replaced == 1 else f"{number(sight.replaced)} workers were"
    message = f"{many} silent for too long and replaced, within the last {age(REPLACED_LATELY_S)}."
    return Alert("zombies", Level.WARNING, message)


def _dead_letters(sight: Sight, marks: Marks) -> Alert | None:
    if sight.dead_lately < marks.dead_letters:
        return None
    jobs = "1 job" if sight.dead_lately == 1 else f"{number(sight.dead_lately)} jobs"
    whose = "its" if sight.dead_lately == 1 else "their"
    return Alert("dead_letters", Level.WARNING, f"{jobs} used up {whose} attempts within the last hour.")


def _exhausted(sight: Sight) -> Alert | None:
    if not sight.exhausted:
        return None
    nodes = "A node" if sight.exhausted == 1 else f"{number(sight.exhausted)} nodes"
    message = f"{nodes} used up the budget of restarts: workers die before their first job, and the next start waits."
    return Alert("restart_budget", Level.WARNING, message)


def _late(sight: Sight) -> Alert | None:
    if not sight.late_schedules:
        return None
    named = ", ".join(f"{name!r} ({age(seconds)})" for name, seconds in sight.late_schedules[:NAMED])
    more = len(sight.late_schedules) - NAMED
    rest = f" and {number(more)} more" if more > 0 else ""
    return Alert("missed_schedule", Level.WARNING, f"Schedules that should have run by now: {named}{rest}.")


def _pressed(sight: Sight) -> list[Alert]:
    """Each worker is one: whoever looks wants to know which."""
    return [
        Alert(
            "worker_memory",
            Level.WARNING,
            f"Worker {worker} uses {percent(round(share, 2))} of the memory it may; above that it is replaced.",
            worker,
        )
        for worker, share in sorted(sight.pressed.items())
    ]


def _stuck(sight: Sight) -> list[Alert]:
    return [
        Alert(
            "stuck_job",
            Level.WARNING,
            f"Job {one.job} ({one.task}) should have ended and still runs in worker {one.worker}.",
            one.job,
        )
        for one in sight.stuck
        if one.overdue_s > OVERDUE_S
    ]
