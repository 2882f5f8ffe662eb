"""What the page of a job shows of its ties."""

import pytest
from django.test import Client

from pool.domain.ids import new_id
from pool.domain.states import JobStatus
from pool.models import Batch, JobDependency
from tests.dashboard.rows import a_job, an_error
from tests.dashboard.test_pages_job import page_of

pytestmark = pytest.mark.django_db


def test_parents_and_children_are_linked_with_their_states(operator: Client) -> None:
    parent, child = a_job(JobStatus.RUNNING), a_job(JobStatus.BLOCKED, waits_for=1)
    JobDependency.objects.create(child=child.pk, parent=parent.pk, wants="any")
    page = page_of(operator, child)
    assert f'href="/dashboard/jobs/{parent.pk}/"' in page
    assert "when it has ended" in page
    assert "is-running" in page
    page = page_of(operator, parent)
    assert "Waiting for it" in page
    assert f'href="/dashboard/jobs/{child.pk}/"' in page


def test_a_parent_may_be_a_batch_or_gone(operator: Client) -> None:
    child = a_job(JobStatus.BLOCKED, waits_for=2)
    batch = Batch.objects.create(name="nightly", created_at=child.created_at)
    for parent in (batch.pk, new_id()):
        JobDependency.objects.create(child=child.pk, parent=parent)
    page = page_of(operator, child)
    assert "Batch nightly" in page
    assert "which is gone" in page


def test_the_batch_is_shown_with_its_counts(operator: Client) -> None:
    batch = Batch.objects.create(name="night <ly>", total=12, completed=7, failed=2, created_at=a_job().created_at)
    page = page_of(operator, a_job(batch=batch.pk))
    assert "<b>night &lt;ly&gt;</b>" in page
    assert "7 of 12 completed, 2 failed, 3 left" in page
    assert '<progress max="12" value="9"' in page, "those that ended, whatever became of them"


def test_a_batch_that_was_removed_breaks_nothing(operator: Client) -> None:
    assert "Tied to" not in page_of(operator, a_job(batch=new_id()))


def test_without_ties_nothing_is_said(operator: Client) -> None:
    assert "Tied to" not in page_of(operator, a_job())


def test_why_it_was_cancelled_is_told(operator: Client) -> None:
    error = an_error("pool.domain.errors.ParentFailed", "It waited for x, which ended as FAILED.")
    page = page_of(operator, a_job(JobStatus.CANCELLED, error=error))
    assert "It waited for x, which ended as FAILED." in page
    assert "Somebody cancelled it" not in page


def test_keys_are_among_the_facts(operator: Client) -> None:
    page = page_of(operator, a_job(unique_key="one & only", limit_key="printer", limit_running=2, limit_rate=0.5))
    assert "one &amp; only" in page
    assert "printer, 2 at a time, 0.5 a second" in page
