"""The states of jobs, attempts, workers and nodes. The moves between them: `pool.domain.transitions`.

A job waits (SCHEDULED for its time, BLOCKED for other jobs), may start (PENDING), is leased to a node (ASSIGNED),
executes (RUNNING) and ends in one of four ways. FAILED and TIMEOUT are the dead letters: they stay until somebody
retries or discards them.
"""

from enum import StrEnum


class JobStatus(StrEnum):
    SCHEDULED = "SCHEDULED"
    BLOCKED = "BLOCKED"
    PENDING = "PENDING"
    ASSIGNED = "ASSIGNED"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    TIMEOUT = "TIMEOUT"
    CANCELLED = "CANCELLED"


S = JobStatus

WAITING = frozenset({S.SCHEDULED, S.BLOCKED, S.PENDING})
EXECUTING = frozenset({S.ASSIGNED, S.RUNNING})
TERMINAL = frozenset({S.COMPLETED, S.FAILED, S.TIMEOUT, S.CANCELLED})
DEAD_LETTERS = frozenset({S.FAILED, S.TIMEOUT})


STACK = "stack"
"""The stream of a job's log that says where the job was when somebody looked; all others are what it said."""


SILENT = "no sign of life"
"""How the reason begins for which a silent worker is ended."""


class ParentEnd(StrEnum):
    """Which end of a parent lets its child go on; any other end cancels the child."""

    SUCCESS = "success"
    FAILURE = "failure"
    ANY = "any"


class Outcome(StrEnum):
    """How one attempt ended."""

    SUCCEEDED = "succeeded"
    ERROR = "error"
    TIMEOUT = "timeout"
    CRASHED = "crashed"
    MEMORY_LIMIT = "memory_limit"
    LOST = "lost"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    UNSERIALISABLE = "unserialisable"


class WorkerState(StrEnum):
    STARTING = "STARTING"
    IDLE = "IDLE"
    BUSY = "BUSY"
    UNHEALTHY = "UNHEALTHY"
    TERMINATING = "TERMINATING"
    TERMINATED = "TERMINATED"


class NodeState(StrEnum):
    STARTING = "STARTING"
    RUNNING = "RUNNING"
    DRAINING = "DRAINING"
    STOPPED = "STOPPED"
    LOST = "LOST"


LIVE_NODES = frozenset({NodeState.STARTING, NodeState.RUNNING, NodeState.DRAINING})
