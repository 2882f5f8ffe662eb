"""What the pool knows of a schedule beside django-q2's own row."""

from typing import ClassVar

from django.db import models


class ScheduleState(models.Model):
    """Pause, and how punctual it was. The key is that of django-q2's Schedule, which keeps everything else."""

    schedule = models.IntegerField(primary_key=True)
    paused_at = models.DateTimeField(null=True, blank=True)
    paused_by = models.CharField(max_length=150, db_default="", blank=True)
    last_due_at = models.DateTimeField(null=True, blank=True, help_text="The time that its last run was due.")
    last_fired_at = models.DateTimeField(null=True, blank=True)
    last_job = models.UUIDField(null=True, blank=True)
    missed = models.IntegerField(db_default=0, help_text="Runs that were left out because their time had passed.")

    class Meta:
        ordering: ClassVar = ["schedule"]

    def __str__(self) -> str:
        return f"schedule {self.schedule}"
