"""Queues, and the counters that are kept instead of counted."""

from typing import ClassVar

from django.db import models


class Queue(models.Model):
    """A named waiting line. The row is made by a node when it first meets the name, never by an enqueuing process."""

    name = models.CharField(max_length=100, primary_key=True)
    paused = models.BooleanField(db_default=False)
    paused_at = models.DateTimeField(null=True, blank=True)
    paused_by = models.CharField(max_length=150, db_default="", blank=True)
    weight = models.FloatField(db_default=1.0, help_text="Its share of the claims, beside queues that wait as well.")
    max_waiting = models.IntegerField(
        null=True, blank=True, help_text="Most jobs that may wait in it; empty: the setting's, 0: any."
    )
    max_running = models.IntegerField(null=True, blank=True, help_text="Most of its jobs at a time; empty: any.")
    rate = models.FloatField(null=True, blank=True, help_text="Most starts in a second on average; empty: any.")
    burst = models.IntegerField(null=True, blank=True, help_text="Starts at once after a rest; empty: a second's.")
    tokens = models.FloatField(db_default=0.0, help_text="Starts it has left, at the time of the last claim.")
    tokens_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name


class Tally(models.Model):
    """Changes of the counters of one queue. The sum over all rows is the truth, at any moment.

    Whoever changes jobs outside a node appends a row in the same transaction; a node keeps one row per queue and adds
    to it, and folds the loose rows (`node = ""`) into its own.
    """

    queue = models.CharField(max_length=100)
    node = models.CharField(max_length=32, db_default="", blank=True)
    scheduled = models.BigIntegerField(db_default=0, help_text="Waiting for their time, now.")
    blocked = models.BigIntegerField(db_default=0, help_text="Waiting for other jobs, now.")
    pending = models.BigIntegerField(db_default=0, help_text="May start, now.")
    executing = models.BigIntegerField(db_default=0, help_text="Assigned or running, now.")
    dead = models.BigIntegerField(db_default=0, help_text="Dead letters, now.")
    submitted = models.BigIntegerField(db_default=0, help_text="Over the pool's life, as all below.")
    completed = models.BigIntegerField(db_default=0)
    failed = models.BigIntegerField(db_default=0)
    timeout = models.BigIntegerField(db_default=0)
    cancelled = models.BigIntegerField(db_default=0)
    retried = models.BigIntegerField(db_default=0, help_text="Attempts that were not the last.")

    class Meta:
        verbose_name_plural = "tallies"
        indexes: ClassVar = [models.Index(fields=["node", "queue"], name="pool_tally_node")]

    def __str__(self) -> str:
        return f"{self.queue} {self.node or 'loose'}"
