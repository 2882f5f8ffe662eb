"""Points at which tests let a process die, fail or pause: one wherever a crash leaves another trace behind.

Named by the store and the engine, and off: then a point costs one look at an empty dict. POOL_FAILPOINTS arms them when
a process starts, as in "before_send=kill9,before_record_commit=sleep:20,on_renew=oserror". It does so only where
POOL_FAILPOINTS_FOLDER names a folder, which is the mark of a test: without it nothing is armed, and a system check
refuses the variable. The action `file` is taken from a file of the point's name in that folder, once: a test can
choose point and moment while everything runs, and sees by the name `<point>.fired` that it came to it.
"""

import os
import re
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path

SLEEP = re.compile(r"sleep:\d+(\.\d+)?")
VARIABLE, FOLDER = "POOL_FAILPOINTS", "POOL_FAILPOINTS_FOLDER"

POINTS: dict[str, str] = {
    "before_enqueue_commit": "a process that enqueues, its job not committed",
    "after_enqueue_commit": "the same, its job committed, nobody told",
    "before_operator_commit": "cancel, retry or discard, not committed",
    "after_operator_commit": "the same, committed",
    "before_register_commit": "the node, not yet known to others",
    "after_register_commit": "the node, known, without workers",
    "before_claim_commit": "the node has claimed jobs, not committed",
    "after_claim_commit": "committed, and not known to have been",
    "before_record_commit": "the node has written how jobs ended, not committed",
    "after_record_commit": "committed, and not known to have been",
    "before_turn_commit": "any other turn of the node, not committed",
    "after_turn_commit": "committed, and not known to have been",
    "before_rescue_commit": "the node gives back a lost node's jobs, not committed",
    "after_rescue_commit": "committed, the lost node's files still there",
    "before_leave_commit": "the node leaves, its last word not committed",
    "after_leave_commit": "committed",
    "before_prune_commit": "old jobs are removed, not committed",
    "after_prune_commit": "committed",
    "on_turn": "the node begins a turn",
    "on_renew": "the node renews its lease",
    "before_send": "the node is about to hand jobs to a worker",
    "after_send": "the worker's socket has them",
    "on_burial": "the node has seen a worker's end",
    "on_cancel": "the node has seen that somebody wants to end a running job",
    "on_drain": "the node begins to leave",
    "on_load": "the nursery is about to load the tasks",
    "on_spawn": "the nursery is about to fork a worker",
    "on_birth": "the worker belongs to its node, and is not ready",
    "before_begin": "the worker took a job, and nothing says that it began",
    "before_user_code": "its slot says that it began",
    "after_user_code": "the function has returned",
    "half_result": "half of its result is in the socket",
    "after_result": "all of it is",
    "on_chore": "the clerk begins a chore",
}

COMMITS = ("register", "claim", "record", "turn", "rescue", "leave", "prune")
"""What transactions of nodes and clerks are about, as the names of their two points have it."""

Action = Callable[[str], None]


class FailpointReached(Exception):
    """A failpoint was told to raise."""


ARMED: dict[str, Action] = {}
"""Points and what happens there, in this process. Empty: everywhere but in tests of crashes."""


def hit(point: str) -> None:
    """Let happen what is armed here."""
    if ARMED and (action := ARMED.get(point)) is not None:
        action(point)


def hit_commit(when: str, doing: str) -> None:
    """The same, before or after a commit of a node's or clerk's transaction."""
    if ARMED and doing in COMMITS:
        hit(f"{when}_{doing}_commit")


def arm(environment: Mapping[str, str]) -> None:
    """Arm what these variables say, and nothing else. Raises ValueError with a sentence."""
    ARMED.clear()
    text, folder = environment.get(VARIABLE, ""), environment.get(FOLDER, "")
    if not (text and folder):
        return
    for part in text.split(","):
        point, _, word = part.strip().partition("=")
        if point not in POINTS and point != "all":
            raise ValueError(f"{VARIABLE}: there is no point {point!r}.")
        action = _from_file(Path(folder)) if word == "file" else _action(word)
        ARMED.update(dict.fromkeys(POINTS if point == "all" else [point], action))


def _action(word: str) -> Action:
    if SLEEP.fullmatch(word):
        seconds = float(word.partition(":")[2])
        return lambda _point: time.sleep(seconds)
    if word not in ACTIONS:
        raise ValueError(f"{VARIABLE}: {word!r} is not one of {', '.join(ACTIONS)}, sleep:SECONDS, file.")
    return ACTIONS[word]


def _from_file(folder: Path) -> Action:
    def act(point: str) -> None:
        fired = folder / f"{point}.fired"
        try:
            # Only one process can take it away.
            os.rename(folder / point, fired)
        except FileNotFoundError:
            return
        _action(fired.read_text().strip())(point)

    return act


def _kill(_point: str) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _stop(_point: str) -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def _raise(point: str) -> None:
    raise FailpointReached(point)


def _fail(_point: str) -> None:
    raise OSError(5, os.strerror(5))


def _break_connection(point: str) -> None:
    from django.db import OperationalError

    raise OperationalError(f"the connection broke at {point}")


ACTIONS: dict[str, Action] = {
    "kill9": _kill,
    "stop": _stop,
    "raise": _raise,
    "oserror": _fail,
    "dberror": _break_connection,
}

arm(os.environ)
