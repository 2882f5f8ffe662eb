"""Addresses of the API, below /api/v1/. What is none of them is answered with a problem as well, not with a page."""

from django.urls import path, re_path

from dashboard.api import alerts, batches, documents, jobs, looks, schedules, steering, stream
from dashboard.api.nowhere import nowhere

app_name = "api"

endpoints = [
    path("jobs", jobs.Jobs.as_view(), name="jobs"),
    path("jobs/batch", jobs.Batch.as_view(), name="batch"),
    path("jobs/<str:job_id>", jobs.Job.as_view(), name="job"),
    path("jobs/<str:job_id>/retry", jobs.Retry.as_view(), name="retry"),
    path("jobs/<str:job_id>/discard", jobs.Discard.as_view(), name="discard"),
    path("jobs/<str:job_id>/attempts", jobs.Attempts.as_view(), name="attempts"),
    path("jobs/<str:job_id>/logs", jobs.Logs.as_view(), name="logs"),
    path("jobs/<str:job_id>/explain", looks.Explain.as_view(), name="explain"),
    path("jobs/<str:job_id>/stack", looks.JobStack.as_view(), name="stack"),
    path("jobs/<str:job_id>/children", batches.Children.as_view(), name="children"),
    path("batches/<str:batch_id>", batches.Batch.as_view(), name="batch-counts"),
    path("tasks", steering.Tasks.as_view(), name="tasks"),
    path("queues", steering.Queues.as_view(), name="queues"),
    path("queues/<path:name>/pause", steering.Pause.as_view(), name="pause"),
    path("queues/<path:name>/resume", steering.Resume.as_view(), name="resume"),
    path("queues/<path:name>", steering.Queue.as_view(), name="queue"),
    path("workers", steering.Workers.as_view(), name="workers"),
    path("workers/check", alerts.CheckWorkers.as_view(), name="check"),
    path("workers/<str:worker_id>", steering.Worker.as_view(), name="worker"),
    path("workers/<str:worker_id>/restart", alerts.RestartWorker.as_view(), name="restart-worker"),
    path("nodes", steering.Nodes.as_view(), name="nodes"),
    path("pool", steering.Pool.as_view(), name="pool"),
    path("pool/scale", steering.Scale.as_view(), name="scale"),
    path("schedules", schedules.Schedules.as_view(), name="schedules"),
    path("schedules/<str:schedule_id>", schedules.Schedule.as_view(), name="schedule"),
    path("schedules/<str:schedule_id>/pause", schedules.Pause.as_view(), name="pause-schedule"),
    path("schedules/<str:schedule_id>/resume", schedules.Resume.as_view(), name="resume-schedule"),
    path("schedules/<str:schedule_id>/run", schedules.Run.as_view(), name="run-schedule"),
    path("alerts", alerts.Alerts.as_view(), name="alerts"),
    path("alerts/<str:alert_id>/mute", alerts.MuteAlert.as_view(), name="mute"),
    path("alerts/<str:alert_id>/unmute", alerts.UnmuteAlert.as_view(), name="unmute"),
    path("health", alerts.HealthSummary.as_view(), name="health"),
    path("dead-letters", jobs.DeadLetters.as_view(), name="dead-letters"),
    path("schema", documents.Schema.as_view(), name="schema"),
]

urlpatterns = [
    *endpoints,
    path("jobs/<str:job_id>/events", stream.events, name="events"),
    path("docs", documents.docs, name="docs"),
    re_path(r"^[\s\S]*$", nowhere, name="nowhere"),
]
