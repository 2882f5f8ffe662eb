"""What runs and what was measured: queues, nodes, workers, snapshots, counters, events."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from pool.admin.read_only import OF_NEWEST, LongListAdmin, ReadOnlyAdmin
from pool.domain.ids import parse_id
from pool.models import Node, PoolEvent, PoolSnapshot, Queue, Tally, WorkerSnapshot


@admin.register(Queue)
class QueueAdmin(ReadOnlyAdmin):
    list_display = ("name", "paused", "paused_at", "paused_by", "weight", "max_waiting", "max_running", "rate", "burst")
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
class PoolSnapshotAdmin(LongListAdmin):
    list_display = ("id", "at", "node", "span")
    list_filter = ("span",)
    search_fields = ("node",)
    search_help_text = f"A part of a node's id. {OF_NEWEST}"

    def listed(self, rows: QuerySet[PoolSnapshot], filters: dict[str, str]) -> QuerySet[PoolSnapshot]:
        return super().listed(rows, filters).defer("data", "histograms")


class WhoFilter(admin.SimpleListFilter):
    """What people did, apart from what happened by itself."""

    title = "who"
    parameter_name = "who"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("people", "What people did"), ("pool", "What happened")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[PoolEvent]) -> QuerySet[PoolEvent]:
        if self.value() == "people":
            return queryset.exclude(source__in=("", "node"))
        return queryset.filter(source__in=("", "node")) if self.value() == "pool" else queryset


@admin.register(PoolEvent)
class PoolEventAdmin(LongListAdmin):
    list_display = ("id", "at", "name", "level", "actor", "source", "node", "worker", "job")
    list_filter = ("level", WhoFilter)
    search_fields = ("name", "actor", "worker")
    search_help_text = f"A job's id, or a part of an event's name, of who did it, or of a worker's id. {OF_NEWEST}"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[PoolEvent], search_term: str
    ) -> tuple[QuerySet[PoolEvent], bool]:
        job = parse_id(search_term.strip())
        if job is not None:
            return queryset.filter(job=job), False
        return super().get_search_results(request, queryset, search_term)
