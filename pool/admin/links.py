"""How jobs are tied to each other: what they wait for, their batches, their unique keys."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from pool.admin.read_only import LongListAdmin, ReadOnlyAdmin
from pool.domain.ids import parse_id
from pool.models import Batch, BatchChange, JobDependency, UniqueKey


class ByIdAdmin(LongListAdmin):
    """Rows that are found by the id in one of their columns."""

    column: str

    def listed(self, rows: QuerySet[Any], filters: dict[str, str]) -> QuerySet[Any]:
        return rows if set(filters) <= {"q"} else super().listed(rows, filters)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        if not search_term:
            return queryset, False
        pk = parse_id(search_term.strip())
        return queryset.filter(**{self.column: pk}) if pk else queryset.none(), False


@admin.register(JobDependency)
class JobDependencyAdmin(ByIdAdmin):
    list_display = ("id", "child", "parent", "wants", "met", "fresh")
    list_filter = ("wants", "met")
    column = "child"
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
    column = "id"
    search_fields = ("id",)
    search_help_text = "A batch's id."


@admin.register(BatchChange)
class BatchChangeAdmin(ByIdAdmin):
    list_display = ("id", "batch", "completed", "failed", "cancelled")
    column = "batch"
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
