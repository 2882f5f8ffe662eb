"""API tokens: seen and revoked here, made by `manage.py pool token`, which alone can show a token's text."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from pool.conf import database_alias
from pool.models import ApiToken
from pool.store.events import write_action


@admin.register(ApiToken)
class ApiTokenAdmin(admin.ModelAdmin):
    list_display = ("token_key", "user", "name", "scopes", "created", "expiry", "last_used_at")
    list_select_related = ("user",)
    search_fields = ("token_key", "name")
    exclude = ("digest",)
    ordering = ("-created",)
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def delete_model(self, request: HttpRequest, obj: ApiToken) -> None:
        """Revoke a token. It ends at once."""
        note_end(request, obj)
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        for token in queryset:
            note_end(request, token)
        super().delete_queryset(request, queryset)


def note_end(request: HttpRequest, token: ApiToken) -> None:
    """Write down who revoked it, and from where."""
    who, source = request.user.get_username(), f"admin {request.META.get('REMOTE_ADDR') or ''}".strip()
    whose = token.user.get_username()
    write_action(database_alias(), "token.revoked", who[:150], source[:100], user=whose, token=token.name)
