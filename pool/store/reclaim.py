"""Jobs that are retried by hand hold their unique keys again, unless others hold them by now.

Over Django's connection, in the transaction that retries them and before their rows are locked. The keys are locked
first, so that whoever enqueues one of them meanwhile waits, and finds the retried job waiting.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connections
from django.db.models import QuerySet

from pool.domain.links import UniqueScope
from pool.models import Job
from pool.store.unique import Wanted, reclaim


def reclaim_keys(jobs: "QuerySet[Job]", now: datetime) -> Mapping[UUID, UUID]:
    """Of each of these jobs that must not run again, because another holds its key, that other one."""
    keyed = jobs.exclude(unique_key="").order_by("pk").values_list("unique_key", "pk")
    # Where the key's row is gone nobody knows its scope any more; the default is the one that lets the fewest through.
    wanted = [Wanted(key, pk, UniqueScope.RUNNING, None) for key, pk in keyed]
    if not wanted:
        return {}
    connection: Any = connections[jobs.db]
    with connection.cursor() as cursor:
        return reclaim(cursor, connection.vendor == "postgresql", wanted, now)
