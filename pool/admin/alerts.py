"""What is and was wrong, and who was told. Alerts are muted on the overview, by the API or a command."""

from django.contrib import admin

from pool.admin.read_only import ReadOnlyAdmin
from pool.models import AlertRecord


@admin.register(AlertRecord)
class AlertRecordAdmin(ReadOnlyAdmin):
    list_display = ("id", "name", "subject", "level", "opened_at", "resolved_at", "told_at", "muted_until", "muted_by")
    list_filter = ("level", "name")
    search_fields = ("name", "subject", "message")
    ordering = ("-opened_at", "-id")
