"""Django admin of the pool's tables: everything can be looked at, and what the pool writes nobody else changes."""

from pool.admin.jobs import AttemptAdmin, JobAdmin, JobLogAdmin
from pool.admin.running import (
    NodeAdmin,
    PoolEventAdmin,
    PoolSnapshotAdmin,
    QueueAdmin,
    TallyAdmin,
    WorkerSnapshotAdmin,
)
from pool.admin.tokens import ApiTokenAdmin

__all__ = [
    "ApiTokenAdmin",
    "AttemptAdmin",
    "JobAdmin",
    "JobLogAdmin",
    "NodeAdmin",
    "PoolEventAdmin",
    "PoolSnapshotAdmin",
    "QueueAdmin",
    "TallyAdmin",
    "WorkerSnapshotAdmin",
]
