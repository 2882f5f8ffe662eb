"""What is wrong now, and was: opened, told, resolved."""

from typing import ClassVar

from django.db import models
from django.db.models import Q


class AlertRecord(models.Model):
    """One alert from its beginning to its end. At most one of a name and subject is open."""

    name = models.CharField(max_length=50)
    subject = models.CharField(max_length=120, db_default="", blank=True, help_text="Queue, task, worker or node.")
    level = models.CharField(max_length=8)
    message = models.TextField(db_default="")
    opened_at = models.DateTimeField()
    clear_since = models.DateTimeField(null=True, blank=True, help_text="Since when no look has found it.")
    resolved_at = models.DateTimeField(null=True, blank=True)
    told_at = models.DateTimeField(null=True, blank=True, help_text="When somebody was told that it opened.")
    resolution_told_at = models.DateTimeField(null=True, blank=True)
    muted_until = models.DateTimeField(null=True, blank=True)
    muted_by = models.CharField(max_length=150, db_default="", blank=True)

    class Meta:
        verbose_name = "alert"
        ordering: ClassVar = ["-opened_at"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["name", "subject"], condition=Q(resolved_at__isnull=True), name="pool_alert_once"
            )
        ]
        indexes: ClassVar = [models.Index(fields=["opened_at"], name="pool_alert_opened")]

    def __str__(self) -> str:
        return f"{self.name} {self.subject}".strip()
