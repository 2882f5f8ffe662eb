"""Dead letters by what they died of."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from pool.conf import database_alias
from pool.domain.ids import new_id
from pool.domain.states import JobStatus
from pool.models import Job
from pool.store import dead_letters

pytestmark = pytest.mark.usefixtures("alias")


def a_dead_letter(error: str | None, task: str = "send", **fields: Any) -> Job:
    now = timezone.now()
    values = {"id": new_id(), "task": task, "created_at": now, "run_at": now, "finished_at": now}
    why = (
        None
        if error is None
        else {"type": error, "message": f"{error} {Job.objects.using(database_alias()).count()}", "traceback": ""}
    )
    return Job.objects.using(database_alias()).create(**{**values, "status": JobStatus.FAILED, "error": why, **fields})


def groups() -> dict[tuple[str, str], int]:
    return {(group.task, group.error): group.jobs for group in dead_letters.dead_groups().groups}


def test_they_are_grouped_by_task_and_error_largest_first() -> None:
    for error, count in (("A", 1), ("B", 3), (None, 2)):
        for _ in range(count):
            a_dead_letter(error)
    a_dead_letter("A", task="other")
    a_dead_letter("A", status=JobStatus.TIMEOUT)
    a_dead_letter("A", discarded_at=timezone.now())
    a_dead_letter("A", status=JobStatus.CANCELLED)
    found = dead_letters.dead_groups()
    assert found.is_whole
    assert {("send", "B"): 3, ("send", "A"): 2, ("send", ""): 2, ("other", "A"): 1} == groups()
    assert [3, 2, 2, 1] == [group.jobs for group in found.groups]


def test_group_knows_its_first_its_last_and_what_the_newest_said() -> None:
    now = timezone.now()
    a_dead_letter("A", finished_at=now - timedelta(hours=2))
    newest = a_dead_letter("A", status=JobStatus.TIMEOUT, finished_at=now - timedelta(hours=1))
    (group,) = dead_letters.dead_groups().groups
    assert (now - timedelta(hours=2), now - timedelta(hours=1)) == (group.first_at, group.last_at)
    assert (newest.pk, newest.error["message"]) == (group.newest, group.message)


def test_jobs_of_a_group_are_found_newest_first() -> None:
    jobs = [a_dead_letter("A"), a_dead_letter("A", status=JobStatus.TIMEOUT), a_dead_letter("A")]
    a_dead_letter("B")
    a_dead_letter("A", discarded_at=timezone.now())
    assert [job.pk for job in reversed(jobs)] == dead_letters.dead_ids("send", "A", 10)
    assert [jobs[2].pk, jobs[1].pk] == dead_letters.dead_ids("send", "A", 2)
    assert jobs[::-1] == dead_letters.dead_jobs("send", "A", 10)
    assert [] == dead_letters.dead_ids("send", "C", 10)


def test_looking_is_bounded_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dead_letters, "MOST_LOOKED_AT", 3)
    for _ in range(5):
        a_dead_letter("A")
    found = dead_letters.dead_groups()
    assert ([3], False) == ([group.jobs for group in found.groups], found.is_whole)
    assert 3 == len(dead_letters.dead_ids("send", "A", 10))


def test_no_dead_letters_are_no_groups() -> None:
    found = dead_letters.dead_groups()
    assert ([], True) == (found.groups, found.is_whole)
