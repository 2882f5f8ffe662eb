"""Admin pages that only show, and that stay fast over millions of rows: nothing is counted beyond a bound."""

from typing import Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property

from pool.conf import database_alias

MOST_COUNTED = 10_000


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
    list_per_page = 100
    list_max_show_all = 200
