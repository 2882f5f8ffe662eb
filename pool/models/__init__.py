"""The tables: columns, indexes and constraints, no behaviour. `pool.store` is the only writer."""

from pool.models.attempt import Attempt
from pool.models.event import PoolEvent
from pool.models.job import Job
from pool.models.log import JobLog
from pool.models.node import Node
from pool.models.queue import Queue, Tally
from pool.models.snapshot import PoolSnapshot, WorkerSnapshot
from pool.models.token import ApiToken

__all__ = [
    "ApiToken",
    "Attempt",
    "Job",
    "JobLog",
    "Node",
    "PoolEvent",
    "PoolSnapshot",
    "Queue",
    "Tally",
    "WorkerSnapshot",
]
