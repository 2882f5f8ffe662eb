"""The shapes of what the API takes and answers, for its schema. They describe; what is checked is checked elsewhere."""

from collections.abc import Callable
from functools import cache
from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, inline_serializer
from rest_framework import serializers as s

from pool.domain.fairness import LEAST_WEIGHT, MOST_WEIGHT
from pool.domain.links import MAX_PARENTS, MAX_RATE, MAX_RUNNING, OnParentFailure
from pool.domain.naming import MAX_NAME
from pool.domain.options import (
    MAX_ATTEMPTS,
    MAX_NAMES,
    MAX_PRIORITY,
    MAX_TAG,
    MAX_TIMEOUT_S,
    MIN_PRIORITY,
    TaskKind,
)
from pool.domain.schedules import ScheduleStatus
from pool.domain.states import JobStatus, NodeState, Outcome, WorkerState
from pool.store.job_list import MOST_LISTED
from pool.store.tally import COUNTERS


def described(operation: str, **facts: Any) -> Callable[[Any], Any]:
    """Describe what a method of an endpoint does."""

    def mark(method: Any) -> Any:
        # Without it drf-spectacular builds on the project's own class, which need not be one that it knows.
        method.schema = AutoSchema
        return extend_schema(operation_id=operation, **facts)(method)

    return mark


def nullable(kind: type[s.Field], **more: Any) -> s.Field:
    return kind(allow_null=True, **more)


def optional(kind: type[s.Field], **more: Any) -> s.Field:
    return kind(required=False, **more)


class Problem(s.Serializer):
    """What went wrong and what to do (RFC 9457)."""

    type = s.CharField()
    title = s.CharField()
    status = s.IntegerField()
    detail = s.CharField()
    field = optional(s.CharField, help_text="What in the request is wrong.")


class Error(s.Serializer):
    type = s.CharField()
    message = s.CharField()
    traceback = s.CharField()


class Job(s.Serializer):
    id = s.UUIDField()
    task = s.CharField()
    args = s.ListField()
    kwargs = s.DictField()
    status = s.ChoiceField(list(JobStatus))
    queue = s.CharField()
    priority = s.IntegerField(min_value=MIN_PRIORITY, max_value=MAX_PRIORITY)
    tenant = s.CharField()
    attempts = s.IntegerField()
    max_attempts = s.IntegerField()
    timeout = nullable(s.FloatField, help_text="Seconds; null: no limit.")
    progress = nullable(s.FloatField, help_text="0 to 1.")
    progress_message = s.CharField()
    created_at = s.DateTimeField()
    run_at = s.DateTimeField()
    started_at = nullable(s.DateTimeField)
    finished_at = nullable(s.DateTimeField)
    worker = nullable(s.CharField)
    node = nullable(s.CharField)
    result = nullable(s.JSONField)
    error = Error(allow_null=True)
    metadata = s.DictField()
    tags = s.ListField(child=s.CharField())
    usage = nullable(s.JSONField)
    depends_on = s.ListField(child=s.UUIDField(), help_text="Jobs and batches that it waits for, or waited for.")
    batch = nullable(s.UUIDField)
    unique_key = nullable(s.CharField)
    position = nullable(s.IntegerField, help_text="Jobs before it in its queue.")
    explanation = nullable(s.CharField, help_text="Why it waits.")


class Order(s.Serializer):
    task = s.CharField(help_text="Dotted name of a registered task.")
    args = optional(s.ListField)
    kwargs = optional(s.DictField)
    queue = optional(s.CharField, max_length=MAX_NAME)
    priority = optional(
        s.IntegerField, min_value=MIN_PRIORITY, max_value=MAX_PRIORITY, help_text="Or low, normal, high, critical."
    )
    run_after = optional(s.DateTimeField)
    expires_at = optional(s.DateTimeField)
    timeout = optional(s.FloatField, allow_null=True, max_value=MAX_TIMEOUT_S, help_text="Seconds; null: no limit.")
    max_attempts = optional(s.IntegerField, min_value=1, max_value=MAX_ATTEMPTS)
    backoff = optional(s.JSONField, help_text="Seconds, or an object of base, factor, cap, jitter.")
    tenant = optional(s.CharField, max_length=MAX_NAME)
    affinity = optional(s.CharField, max_length=MAX_NAME)
    requires = optional(s.ListField, child=s.CharField(max_length=MAX_NAME), max_length=MAX_NAMES)
    metadata = optional(s.DictField)
    tags = optional(s.ListField, child=s.CharField(max_length=MAX_TAG), max_length=MAX_NAMES)
    depends_on = optional(
        s.ListField,
        child=s.JSONField(),
        max_length=MAX_PARENTS,
        help_text="Ids of jobs or batches; in a list of jobs also the numbers, from 0, of earlier ones.",
    )
    on_parent_failure = optional(s.ChoiceField, choices=list(OnParentFailure))
    unique_key = optional(s.JSONField, help_text="A text, or an object of key, scope and seconds.")
    on_success = optional(s.JSONField, help_text="Name of a task, or an object of task, args and kwargs.")
    on_failure = optional(s.JSONField, help_text="The same.")
    limit_key = optional(s.CharField, max_length=MAX_NAME)
    limit_running = optional(s.IntegerField, min_value=1, max_value=MAX_RUNNING)
    limit_rate = optional(s.FloatField, max_value=MAX_RATE, help_text="Starts in a second.")


