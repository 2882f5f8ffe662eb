"""The pool's tables of a test database."""

from django.apps import apps
from django.db import connections, transaction


def empty(alias: str) -> None:
    """Remove all rows of the pool, those that refer to others first. Users stay."""
    tables = [model._meta.db_table for model in apps.get_app_config("pool").get_models()]
    tables.sort(key=lambda name: name == "pool_job")
    with transaction.atomic(using=alias), connections[alias].cursor() as cursor:
        for table in tables:
            cursor.execute(f"DELETE FROM {table}")
