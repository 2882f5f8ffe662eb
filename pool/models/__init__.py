"""The tables: columns, indexes and constraints, no behaviour. `pool.store` is the only writer."""

from pool.models.alert import AlertRecord
from pool.models.attempt import Attempt
from pool.models.dependency import Batch, BatchChange, JobDependency
from pool.models.event import PoolEvent
from pool.models.job import Job
from pool.models.limit import KeyRate, Tenant, UniqueKey
from pool.models.log import JobLog
from pool.models.node import Node
from pool.models.queue import Queue, Tally
from pool.models.schedule import ScheduleState
from pool.models.snapshot import PoolSnapshot, WorkerSnapshot
from pool.models.token import ApiToken

__all__ = [
    "AlertRecord",
    "ApiToken",
    "Attempt",
    "Batch",
    "BatchChange",
    "Job",
    "JobDependency",
    "JobLog",
    "KeyRate",
    "Node",
    "PoolEvent",
    "PoolSnapshot",
    "Queue",
    "ScheduleState",
    "Tally",
    "Tenant",
    "UniqueKey",
    "WorkerSnapshot",
]
