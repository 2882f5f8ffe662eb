"""How a running job is ended: a flag it can read, an exception, SIGTERM, SIGKILL. Each stage gets its own time."""

from dataclasses import dataclass
from enum import IntEnum


class Stage(IntEnum):
    NONE = 0
    FLAG = 1
    EXCEPTION = 2
    TERM = 3
    KILL = 4


@dataclass(frozen=True, slots=True)
class Graces:
    """Seconds each stage is given before the next begins."""

    flag_s: float = 1.0
    exception_s: float = 4.0
    term_s: float = 5.0

    def before(self, stage: Stage) -> float:
        """Seconds from the beginning of the end until the given stage."""
        return {
            Stage.NONE: 0.0,
            Stage.FLAG: 0.0,
            Stage.EXCEPTION: self.flag_s,
            Stage.TERM: self.flag_s + self.exception_s,
            Stage.KILL: self.flag_s + self.exception_s + self.term_s,
        }[stage]


def due_stage(asked_at: float, now: float, graces: Graces) -> Stage:
    """The stage that is due by now, for an end that was asked for at `asked_at` (both monotonic seconds)."""
    waited = now - asked_at
    for stage in (Stage.KILL, Stage.TERM, Stage.EXCEPTION):
        if waited >= graces.before(stage):
            return stage
    return Stage.FLAG


def next_stage_at(asked_at: float, stage: Stage, graces: Graces) -> float | None:
    """When the stage after the given one is due; None after the last."""
    if stage is Stage.KILL:
        return None
    return asked_at + graces.before(Stage(stage + 1))
