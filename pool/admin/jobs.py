"""Jobs, their attempts and what they said. They change by the pool's verbs alone, never here."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from pool.admin.read_only import ReadOnlyAdmin, Shown
from pool.conf import database_alias
from pool.domain.ids import parse_id
from pool.models import Attempt, Job, JobLog, Queue


class QueueFilter(admin.SimpleListFilter):
    """Queues by their own rows: asking the jobs for their queues would read all of them."""

    title = "queue"
    parameter_name = "queue"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        names = Queue.objects.using(database_alias()).order_by("name").values_list("name", flat=True)
        return [(name, name) for name in names[:100]]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Job]) -> QuerySet[Job]:
        name = self.value()
        if not name:
            return queryset
        return queryset.filter(queue=name) if name.isprintable() else queryset.none()


class AttemptInline(Shown, admin.TabularInline):
    model = Attempt
    fields = ("number", "outcome", "worker", "started_at", "finished_at", "cpu_ms", "peak_rss", "error_message")
    ordering = ("epoch",)


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin):
    list_display = (
        "id",
        "task",
        "queue",
        "status",
        "priority",
        "attempts",
        "worker",
        "created_at",
        "started_at",
        "finished_at",
    )
    list_filter = ("status", QueueFilter)
    search_fields = ("task",)
    search_help_text = "A job's id, or the beginning of a task's name."
    ordering = ("-id",)
    # Sorting by other columns would sort the whole table.
    sortable_by = ("id",)
    inlines = (AttemptInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Job]:
        jobs = super().get_queryset(request)
        is_list = request.resolver_match is not None and request.resolver_match.url_name == "pool_job_changelist"
        return jobs.defer("args", "kwargs", "result", "error", "metadata") if is_list else jobs

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Job], search_term: str
    ) -> tuple[QuerySet[Job], bool]:
        if not search_term:
            return queryset, False
        pk = parse_id(search_term.strip())
        if pk is not None:
            return queryset.filter(pk=pk), False
        return queryset.filter(task__startswith=search_term.strip()), False


class OfJobAdmin(ReadOnlyAdmin):
    """Rows that belong to a job: found by its id."""

    search_fields = ("job",)
    search_help_text = "A job's id."
    ordering = ("-id",)
    sortable_by = ("id",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        if not search_term:
            return queryset, False
        return queryset.filter(job_id=parse_id(search_term.strip())), False


@admin.register(Attempt)
class AttemptAdmin(OfJobAdmin):
    list_display = ("id", "job_id", "number", "outcome", "worker", "started_at", "finished_at", "error_type")
    list_filter = ("outcome",)


@admin.register(JobLog)
class JobLogAdmin(OfJobAdmin):
    list_display = ("id", "job_id", "epoch", "at", "stream", "start")

    @admin.display(description="text")
    def start(self, piece: JobLog) -> str:
        return piece.text[:100]
