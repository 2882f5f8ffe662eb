"""One supervisor with its workers on one host."""

from typing import ClassVar

from django.db import models

from pool.domain.states import NodeState


class Node(models.Model):
    """Identity is the random incarnation: a host name or a pid may come back, this never does."""

    id = models.CharField(max_length=32, primary_key=True, help_text="Incarnation, random for every start.")
    host = models.CharField(max_length=255)
    pid = models.IntegerField()
    boot_id = models.CharField(max_length=36, db_default="", blank=True)
    pid_started = models.BigIntegerField(db_default=0, help_text="Start time of the process in clock ticks since boot.")
    run_dir = models.CharField(max_length=200, db_default="", blank=True)
    state = models.CharField(max_length=8, choices=[(s, s) for s in NodeState], default=NodeState.STARTING)
    workers = models.SmallIntegerField(db_default=0)
    wanted = models.SmallIntegerField(db_default=0, help_text="Size asked for.")
    started_at = models.DateTimeField()
    last_beat = models.DateTimeField()
    lease_seq = models.BigIntegerField(db_default=0)
    stop_requested_at = models.DateTimeField(null=True, blank=True)
    restart_requested_at = models.DateTimeField(
        null=True, blank=True, help_text="Replace every worker, idle ones first."
    )
    scale_held_until = models.DateTimeField(
        null=True, blank=True, help_text="Until then the size that somebody asked for stays as it is."
    )
    stopped_at = models.DateTimeField(null=True, blank=True)
    problem = models.TextField(db_default="", blank=True, help_text="Why it cannot work now, in a sentence.")

    class Meta:
        ordering: ClassVar = ["-started_at"]

    def __str__(self) -> str:
        return f"{self.host}:{self.pid}"
