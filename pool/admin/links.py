"""How jobs are tied to each other: what they wait for, their batches, their unique keys."""

from django.contrib import admin

from pool.admin.read_only import ByIdAdmin, ReadOnlyAdmin
from pool.models import Batch, BatchChange, JobDependency, UniqueKey


@admin.register(JobDependency)
class JobDependencyAdmin(ByIdAdmin):
    list_display = ("id", "child", "parent", "wants", "met", "fresh")
    list_filter = ("wants", "met")
    search_fields = ("child",)
    search_help_text = "The id of the job that waits."


@admin.register(Batch)
class BatchAdmin(ByIdAdmin):
    list_display = (
        "id",
        "name",
        "total",
        "completed",
        "failed",
        "cancelled",
        "created_at",
        "finished_at",
        "created_by",
    )
    search_fields = ("id",)
    search_help_text = "A batch's id."


@admin.register(BatchChange)
class BatchChangeAdmin(ByIdAdmin):
    list_display = ("id", "batch", "completed", "failed", "cancelled")
    search_fields = ("batch",)
    search_help_text = "A batch's id."


@admin.register(UniqueKey)
class UniqueKeyAdmin(ReadOnlyAdmin):
    list_display = ("key", "job", "scope", "until")
    list_filter = ("scope",)
    ordering = ("key",)
    sortable_by = ("key",)
    search_fields = ("key__startswith",)
    search_help_text = "The beginning of a key."
