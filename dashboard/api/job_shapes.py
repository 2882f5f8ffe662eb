"""The shapes of jobs, their attempts and batches, as the API takes and answers them; for its schema."""

from rest_framework import serializers as s

from dashboard.api.schema import nullable, optional
from pool.domain.links import MAX_PARENTS, MAX_RATE, MAX_RUNNING, OnParentFailure
from pool.domain.naming import MAX_NAME
from pool.domain.options import MAX_ATTEMPTS, MAX_NAMES, MAX_PRIORITY, MAX_TAG, MAX_TIMEOUT_S, MIN_PRIORITY
from pool.domain.states import JobStatus, Outcome


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