class Batch(s.Serializer):
    jobs = Order(many=True)
    batch = optional(s.JSONField, help_text="An object of name, on_success, on_failure and on_end: counts the jobs.")


class Ids(s.Serializer):
    ids = s.ListField(child=s.UUIDField())
    batch = optional(s.UUIDField, help_text="Of the batch, if one was asked for.")


class BatchCounts(s.Serializer):
    id = s.UUIDField()
    name = s.CharField()
    status = s.ChoiceField(["RUNNING", "COMPLETED", "FAILED", "CANCELLED"])
    total = s.IntegerField()
    waiting = s.IntegerField(help_text="Jobs that have not ended.")
    completed = s.IntegerField()
    failed = s.IntegerField()
    cancelled = s.IntegerField()
    created_at = s.DateTimeField()
    finished_at = nullable(s.DateTimeField)
    created_by = s.CharField()


class Attempt(s.Serializer):
    number = s.IntegerField()
    epoch = s.IntegerField()
    outcome = s.ChoiceField(list(Outcome))
    node = nullable(s.CharField)
    worker = nullable(s.CharField)
    started_at = nullable(s.DateTimeField)
    finished_at = s.DateTimeField()
    cpu_ms = nullable(s.FloatField)
    peak_rss = nullable(s.IntegerField, help_text="Bytes.")
    error = Error(allow_null=True)


class LogPiece(s.Serializer):
    id = s.IntegerField()
    epoch = s.IntegerField()
    at = s.DateTimeField()
    stream = s.CharField()
    text = s.CharField()


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


@cache
def listed(shape: type[s.Serializer]) -> s.Serializer:
    """A page of these."""
    address = {"allow_null": True, "help_text": "Address of the page."}
    pages = {name: s.URLField(**address) for name in ("next", "previous")}
    return inline_serializer(f"{shape.__name__}List", {"results": shape(many=True), **pages})


def _parameter(name: str, kind: Any = str, **more: Any) -> OpenApiParameter:
    return OpenApiParameter(name, kind, **more)


JOB_LIST = [
    _parameter("status", enum=[str(status) for status in JobStatus]),
    _parameter("queue"),
    _parameter("task", description="Dotted name."),
    _parameter("tenant"),
    _parameter("tag"),
    _parameter("search", description="An id, its end, or a part of a task's name."),
    _parameter("created_after", OpenApiTypes.DATETIME),
    _parameter("created_before", OpenApiTypes.DATETIME),
    _parameter("cursor", description="Where the page begins: as `next` and `previous` say."),
    _parameter("limit", int, description=f"1 to {MOST_LISTED}."),
]
CHILD_LIST = [_parameter("after", int, description="Place in the list."), _parameter("limit", int)]
LOG_LIST = [_parameter("after", int, description="Id of a piece."), _parameter("limit", int)]
NODE_LIST = [_parameter("ended", bool)]
SCHEDULE_LIST = [_parameter("search", description="A part of its name, or of its task's."), *CHILD_LIST]

_PROBLEM = OpenApiResponse(Problem, description="What went wrong.")
WRONG = {400: _PROBLEM, 413: _PROBLEM, 415: _PROBLEM, 429: _PROBLEM}
UNKNOWN = {404: _PROBLEM}
FINISHED = {404: _PROBLEM, 409: _PROBLEM}
