"""The pool at one second, and its workers."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from pool.domain.states import WorkerState


class PoolSnapshot(models.Model):
    """What one node measured in one span: a second, or a minute, hour or day that the clerk rolled up."""

    class Span(models.IntegerChoices):
        SECOND = 1
        MINUTE = 60
        HOUR = 3600
        DAY = 86400

    at = models.DateTimeField(help_text="End of the span.")
    node = models.CharField(max_length=32, blank=True, help_text="Empty for the whole pool: every rolled up span.")
    span = models.IntegerField(choices=Span, default=Span.SECOND, help_text="Seconds.")
    data = models.JSONField(help_text="Figures and workers.")
    histograms = models.JSONField(
        db_default=models.Value({}, models.JSONField()),
        help_text="Encoded HDR histograms in microseconds, by queue and task.",
    )

    class Meta:
        ordering: ClassVar = ["-at"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["span", "at", "node"], name="pool_snapshot_once")]

    def __str__(self) -> str:
        return f"{self.node} {self.at:%H:%M:%S} {self.span} s"


class WorkerSnapshot(models.Model):
    """One row for each living worker, and its last one when it ended."""

    id = models.CharField(max_length=40, primary_key=True)
    node = models.CharField(max_length=32)
    slot = models.SmallIntegerField()
    pid = models.IntegerField()
    kind = models.CharField(max_length=20, db_default="general")
    capabilities = models.JSONField(
        db_default=models.Value([], models.JSONField()), help_text="What it offers to jobs that require it."
    )
    state = models.CharField(max_length=11, choices=[(s, s) for s in WorkerState])
    healthy = models.BooleanField(db_default=True)
    current_jobs = models.JSONField(default=list, help_text="Ids of the jobs it executes now.")
    jobs_completed = models.BigIntegerField(db_default=0)
    jobs_failed = models.BigIntegerField(db_default=0)
    failed_in_row = models.BigIntegerField(db_default=0, help_text="Attempts that failed since the last success.")
    mean_run_ms = models.FloatField(null=True, blank=True, help_text="Mean run time of its attempts.")
    started_at = models.DateTimeField()
    last_beat = models.DateTimeField()
    rss = models.BigIntegerField(null=True, blank=True, help_text="Bytes.")
    pss = models.BigIntegerField(null=True, blank=True, help_text="Bytes.")
    cpu = models.FloatField(null=True, blank=True, help_text="Fraction of one core over the last second.")
    ended_at = models.DateTimeField(null=True, blank=True)
    end_reason = models.CharField(max_length=100, db_default="", blank=True)

    class Meta:
        ordering: ClassVar = ["node", "slot"]
        indexes: ClassVar = [
            models.Index("node", "slot", name="pool_worker_living", condition=Q(ended_at__isnull=True)),
            models.Index("ended_at", name="pool_worker_ended", condition=Q(ended_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return self.id
