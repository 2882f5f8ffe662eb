"""The shapes of what runs jobs, from tasks and queues to nodes, as the API takes and answers them; for its schema."""

from typing import Any

from rest_framework import serializers as s

from dashboard.api.schema import nullable, optional
from pool.domain.fairness import LEAST_WEIGHT, MOST_WEIGHT
from pool.domain.options import TaskKind
from pool.domain.schedules import ScheduleStatus
from pool.domain.states import JobStatus, NodeState, WorkerState
from pool.store.tally import COUNTERS


class Task(s.Serializer):
    name = s.CharField()
    kind = s.ChoiceField(list(TaskKind))
    queue = s.CharField()
    priority = s.IntegerField()
    timeout = nullable(s.FloatField)
    max_attempts = s.IntegerField()
    takes_context = s.BooleanField()
    description = s.CharField()


class Queue(s.Serializer):
    name = s.CharField()
    paused = s.BooleanField()
    paused_at = nullable(s.DateTimeField)
    paused_by = nullable(s.CharField)
    oldest_age = nullable(s.FloatField, help_text="Seconds that its oldest job waits.")
    weight = s.FloatField(help_text="Its share, beside queues that wait as well.")
    max_waiting = nullable(s.IntegerField, help_text="Most jobs that may wait in it.")
    max_running = nullable(s.IntegerField, help_text="Most of its jobs that execute at a time.")
    rate = nullable(s.FloatField, help_text="Most of its jobs that start in a second.")
    burst = nullable(s.IntegerField, help_text="Starts at once after a rest.")
    fullness = nullable(s.FloatField, help_text="What waits in it, as a fraction of what may.")

    def get_fields(self) -> dict[str, Any]:
        return super().get_fields() | {counter: s.IntegerField() for counter in COUNTERS}


class Limits(s.Serializer):
    """What shall change of a queue; null takes a limit away."""

    weight = optional(s.FloatField, min_value=LEAST_WEIGHT, max_value=MOST_WEIGHT)
    max_waiting = optional(s.IntegerField, allow_null=True, help_text="0: any; null: as the setting says.")
    max_running = optional(s.IntegerField, allow_null=True)
    rate = optional(s.FloatField, allow_null=True)
    burst = optional(s.IntegerField, allow_null=True)


class Worker(s.Serializer):
    id = s.CharField()
    pid = s.IntegerField()
    node = s.CharField()
    kind = s.CharField()
    capabilities = s.ListField(child=s.CharField())
    state = s.ChoiceField(list(WorkerState))
    healthy = s.BooleanField()
    current_jobs = s.ListField(child=s.UUIDField())
    jobs_completed = s.IntegerField()
    jobs_failed = s.IntegerField()
    failed_in_row = s.IntegerField(help_text="Attempts that failed since the last success.")
    mean_run_ms = nullable(s.FloatField, help_text="Mean run time of its attempts.")
    uptime = nullable(s.FloatField, help_text="Seconds.")
    last_beat = s.DateTimeField()
    rss = nullable(s.IntegerField, help_text="Bytes.")
    cpu = nullable(s.FloatField, help_text="Fraction of one core.")


class Node(s.Serializer):
    id = s.CharField()
    host = s.CharField()
    pid = s.IntegerField()
    state = s.ChoiceField(list(NodeState))
    workers = s.IntegerField()
    wanted = s.IntegerField()
    started_at = s.DateTimeField()
    last_beat = s.DateTimeField()
    stopped_at = nullable(s.DateTimeField)
    problem = nullable(s.CharField)


class Schedule(s.Serializer):
    id = s.IntegerField()
    name = nullable(s.CharField)
    task = s.CharField()
    args = s.CharField(help_text="As it is kept: literals of Python.")
    kwargs = s.CharField(help_text="The same.")
    rhythm = s.CharField(help_text="How often it runs, in words.")
    repeats = nullable(s.IntegerField, help_text="Runs it has left; null: without end.")
    status = s.ChoiceField(list(ScheduleStatus))
    next_run = nullable(s.DateTimeField)
    next_runs = s.ListField(child=s.DateTimeField(), help_text="The next three.")
    late = nullable(s.FloatField, help_text="Seconds since a run was due that was not started.")
    paused_at = nullable(s.DateTimeField)
    paused_by = nullable(s.CharField)
    last_due_at = nullable(s.DateTimeField, help_text="When its last run was due.")
    last_fired_at = nullable(s.DateTimeField)
    last_delay = nullable(s.FloatField, help_text="Seconds between the two.")
    last_job = nullable(s.UUIDField)
    last_status = nullable(s.ChoiceField, choices=list(JobStatus))
    missed = s.IntegerField(help_text="Runs that were left out because their time had passed.")
    problem = nullable(s.CharField, help_text="Why it cannot be run as it stands.")


class Figures(s.Serializer):
    """The figures of /metrics: times in milliseconds, ages in seconds, usage as a fraction."""

    timestamp = s.DateTimeField()
    pool = s.DictField()
    tasks = s.DictField()
    performance = s.DictField()
    resources = s.DictField()
    queue = s.DictField()
    health = s.DictField()


class Scale(s.Serializer):
    """One of the two."""

    size = optional(s.IntegerField, help_text='Workers in all; "auto" lets the number follow the load again.')
    by = optional(s.IntegerField, help_text="So many more, or fewer.")


class Size(s.Serializer):
    size = s.IntegerField()
    before = s.IntegerField()
    held_s = s.FloatField(allow_null=True, help_text="For so long it stays as it was asked for.")
