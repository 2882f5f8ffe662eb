"""API tokens: seen and revoked here, made by `manage.py pool token`, which alone can show a token's text."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from pool.models import ApiToken


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
