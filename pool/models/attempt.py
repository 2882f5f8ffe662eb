"""One try of a job, kept when it was not the job's first success."""

from typing import ClassVar

from django.db import models

from pool.domain.states import Outcome


class Attempt(models.Model):
    """Written with the job's own change of state, fenced by the same epoch."""

    job = models.ForeignKey("pool.Job", on_delete=models.CASCADE, related_name="attempt_set", db_index=False)
    epoch = models.IntegerField()
    number = models.IntegerField(help_text="1 for the first try.")
    outcome = models.CharField(max_length=14, choices=[(o, o) for o in Outcome])
    node = models.CharField(max_length=32, db_default="", blank=True)
    worker = models.CharField(max_length=40, db_default="", blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField()
    cpu_ms = models.FloatField(null=True, blank=True)
    peak_rss = models.BigIntegerField(null=True, blank=True, help_text="Bytes.")
    error_type = models.CharField(max_length=200, db_default="", blank=True)
    error_message = models.TextField(db_default="", blank=True)
    traceback = models.TextField(db_default="", blank=True)

    class Meta:
        ordering: ClassVar = ["job", "epoch"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["job", "epoch"], name="pool_attempt_once")]

    def __str__(self) -> str:
        return f"{self.job_id} attempt {self.number}: {self.outcome}"
