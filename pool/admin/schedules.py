"""How punctual schedules are, and which are paused. What runs when is set in django-q2's own admin: it leads there."""

from typing import Any, ClassVar

from django.contrib import admin
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html

from pool.adapters import django_q
from pool.admin.read_only import ReadOnlyAdmin
from pool.models import ScheduleState


@admin.register(ScheduleState)
class ScheduleStateAdmin(ReadOnlyAdmin):
    list_display = ("schedule", "of", "paused_at", "paused_by", "last_due_at", "last_fired_at", "last_job", "missed")
    fields: ClassVar = ("schedule", *list_display[1:])
    readonly_fields = ("of",)
    ordering = ("schedule",)

    @admin.display(description="set in", empty_value="–")
    def of(self, state: ScheduleState) -> Any:
        """Lead to the row that says what runs when, where its admin is."""
        try:
            url = reverse(f"admin:{django_q.APP}_schedule_change", args=[state.schedule])
        except NoReverseMatch:
            return None
        return format_html('<a href="{}">Schedule {}</a>', url, state.schedule)
