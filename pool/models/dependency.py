"""What a job waits for: other jobs, or all jobs of a batch."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from pool.domain.ids import new_id
from pool.domain.states import ParentEnd


class JobDependency(models.Model):
    """One child waits for one parent. Written with the child.

    Whoever ends the parent makes it fresh again; a node looks at fresh ones, and marks them met when nothing waits for
    the parent through them any more.
    """

    child = models.UUIDField()
    parent = models.UUIDField(help_text="A job or a batch: their ids are of one kind.")
    wants = models.CharField(max_length=8, choices=[(w, w) for w in ParentEnd], default=ParentEnd.SUCCESS)
    met = models.BooleanField(db_default=False)
    fresh = models.BooleanField(db_default=True, help_text="A node has yet to look whether the parent has ended.")

    class Meta:
        verbose_name_plural = "job dependencies"
        constraints: ClassVar = [models.UniqueConstraint(fields=["child", "parent"], name="pool_dependency_once")]
        indexes: ClassVar = [
            models.Index("parent", "id", name="pool_dependency_parent"),
            models.Index("parent", name="pool_dependency_open", condition=Q(met=False)),
            models.Index("id", name="pool_dependency_fresh", condition=Q(fresh=True)),
        ]

    def __str__(self) -> str:
        return f"{self.child} after {self.parent}"


class Batch(models.Model):
    """Jobs that were submitted together and are counted together. What a node has yet to add is in BatchChange."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=100, db_default="", blank=True)
    total = models.IntegerField(db_default=0)
    completed = models.IntegerField(db_default=0)
    failed = models.IntegerField(db_default=0, help_text="Dead letters: FAILED or TIMEOUT.")
    cancelled = models.IntegerField(db_default=0)
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    created_by = models.CharField(max_length=150, db_default="", blank=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        verbose_name_plural = "batches"

    def __str__(self) -> str:
        return self.name or str(self.id)


class BatchChange(models.Model):
    """What somebody's transaction changed of a batch's counters. A node adds it to the batch and removes it.

    So whoever cancels or retries one of its jobs, perhaps in a transaction that stays open, holds up nobody.
    """

    batch = models.UUIDField()
    completed = models.IntegerField(db_default=0)
    failed = models.IntegerField(db_default=0)
    cancelled = models.IntegerField(db_default=0)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["batch"], name="pool_batchchange_batch")]

    def __str__(self) -> str:
        return str(self.batch)
