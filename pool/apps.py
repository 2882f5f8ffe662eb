"""The app "pool" as Django sees it: its models, its system checks, and what it needs beside itself."""

from django.apps import AppConfig, apps
from django.core.checks import Tags, register
from django.core.exceptions import ImproperlyConfigured


class PoolAppConfig(AppConfig):
    name = "pool"
    verbose_name = "Pool"
    default_auto_field = "django.db.models.BigAutoField"

    def import_models(self) -> None:
        """The model of API tokens stands on knox's, which Django can import only when knox is installed."""
        if not apps.is_installed("knox"):
            raise ImproperlyConfigured('The pool needs "knox" for its API tokens: add "knox" to INSTALLED_APPS.')
        super().import_models()

    def ready(self) -> None:
        from pool.checks import CHECKS, check_server, check_tasks

        for check in CHECKS:
            register(check, "pool")
        register(check_server, Tags.database)
        register(check_tasks, "pool", deploy=True)
