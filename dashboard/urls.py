"""Addresses of the dashboard. Include them at the root of the project: `path("", include("dashboard.urls"))`."""

from django.urls import path

from dashboard import login, metrics, pages

app_name = "dashboard"

urlpatterns = [
    path("metrics", metrics.metrics, name="metrics"),
    path("health", metrics.health, name="health"),
    path("health/live", metrics.live, name="live"),
    path("health/ready", metrics.ready, name="ready"),
    path("dashboard/", pages.overview, name="overview"),
    path("login/<str:token>/", login.first_login, name="first-login"),
]
