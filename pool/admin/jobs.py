"""Jobs, their attempts and what they said. They change by the pool's verbs alone, never here."""

from datetime import timedelta
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from pool.admin.read_only import ReadOnlyAdmin, Shown
from pool.conf import database_alias
from pool.domain.ids import first_id, parse_id
from pool.domain.states import DEAD_LETTERS
from pool.models import Attempt, Job, JobLog, Queue

MOST_LOOKED_AT = 50_000
OF_NEWEST = f"Filters and search look at the newest {MOST_LOOKED_AT:,} jobs; the live pages look further."


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


def looks_for_few(request: HttpRequest) -> bool:
    """Tell whether what is asked for may be so rare that it would be looked for among all jobs, without an index."""
    asked = {name: value for name, value in request.GET.items() if name in ("status__exact", "queue", "q") and value}
    if parse_id(str(asked.get("q", "")).strip()) is not None:
        return False
    return bool(asked) and (set(asked) != {"status__exact"} or asked["status__exact"] not in DEAD_LETTERS)


def of_newest(jobs: QuerySet[Job]) -> QuerySet[Job]:
    """Leave out all but the newest."""
    ids = jobs.order_by("-id").values_list("id", flat=True)
    last = next(iter(ids[MOST_LOOKED_AT - 1 : MOST_LOOKED_AT]), None)
    return jobs if last is None else jobs.filter(id__gte=last)


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
    list_filter = ("status", QueueFilter, AgeFilter)
    search_fields = ("task",)
    search_help_text = f"A job's id, or the beginning of a task's name. {OF_NEWEST}"
    ordering = ("-id",)
    # Sorting by other columns would sort the whole table.
    sortable_by = ("id",)
    inlines = (AttemptInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Job]:
        jobs = super().get_queryset(request)
        if request.resolver_match is None or request.resolver_match.url_name != "pool_job_changelist":
            return jobs
        jobs = jobs.defer("args", "kwargs", "result", "error", "metadata")
        return of_newest(jobs) if looks_for_few(request) else jobs

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
