"""What is set for tenants, and where the rates of limit keys stand."""

from django.contrib import admin

from pool.admin.read_only import ReadOnlyAdmin
from pool.models import KeyRate, Tenant


@admin.register(Tenant)
class TenantAdmin(ReadOnlyAdmin):
    list_display = ("name", "weight", "max_waiting")
    search_fields = ("name",)


@admin.register(KeyRate)
class KeyRateAdmin(ReadOnlyAdmin):
    list_display = ("key", "tokens", "at")
    search_fields = ("key",)
    ordering = ("key",)
