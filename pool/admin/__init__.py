"""Django admin of the pool's tables: everything can be looked at, and what the pool writes nobody else changes."""

from pool.admin.alerts import AlertRecordAdmin
from pool.admin.jobs import AttemptAdmin, JobAdmin, JobLogAdmin
from pool.admin.limits import KeyRateAdmin, TenantAdmin
from pool.admin.links import BatchAdmin, BatchChangeAdmin, JobDependencyAdmin, UniqueKeyAdmin
from pool.admin.running import (
    NodeAdmin,
    PoolEventAdmin,
    PoolSnapshotAdmin,
    QueueAdmin,
    TallyAdmin,
    WorkerSnapshotAdmin,
)
from pool.admin.schedules import ScheduleStateAdmin
from pool.admin.tokens import ApiTokenAdmin

__all__ = [
    "AlertRecordAdmin",
    "ApiTokenAdmin",
    "AttemptAdmin",
    "BatchAdmin",
    "BatchChangeAdmin",
    "JobAdmin",
    "JobDependencyAdmin",
    "JobLogAdmin",
    "KeyRateAdmin",
    "NodeAdmin",
    "PoolEventAdmin",
    "PoolSnapshotAdmin",
    "QueueAdmin",
    "ScheduleStateAdmin",
    "TallyAdmin",
    "TenantAdmin",
    "UniqueKeyAdmin",
    "WorkerSnapshotAdmin",
]
