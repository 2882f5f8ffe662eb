"""The job: one row, one piece of work."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from pool.domain.ids import new_id
from pool.domain.states import JobStatus

SELDOM = (JobStatus.FAILED, JobStatus.TIMEOUT, JobStatus.CANCELLED, JobStatus.SCHEDULED, JobStatus.BLOCKED)
"""States that most jobs never see: each has an index of its own, which costs other jobs nothing."""


def _only(status: JobStatus) -> Q:
    return Q(status=status)


class Job(models.Model):
    """What to run, where it stands, and what came out.

    Hot statements are hand-written in `pool.store` and name only the columns they change, so every column that they
    may leave out has a default in the database.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    task = models.CharField(max_length=200, help_text="Dotted name of the registered task.")
    args = models.JSONField(default=list)
    kwargs = models.JSONField(default=dict)
    status = models.CharField(max_length=9, choices=[(s, s) for s in JobStatus], default=JobStatus.PENDING)
    queue = models.CharField(max_length=100, default="default")
    priority = models.SmallIntegerField(db_default=0, help_text="-100 to 100, higher first.")
    tenant = models.CharField(max_length=100, db_default="", blank=True)
    rank = models.BigIntegerField(db_default=0, help_text="The job's turn among its tenant's jobs: lower first.")

    epoch = models.IntegerField(db_default=0, help_text="Fence: rises by one with every claim, never falls.")
    attempts = models.IntegerField(db_default=0)
    attempts_base = models.IntegerField(db_default=0, help_text="Attempts spent before the last retry by hand.")
    interruptions = models.SmallIntegerField(db_default=0, help_text="Attempts ended by our own shutdown.")
    losses = models.SmallIntegerField(db_default=0, help_text="Attempts whose worker died.")
    max_attempts = models.SmallIntegerField(db_default=4)
    timeout = models.FloatField(null=True, blank=True, help_text="Seconds one attempt may run; empty: no limit.")
    backoff = models.JSONField(null=True, blank=True, help_text="The task's own backoff, if it has one.")

    created_at = models.DateTimeField()
    run_at = models.DateTimeField(help_text="When it may start; the wait is counted from here.")
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    cancelled_by = models.CharField(max_length=150, db_default="", blank=True)
    discarded_at = models.DateTimeField(null=True, blank=True)

    node = models.CharField(max_length=32, db_default="", blank=True, help_text="Incarnation that holds the job.")
    worker = models.CharField(max_length=40, db_default="", blank=True)
    progress = models.FloatField(null=True, blank=True, help_text="0 to 1.")
    progress_message = models.CharField(max_length=200, db_default="", blank=True)
    result = models.JSONField(null=True, blank=True)
    error = models.JSONField(null=True, blank=True, help_text="{type, message, traceback} of the last failure.")
    usage = models.JSONField(null=True, blank=True)
    metadata = models.JSONField(null=True, blank=True)
    tags = models.JSONField(null=True, blank=True)
    requires = models.JSONField(null=True, blank=True)
    affinity = models.CharField(max_length=100, db_default="", blank=True)
    created_by = models.CharField(max_length=150, db_default="", blank=True)

    batch = models.UUIDField(null=True, blank=True)
    waits_for = models.IntegerField(db_default=0, help_text="Parents whose end it waits for still.")
    unique_key = models.CharField(max_length=200, db_default="", blank=True)
    limit_key = models.CharField(max_length=100, db_default="", blank=True)
    limit_running = models.SmallIntegerField(null=True, blank=True, help_text="Most jobs of its key at a time.")
    limit_rate = models.FloatField(null=True, blank=True, help_text="Most starts of its key in a second.")

    lacks = models.CharField(
        max_length=100, db_default="", blank=True, help_text="What no worker had room to offer when it was claimed."
    )

    class Meta:
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [
            models.Index(
                "queue",
                models.F("priority").desc(),
                "rank",
                "id",
                name="pool_job_claim",
                condition=_only(JobStatus.PENDING),
            ),
            models.Index("run_at", name="pool_job_due", condition=_only(JobStatus.SCHEDULED)),
            models.Index("node", name="pool_job_assigned", condition=_only(JobStatus.ASSIGNED)),
            models.Index("node", name="pool_job_running", condition=_only(JobStatus.RUNNING)),
            *(models.Index("id", name=f"pool_job_{status.lower()}", condition=_only(status)) for status in SELDOM),
            models.Index("tenant", "id", name="pool_job_tenant", condition=Q(tenant__gt="")),
            # Nothing that a claim changes stands in it: jobs of many tenants lie far apart there.
            models.Index(
                "tenant",
                "queue",
                "priority",
                models.F("rank").desc(),
                name="pool_job_turn",
                condition=Q(rank__gt=0, finished_at__isnull=True),
            ),
            models.Index("batch", "id", name="pool_job_batch", condition=Q(batch__isnull=False)),
            models.Index(
                "limit_key",
                "status",
                name="pool_job_key_executing",
                condition=Q(limit_key__gt="") & (_only(JobStatus.ASSIGNED) | _only(JobStatus.RUNNING)),
            ),
            # Queue by queue: those of a paused one, however many, must not stand before others of their key.
            models.Index(
                "limit_key",
                "queue",
                models.F("priority").desc(),
                "rank",
                "id",
                name="pool_job_key_blocked",
                condition=~Q(limit_key="") & Q(status=JobStatus.BLOCKED, waits_for=0, lacks=""),
            ),
            models.Index(
                "lacks",
                models.F("priority").desc(),
                "rank",
                "id",
                name="pool_job_lacks",
                condition=~Q(lacks="") & Q(status=JobStatus.BLOCKED),
            ),
            models.Index(
                "node",
                name="pool_job_cancel",
                condition=Q(cancel_requested_at__isnull=False, finished_at__isnull=True),
            ),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(name="pool_job_status", condition=Q(status__in=list(JobStatus))),
            models.CheckConstraint(name="pool_job_attempts", condition=Q(attempts__gte=0, epoch__gte=0)),
        ]

    def __str__(self) -> str:
        return f"{self.task} {self.id}"
