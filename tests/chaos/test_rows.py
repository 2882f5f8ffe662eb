"""What the harness reads while the pool goes on working."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from pool.domain.ids import new_id
from pool.models import Job
from tests.chaos import rows

pytestmark = pytest.mark.django_db


def test_a_job_that_fails_while_it_is_counted_has_not_ended() -> None:
    """It was not among those who wait when they were counted, and is not among those who run any more."""
    now = timezone.now()
    Job.objects.create(id=new_id(), task="t", created_at=now, run_at=now, status="RUNNING")

    def fail_meanwhile(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        found = execute(sql, *rest)
        if sql.startswith("SELECT"):
            Job.objects.update(status="SCHEDULED")
        return found

    with connection.execute_wrapper(fail_meanwhile):
        assert 1 == rows.unfinished()
