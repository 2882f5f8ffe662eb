"""Admin pages that only show, and that stay fast over millions of rows: counting and looking have a bound."""

from typing import Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property

from pool.conf import database_alias
from pool.domain.ids import parse_id

MOST_COUNTED = 10_000
MOST_LOOKED_AT = 10_000
OF_NEWEST = f"Filters and search look at the newest {MOST_LOOKED_AT:,}."

NO_FILTERS = frozenset({"p", "o", "all", "e", "_changelist_filters", "_facets", "_popup", "_to_field"})
"""Parameters of a list that choose no rows."""


class BoundedPaginator(Paginator):
    """Counts to MOST_COUNTED and leaves out the pages beyond: filters and search lead there."""

    @cached_property
    def count(self) -> int:
        objects: Any = self.object_list
        return min(objects.order_by()[: MOST_COUNTED + 1].count(), MOST_COUNTED)


class Shown:
    """Read from the pool's own database, and neither added nor changed nor deleted here."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)  # type: ignore[misc]
        return rows.using(database_alias())

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReadOnlyAdmin(Shown, admin.ModelAdmin):
    paginator = BoundedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50
    list_max_show_all = 200


class LongListAdmin(ReadOnlyAdmin):
    """Of a table that may be very long, newest first: what is asked for may be rare, and is looked for in a part."""

    ordering = ("-id",)
    # Sorting by other columns would sort the whole table.
    sortable_by = ("id",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request)
        return self.listed(rows, filters_of(request)) if is_list(request) else rows

    def listed(self, rows: QuerySet[Any], filters: dict[str, str]) -> QuerySet[Any]:
        """The rows that a list is made of, when these filters will be applied to them."""
        return of_newest(rows) if filters else rows


class ByIdAdmin(LongListAdmin):
    """Rows that are found by the id in one of their columns, which is all that `search_fields` names."""

    def listed(self, rows: QuerySet[Any], filters: dict[str, str]) -> QuerySet[Any]:
        return rows if set(filters) <= {"q"} else super().listed(rows, filters)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        if not search_term:
            return queryset, False
        pk = parse_id(search_term.strip())
        (column,) = self.search_fields
        return queryset.filter(**{column: pk}) if pk else queryset.none(), False


def is_list(request: HttpRequest) -> bool:
    match = request.resolver_match
    return match is not None and str(match.url_name).endswith("_changelist")


def filters_of(request: HttpRequest) -> dict[str, str]:
    """What was asked for in the address of a list."""
    return {name: str(value) for name, value in request.GET.items() if value and name not in NO_FILTERS}


def of_newest(rows: QuerySet[Any]) -> QuerySet[Any]:
    """Leave out all but the newest."""
    ids = rows.order_by("-pk").values_list("pk", flat=True)
    last = next(iter(ids[MOST_LOOKED_AT - 1 : MOST_LOOKED_AT]), None)
    return rows if last is None else rows.filter(pk__gte=last)
