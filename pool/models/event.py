"""Rare facts: who did what, what broke, what was replaced."""

from typing import ClassVar

from django.db import models


class PoolEvent(models.Model):
    at = models.DateTimeField()
    name = models.CharField(max_length=50, help_text="For example worker.crashed or pool.scaled.")
    level = models.CharField(max_length=8, db_default="info")
    node = models.CharField(max_length=32, db_default="", blank=True)
    worker = models.CharField(max_length=40, db_default="", blank=True)
    job = models.UUIDField(null=True, blank=True)
    actor = models.CharField(max_length=150, db_default="", blank=True, help_text="Who asked for it.")
    source = models.CharField(max_length=100, db_default="", blank=True, help_text="From where: command, address.")
    data = models.JSONField(default=dict)

    class Meta:
        ordering: ClassVar = ["-at"]
        indexes: ClassVar = [
            models.Index(fields=["at"], name="pool_event_at"),
            models.Index("job", "id", name="pool_event_job", condition=models.Q(job__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.at:%H:%M:%S}"
