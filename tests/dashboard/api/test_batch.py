"""POST of many jobs: all of them, or none. On both databases."""

from typing import Any

import pytest

from dashboard.api import order
from dashboard.api.errors import BadField
from pool.models import Job, PoolEvent, Tally
from pool.store.actor import Actor
from tests.dashboard.people import Api, problem_of

ADD = "tests.contract.tasks.add"
ADA = Actor("ada", "api 192.0.2.1")


@pytest.mark.django_db
def test_jobs_are_stored_in_order(api: Api) -> None:
    bodies = [{"task": ADD, "args": [number], "priority": number} for number in range(3)]
    response = api.post("jobs/batch", {"jobs": bodies})
    assert response.status_code == 201
    ids = response.json()["ids"]
    stored = {str(job.pk): (job.args, job.priority) for job in Job.objects.all()}
    assert [stored[id] for id in ids] == [([0], 0), ([1], 1), ([2], 2)]
    assert PoolEvent.objects.get().data == {"jobs": 3}


@pytest.mark.django_db
def test_one_wrong_job_refuses_all_and_is_named(api: Api) -> None:
    body = problem_of(api.post("jobs/batch", {"jobs": [{"task": ADD}, {"task": ADD, "args": ["\x00"]}]}), 400)
    assert body["field"] == "jobs[1].args"
    assert body["detail"].startswith("jobs[1]: args[0] holds a NUL")
    assert problem_of(api.post("jobs/batch", {"jobs": [{"task": ADD}, 7]}), 400)["field"] == "jobs[1]"
    assert not Job.objects.exists()
    assert not PoolEvent.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("jobs", [None, [], {}, "x", [{}] * 10_001])
def test_number_of_jobs_has_limits(api: Api, jobs: Any) -> None:
    assert problem_of(api.post("jobs/batch", {"jobs": jobs}), 400)["field"] == "jobs"


@pytest.mark.django_db
def test_batch_has_one_field(api: Api) -> None:
    assert problem_of(api.post("jobs/batch", {"jobs": [{"task": ADD}], "queue": "x"}), 400)["field"] == "queue"


@pytest.mark.django_db
def test_depth_without_end_is_refused(api: Api) -> None:
    deep = "[" * 100_000 + "]" * 100_000
    assert problem_of(api.post("jobs/batch", f'{{"jobs": [{{"args": {deep}}}]}}'), 400)["field"] == "jobs"


@pytest.mark.django_db
def test_ten_thousand_jobs_go_in_one_transaction(api: Api, django_assert_max_num_queries: Any) -> None:
    with django_assert_max_num_queries(20):
        ids = api.post("jobs/batch", {"jobs": [{"task": ADD, "args": [1]}] * 10_000}).json()["ids"]
    assert len(set(ids)) == 10_000
    assert Tally.objects.get().submitted == 10_000


def test_orders_are_stored_whole_on_both_databases(alias: str) -> None:
    bodies = [{"task": ADD, "args": ["ü", 1.5], "tags": ["a"], "queue": queue} for queue in ("a", "b")]
    orders = order.read_orders(bodies, ADA)
    order.store(orders, ADA)
    stored = Job.objects.using(alias).order_by("pk")
    assert [(job.args, job.tags, job.queue, job.created_by) for job in stored] == [
        (["ü", 1.5], ["a"], queue, "ada") for queue in ("a", "b")
    ]
    event = PoolEvent.objects.using(alias).get()
    assert (event.name, event.actor, event.source, event.data) == ("jobs.submitted", "ada", ADA.source, {"jobs": 2})


@pytest.mark.parametrize("text", ["\x00", "\ud800", "x" * 300_000])
def test_what_one_database_would_refuse_is_refused_on_both(alias: str, text: str) -> None:
    for body in ({"args": [text]}, {"kwargs": {text: 1}}, {"metadata": {"a": text}}, {"tags": [text]}, {"queue": text}):
        with pytest.raises(BadField) as refused:
            order.read_order({"task": ADD, **body}, ADA)
        assert refused.value.field in body
    assert not Job.objects.using(alias).exists()
