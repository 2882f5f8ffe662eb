"""Which right each action needs: the table that `dashboard.access.decide` reads, and nothing else.

A person needs the permission, and to be staff. A token needs the scope as well. Pages, admin, API and socket name the
action; none of them names a permission.
"""

from dataclasses import dataclass
from enum import StrEnum

from pool.store.tokens import OPERATE, PERMISSIONS, READ, SUBMIT


class Action(StrEnum):
    """What somebody may want to do. The words are those of the audit and of the messages."""

    READ = "read"
    SUBMIT = "submit"
    CANCEL = "cancel"
    RETRY = "retry"
    DISCARD = "discard"
    PAUSE = "pause"
    RESUME = "resume"
    TUNE = "tune"
    SCALE = "scale"
    RESTART = "restart"
    MUTE = "mute"
    CHECK = "check"
    RUN = "run"


@dataclass(frozen=True, slots=True)
class Right:
    """The scope a token needs, and the permissions of which its user needs one."""

    scope: str

    @property
    def permissions(self) -> tuple[str, ...]:
        return PERMISSIONS[self.scope]


RIGHTS: dict[Action, Right] = {
    Action.READ: Right(READ),
    Action.SUBMIT: Right(SUBMIT),
    Action.CANCEL: Right(OPERATE),
    Action.RETRY: Right(OPERATE),
    Action.DISCARD: Right(OPERATE),
    Action.PAUSE: Right(OPERATE),
    Action.RESUME: Right(OPERATE),
    Action.TUNE: Right(OPERATE),
    Action.SCALE: Right(OPERATE),
    Action.RESTART: Right(OPERATE),
    Action.MUTE: Right(OPERATE),
    Action.CHECK: Right(OPERATE),
    Action.RUN: Right(OPERATE),
}
