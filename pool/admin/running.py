"""What runs and what was measured: queues, nodes, workers, snapshots, counters, events."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from pool.admin.read_only import ReadOnlyAdmin
from pool.models import Node, PoolEvent, PoolSnapshot, Queue, Tally, WorkerSnapshot


@admin.register(Queue)
class QueueAdmin(ReadOnlyAdmin):
    list_display = ("name", "paused", "paused_at", "paused_by")
    list_filter = ("paused",)
    search_fields = ("name",)


@admin.register(Tally)
class TallyAdmin(ReadOnlyAdmin):
    list_display = ("queue", "node", "pending", "executing", "dead", "submitted", "completed", "failed", "timeout")
    search_fields = ("queue", "node")
    ordering = ("queue", "node")


@admin.register(Node)
class NodeAdmin(ReadOnlyAdmin):
    list_display = ("id", "host", "pid", "state", "workers", "wanted", "started_at", "last_beat", "stopped_at")
    list_filter = ("state",)
    search_fields = ("id", "host")


@admin.register(WorkerSnapshot)
class WorkerSnapshotAdmin(ReadOnlyAdmin):
    list_display = (
        "id",
        "node",
        "pid",
        "state",
        "healthy",
        "jobs_completed",
        "jobs_failed",
        "started_at",
        "last_beat",
        "end_reason",
    )
    list_filter = ("state", "healthy")
    search_fields = ("id", "node")


@admin.register(PoolSnapshot)
class PoolSnapshotAdmin(ReadOnlyAdmin):
    list_display = ("at", "node", "span")
    list_filter = ("span",)
    search_fields = ("node",)
    ordering = ("-at",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[PoolSnapshot]:
        return super().get_queryset(request).defer("data", "histograms")


@admin.register(PoolEvent)
class PoolEventAdmin(ReadOnlyAdmin):
    list_display = ("at", "name", "level", "actor", "source", "node", "worker", "job")
    list_filter = ("level",)
    search_fields = ("name", "actor", "worker")
    ordering = ("-at",)
