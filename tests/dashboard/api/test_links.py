"""Ties over the API: parents, callbacks, batches, unique keys. On both databases where one differs."""

from typing import Any

import pytest

from pool.models import Batch, Job, JobDependency, PoolEvent
from tests.dashboard.people import Api, problem_of

pytestmark = pytest.mark.django_db

ADD = "tests.contract.tasks.add"
NOBODY = "01890000-0000-7000-8000-000000000000"


def submitted(api: Api, **fields: Any) -> dict[str, Any]:
    response = api.post("jobs", {"task": ADD, **fields})
    assert response.status_code == 201, response.content
    shown: dict[str, Any] = response.json()
    return shown


def test_a_job_waits_for_others(api: Api) -> None:
    parent = submitted(api)["id"]
    child = submitted(api, depends_on=[parent], on_parent_failure="run")
    assert (child["status"], child["depends_on"], child["batch"], child["unique_key"]) == (
        "BLOCKED",
        [parent],
        None,
        None,
    )
    assert JobDependency.objects.get().wants == "any"
    (listed,) = [job for job in api.get("jobs").json()["results"] if job["id"] == child["id"]]
    assert listed["depends_on"] == [parent]


def test_children_are_listed(api: Api) -> None:
    parent = submitted(api)["id"]
    ids = [submitted(api, depends_on=parent)["id"] for _ in range(3)]
    first = api.get(f"jobs/{parent}/children", limit=2).json()
    assert [job["id"] for job in first["results"]] == ids[:2]
    second = api.client.get(first["next"], headers=api.headers).json()
    assert ([job["id"] for job in second["results"]], second["next"]) == (ids[2:], None)
    assert api.get(f"jobs/{NOBODY}/children").status_code == 404


def test_an_unknown_parent_is_the_wrong_field(api: Api) -> None:
    body = problem_of(api.post("jobs", {"task": ADD, "depends_on": [NOBODY]}), 400)
    assert (body["field"], NOBODY in body["detail"]) == ("depends_on", True)
    jobs = [{"task": ADD}, {"task": ADD, "depends_on": [NOBODY]}]
    assert problem_of(api.post("jobs/batch", {"jobs": jobs}), 400)["field"] == "jobs[1].depends_on"
    assert not Job.objects.exists()
    assert not PoolEvent.objects.exists()


def test_jobs_of_one_list_wait_for_each_other_by_number(api: Api) -> None:
    before = submitted(api)["id"]
    jobs = [{"task": ADD}, {"task": ADD, "depends_on": [0, before]}, {"task": ADD, "depends_on": [1]}]
    ids = api.post("jobs/batch", {"jobs": jobs}).json()["ids"]
    shown = [api.get(f"jobs/{id}").json() for id in ids]
    assert [job["depends_on"] for job in shown] == [[], [ids[0], before], [ids[1]]]
    assert [job["status"] for job in shown] == ["PENDING", "BLOCKED", "BLOCKED"]


@pytest.mark.parametrize("number", [1, 2, -1, 10**30, True])
def test_only_earlier_ones_can_be_named_so_that_no_circle_comes_about(api: Api, number: Any) -> None:
    jobs = [{"task": ADD}, {"task": ADD, "depends_on": [number]}, {"task": ADD}]
    assert problem_of(api.post("jobs/batch", {"jobs": jobs}), 400)["field"] == "jobs[1].depends_on"


def test_callbacks_are_named_by_their_task(api: Api) -> None:
    job = submitted(api, on_success=ADD, on_failure={"task": ADD, "args": [1], "kwargs": {"b": 2}})
    stored = Job.objects.filter(status="BLOCKED").order_by("id")
    assert [(one.args, one.kwargs) for one in stored] == [([job["id"]], {}), ([1], {"b": 2})]
    assert {one.created_by for one in stored} == {"ada (token laptop)"}


def test_a_batch_is_counted(api: Api) -> None:
    batch = {"name": "nightly", "on_success": ADD, "on_end": {"task": ADD, "args": []}}
    answer = api.post("jobs/batch", {"jobs": [{"task": ADD}] * 3, "batch": batch}).json()
    shown = api.get(f"batches/{answer['batch']}").json()
    assert (shown["name"], shown["total"], shown["waiting"], shown["status"]) == ("nightly", 3, 3, "RUNNING")
    assert set(answer["ids"]) == {str(job.pk) for job in Job.objects.filter(batch=answer["batch"])}
    assert Job.objects.filter(batch=None).count() == 2
    api.delete(f"jobs/{answer['ids'][0]}")
    shown = api.get(f"batches/{answer['batch']}").json()
    assert (shown["cancelled"], shown["waiting"], shown["created_by"]) == (1, 2, "ada (token laptop)")
    assert [job["batch"] for job in api.get("jobs").json()["results"]].count(answer["batch"]) == 3
    assert len(api.get(f"jobs/{answer['batch']}/children").json()["results"]) == 2


def test_without_being_asked_for_there_is_no_batch(api: Api) -> None:
    assert set(api.post("jobs/batch", {"jobs": [{"task": ADD}]}).json()) == {"ids"}
    assert not Batch.objects.exists()


@pytest.mark.parametrize(
    ("batch", "field"),
    [
        (7, "batch"),
        ({"title": "x"}, "batch"),
        ({"name": "x" * 101}, "batch.name"),
        ({"name": 7}, "batch.name"),
        ({"on_success": "os.system"}, "batch.on_success"),
        ({"on_end": {"task": ADD, "args": ["\x00"]}}, "batch.on_end"),
        ({"on_failure": 7}, "batch.on_failure"),
    ],
)
def test_a_wrong_batch_is_refused(api: Api, batch: Any, field: str) -> None:
    assert problem_of(api.post("jobs/batch", {"jobs": [{"task": ADD}], "batch": batch}), 400)["field"] == field
    assert not Job.objects.exists()


def test_an_unknown_batch_is_not_found(api: Api) -> None:
    for name in (NOBODY, "x", "ü"):
        problem_of(api.get(f"batches/{name}"), 404)


def test_the_holder_of_a_unique_key_is_shown_instead(api: Api) -> None:
    first = submitted(api, unique_key="k")
    response = api.post("jobs", {"task": ADD, "args": [7], "unique_key": {"key": "k", "scope": "waiting"}})
    assert (response.status_code, response.json()["id"]) == (200, first["id"])
    assert response["Location"].endswith(first["id"])
    assert (first["unique_key"], Job.objects.count(), PoolEvent.objects.count()) == ("k", 1, 1)


def test_duplicates_in_a_list_have_one_id(api: Api) -> None:
    jobs = [{"task": ADD, "unique_key": key} for key in ("a", "b", "a")]
    ids = api.post("jobs/batch", {"jobs": jobs}).json()["ids"]
    assert ids == [ids[0], ids[1], ids[0]]
    assert Job.objects.count() == 2
    assert PoolEvent.objects.get().data == {"jobs": 2}


def test_limits_reach_the_job(api: Api) -> None:
    submitted(api, limit_key="customer 7", limit_running=2, limit_rate=0.5)
    job = Job.objects.get()
    assert (job.limit_key, job.limit_running, job.limit_rate) == ("customer 7", 2, 0.5)
