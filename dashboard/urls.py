"""Addresses of the dashboard. Include them at the root of the project: `path("", include("dashboard.urls"))`."""

from django.urls import include, path

from dashboard import login, metrics
from dashboard.actions import many_jobs, muting, one_job, steering
from dashboard.pages import dead_letters, events, job, jobs, nodes, overview, queues, schedules, settings, workers

app_name = "dashboard"

urlpatterns = [
    path("metrics", metrics.metrics, name="metrics"),
    path("health", metrics.health, name="health"),
    path("health/", metrics.health),
    path("health/live", metrics.live, name="live"),
    path("health/ready", metrics.ready, name="ready"),
    path("api/v1/", include("dashboard.api.urls")),
    # Pages
    path("dashboard/", overview.overview, name="overview"),
    path("dashboard/charts", overview.chart_data, name="charts"),
    path("dashboard/live", overview.live, name="live-status"),
    path("dashboard/jobs/", jobs.jobs, name="jobs"),
    path("dashboard/jobs/<uuid:job_id>/", job.one_job, name="job"),
    path("dashboard/queues/", queues.all_queues, name="queues"),
    path("dashboard/workers/", workers.all_workers, name="workers"),
    path("dashboard/nodes/", nodes.all_nodes, name="nodes"),
    path("dashboard/dead-letters/", dead_letters.dead_letters, name="dead-letters"),
    path("dashboard/schedules/", schedules.all_schedules, name="schedules"),
    path("dashboard/events/", events.all_events, name="events"),
    path("dashboard/settings/", settings.all_settings, name="settings"),
    # What people do from them
    path("dashboard/jobs/<uuid:job_id>/cancel", one_job.cancel_job, name="cancel"),
    path("dashboard/jobs/<uuid:job_id>/retry", one_job.retry_job, name="retry"),
    path("dashboard/jobs/<uuid:job_id>/discard", one_job.discard_job, name="discard"),
    path("dashboard/jobs/cancel", many_jobs.cancel_selected, name="cancel-selected"),
    path("dashboard/jobs/retry", many_jobs.retry_selected, name="retry-selected"),
    path("dashboard/jobs/discard", many_jobs.discard_selected, name="discard-selected"),
    path("dashboard/dead-letters/retry", many_jobs.retry_group, name="retry-group"),
    path("dashboard/dead-letters/discard", many_jobs.discard_group, name="discard-group"),
    path("dashboard/queues/pause", steering.pause_queue, name="pause"),
    path("dashboard/queues/resume", steering.resume_queue, name="resume"),
    path("dashboard/queues/tune", steering.tune_queue, name="tune"),
    path("dashboard/schedules/<int:schedule>/pause", schedules.pause_schedule, name="pause-schedule"),
    path("dashboard/schedules/<int:schedule>/resume", schedules.resume_schedule, name="resume-schedule"),
    path("dashboard/schedules/<int:schedule>/run", schedules.run_schedule, name="run-schedule"),
    path("dashboard/pool/scale", steering.scale_pool, name="scale"),
    path("dashboard/workers/check", steering.check_workers, name="check"),
    path("dashboard/workers/<str:worker>/restart", workers.replace_worker, name="restart-worker"),
    path("dashboard/alerts/<int:alert>/mute", muting.mute, name="mute"),
    path("dashboard/alerts/<int:alert>/unmute", muting.unmute, name="unmute"),
    path("dashboard/nodes/restart", steering.restart_workers, name="restart"),
    # Signing in
    path("login/<str:token>/", login.first_login, name="first-login"),
]
