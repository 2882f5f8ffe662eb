"""Django admin of the pool's tables: everything shown, jobs never changed, nothing counted without bound."""

from typing import Any

import pytest
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from pool.admin import read_only
from pool.domain.ids import new_id
from pool.domain.states import NodeState, WorkerState
from pool.models import (
    AlertRecord,
    ApiToken,
    Attempt,
    Batch,
    BatchChange,
    Job,
    JobDependency,
    JobLog,
    KeyRate,
    Node,
    PoolEvent,
    PoolSnapshot,
    Queue,
    ScheduleState,
    Tally,
    Tenant,
    UniqueKey,
    WorkerSnapshot,
)
from pool.store.tokens import create_token

pytestmark = pytest.mark.django_db

MODELS = [Job, Attempt, JobLog, Tally, Node, WorkerSnapshot, PoolSnapshot, PoolEvent]
MODELS += [JobDependency, Batch, BatchChange, UniqueKey, ScheduleState, AlertRecord]
TUNED = [Queue, Tenant, KeyRate]
"""Their rows are changed by the store's verbs."""


@pytest.fixture
def ada(django_user_model: Any) -> Any:
    return django_user_model.objects.create_superuser("ada")


@pytest.fixture
def staff(client: Client, ada: Any) -> Client:
    client.force_login(ada)
    return client


@pytest.fixture
def rows() -> dict[type, Any]:
    """One row of each table."""
    now = timezone.now()
    job = Job.objects.create(id=new_id(), task="app.send", created_at=now, run_at=now, args=[1])
    return {
        Job: job,
        Attempt: Attempt.objects.create(job=job, epoch=1, number=1, outcome="error", finished_at=now),
        JobLog: JobLog.objects.create(job=job, epoch=1, at=now, stream="stdout", text="hello"),
        Queue: Queue.objects.create(name="mail"),
        Tally: Tally.objects.create(queue="mail"),
        Node: Node.objects.create(id="n1", host="h", pid=1, state=NodeState.RUNNING, started_at=now, last_beat=now),
        WorkerSnapshot: WorkerSnapshot.objects.create(
            id="w1", node="n1", slot=0, pid=2, state=WorkerState.IDLE, started_at=now, last_beat=now
        ),
        PoolSnapshot: PoolSnapshot.objects.create(at=now, node="n1", data={"a": 1}),
        PoolEvent: PoolEvent.objects.create(at=now, name="pool.scaled"),
        JobDependency: JobDependency.objects.create(child=job.pk, parent=new_id()),
        Batch: (batch := Batch.objects.create(created_at=now)),
        BatchChange: BatchChange.objects.create(batch=batch.pk),
        UniqueKey: UniqueKey.objects.create(key="one", job=job.pk, scope="running"),
        ScheduleState: ScheduleState.objects.create(schedule=1),
        AlertRecord: AlertRecord.objects.create(name="late", level="notice", opened_at=now),
    }


def address(model: type, page: str, *args: Any) -> str:
    return reverse(f"admin:pool_{model.__name__.lower()}_{page}", args=args)


def test_every_table_is_registered() -> None:
    assert {*MODELS, *TUNED, ApiToken} == {model for model in admin.site._registry if model._meta.app_label == "pool"}


@pytest.mark.parametrize("model", MODELS)
def test_rows_are_shown_and_not_changed(staff: Client, rows: dict[type, Any], model: type) -> None:
    pk = rows[model].pk
    assert staff.get(address(model, "changelist")).status_code == 200
    assert staff.get(address(model, "change", pk)).status_code == 200
    assert staff.post(address(model, "change", pk), {"task": "other"}).status_code == 403
    assert staff.get(address(model, "add")).status_code == 403
    assert staff.post(address(model, "delete", pk), {"post": "yes"}).status_code == 403
    assert model.objects.filter(pk=pk).exists()


@pytest.mark.parametrize("model", [*MODELS, *TUNED, ApiToken])
def test_search_takes_anything(staff: Client, rows: dict[type, Any], model: type) -> None:
    for term in ("x", "'; --", "ü", str(new_id())):
        assert staff.get(address(model, "changelist"), {"q": term}).status_code == 200


@pytest.mark.parametrize(
    ("model", "column"),
    [(Attempt, "job_id"), (JobLog, "job_id"), (JobDependency, "child"), (Batch, "id"), (BatchChange, "batch")],
)
def test_rows_are_found_by_an_id_alone(staff: Client, rows: dict[type, Any], model: type, column: str) -> None:
    id = getattr(rows[model], column)
    for term, expected in ((id, [rows[model]]), (id.hex, [rows[model]]), (new_id(), []), ("x", [])):
        found = staff.get(address(model, "changelist"), {"q": str(term)}).context["cl"].result_list
        assert expected == list(found)


def test_no_action_deletes_jobs(staff: Client, rows: dict[type, Any]) -> None:
    staff.post(address(Job, "changelist"), {"action": "delete_selected", "_selected_action": rows[Job].pk, "post": "y"})
    assert Job.objects.exists()


def test_job_is_found_by_id_and_by_task(staff: Client, rows: dict[type, Any]) -> None:
    pk = str(rows[Job].pk)
    for term in (pk, pk.replace("-", ""), "app."):
        assert pk in staff.get(address(Job, "changelist"), {"q": term}).content.decode()
    assert pk not in staff.get(address(Job, "changelist"), {"q": "other"}).content.decode()


def test_jobs_are_filtered_by_queue_without_reading_all_of_them(staff: Client, rows: dict[type, Any]) -> None:
    with CaptureQueriesContext(connection) as queries:
        page = staff.get(address(Job, "changelist"), {"queue": "mail"}).content.decode()
    assert str(rows[Job].pk) not in page
    assert not [query for query in queries.captured_queries if "DISTINCT" in query["sql"]]
    assert staff.get(address(Job, "changelist"), {"queue": "\x00"}).status_code == 200


def test_counting_stops_at_the_bound(staff: Client, rows: dict[type, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_only, "MOST_COUNTED", 3)
    now = timezone.now()
    Job.objects.bulk_create(Job(id=new_id(), task="t", created_at=now, run_at=now) for _ in range(10))
    with CaptureQueriesContext(connection) as queries:
        response = staff.get(address(Job, "changelist"))
    assert response.context["cl"].result_count == 3
    counts = [query["sql"] for query in queries.captured_queries if "COUNT(" in query["sql"].upper()]
    assert counts
    assert all("LIMIT 4" in statement for statement in counts)


def test_token_can_be_revoked_and_shows_no_secret(staff: Client, ada: Any) -> None:
    row, text = create_token(ada, "laptop")
    page = staff.get(address(ApiToken, "change", row.pk)).content.decode()
    assert "laptop" in page
    assert text not in page
    assert staff.get(address(ApiToken, "add")).status_code == 403
    staff.post(address(ApiToken, "delete", row.pk), {"post": "yes"})
    assert not ApiToken.objects.exists()
