"""Jobs, their attempts and what they said. They change by the pool's verbs alone, never here."""

from datetime import timedelta
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from pool.admin.read_only import OF_NEWEST, ByIdAdmin, LongListAdmin, Shown, of_newest
from pool.conf import database_alias
from pool.domain.ids import first_id, parse_id
from pool.domain.states import JobStatus
from pool.models import Attempt, Job, JobLog, Queue
from pool.store.job_filter import JobFilter


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


class AgeFilter(admin.SimpleListFilter):
    """Jobs by the time they were enqueued, which their ids tell: no other index is needed."""

    title = "age"
    parameter_name = "age"
    AGES: ClassVar = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(days=7)}

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, f"Past {name}") for name in self.AGES]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Job]) -> QuerySet[Job]:
        age = self.AGES.get(self.value() or "")
        return queryset if age is None else queryset.filter(id__gte=first_id(timezone.now() - age))


class AttemptInline(Shown, admin.TabularInline):
    model = Attempt
    fields = ("number", "outcome", "worker", "started_at", "finished_at", "cpu_ms", "peak_rss", "error_message")
    ordering = ("epoch",)


@admin.register(Job)
class JobAdmin(LongListAdmin):
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
    list_filter = ("status", QueueFilter, AgeFilter)
    search_fields = ("task",)
    search_help_text = f"A job's id, or the beginning of a task's name. {OF_NEWEST} The live pages look further."
    inlines = (AttemptInline,)

    def listed(self, rows: QuerySet[Job], filters: dict[str, str]) -> QuerySet[Job]:
        jobs = rows.defer("args", "kwargs", "result", "error", "metadata")
        asked = {name: value.strip() for name, value in filters.items() if name != AgeFilter.parameter_name}
        if not asked or parse_id(asked.get("q", "")) is not None:
            return jobs
        status = asked.pop("status__exact", "")
        (walk,) = JobFilter(status=status if status in JobStatus.__members__ else None).walks()
        jobs = jobs.filter(walk.rows)
        return jobs if walk.over and not asked else of_newest(jobs)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Job], search_term: str
    ) -> tuple[QuerySet[Job], bool]:
        if not search_term:
            return queryset, False
        pk = parse_id(search_term.strip())
        if pk is not None:
            return queryset.filter(pk=pk), False
        return queryset.filter(task__startswith=search_term.strip()), False


class OfJobAdmin(ByIdAdmin):
    """Rows that belong to a job."""

    search_fields = ("job",)
    search_help_text = "A job's id."


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
