"""The app "dashboard" as Django sees it. Its label is longer than its name, because many projects have a dashboard."""

from django.apps import AppConfig


class DashboardConfig(AppConfig):
    name = "dashboard"
    label = "pool_dashboard"
    verbose_name = "Pool dashboard"
