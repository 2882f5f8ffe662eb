"""Why a job waits, from rows as the pool writes them: place, limits, keys, parents, nodes; on both databases."""

import json
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

import pool
from pool.domain.blockers import Code
from pool.domain.errors import JobNotFound
from pool.domain.states import JobStatus, NodeState, WorkerState
from pool.models import Batch, Job, JobDependency, KeyRate, Node, PoolSnapshot, Queue, Tally, Tenant, WorkerSnapshot
from pool.store import place
from pool.store.deltas import Deltas
from pool.store.explain import explain, waiting_for_key
from tests.store.graphs import after
from tests.store.rows import claim_as, enqueue, plan_of, put, unbegun

MOST_STATEMENTS = 20


def alive(alias: str, *, offers: tuple[str, ...] = ("general",), jobs: int = 600, **figures: Any) -> None:
    """A node with two workers, of which one is idle, that ends ten jobs of each queue in a second."""
    now = timezone.now()
    Node.objects.using(alias).create(
        id="n1", host="h", pid=1, state=NodeState.RUNNING, started_at=now, last_beat=now, wanted=2
    )
    WorkerSnapshot.objects.using(alias).create(
        id="w0", node="n1", slot=0, pid=2, state=WorkerState.IDLE, started_at=now, last_beat=now, capabilities=offers
    )
    data = {
        "workers": {"total": 2, "active": 1, "idle": 1},
        "rates": {"throughput": 10.0},
        "queues": {"default": {"jobs": jobs}},
        "pool": {"uptime": 3600.0},
    }
    PoolSnapshot.objects.using(alias).create(at=now, node="n1", data=data | figures)


def codes(job: UUID) -> list[str]:
    return [one["code"] for one in explain(job)["blockers"]]


def first(job: UUID) -> dict[str, Any]:
    found: dict[str, Any] = explain(job)["blockers"][0]
    return found


def test_a_job_in_line_has_its_place_and_its_time(alias):
    alive(alias)
    jobs = enqueue(alias, 21)
    told = explain(jobs[20])
    assert (20, False, "20 jobs of its queue come first.") == (
        told["position"],
        told["more_before"],
        told["summary"],
    )
    assert {"seconds": 2.0, "at_least": False, "sure": "high", "rate": 10.0}.items() <= told["estimate"].items()
    assert [Code.PLACE] == codes(jobs[20])
    assert (0, [], "pending") == (*(explain(jobs[0])[key] for key in ("position", "blockers")), "pending")


def test_a_place_far_back_is_not_counted(alias, monkeypatch):
    monkeypatch.setattr(place, "MOST_AHEAD", 3)
    alive(alias)
    told = explain(enqueue(alias, 5)[4])
    assert (None, True) == (told["position"], told["more_before"])
    assert told["estimate"]["at_least"]


def test_it_is_asked_by_result_id_or_dict(alias):
    (job,) = enqueue(alias)
    assert str(job) == explain(str(job))["id"]
    assert str(job) == pool.explain(SimpleNamespace(id=str(job)))["id"] == pool.explain(pool.get_job(job))["id"]
    with pytest.raises(JobNotFound):
        explain("nonsense")


def test_it_can_be_written_as_json(alias):
    alive(alias)
    _, parent = enqueue(alias, 2)
    for job in (after(alias, parent), parent, put(alias, JobStatus.RUNNING), put(alias, JobStatus.FAILED)):
        assert str(job) == json.loads(json.dumps(explain(job)))["id"]


def test_a_pool_without_nodes_says_so(alias):
    (job,) = enqueue(alias)
    assert Code.NO_NODE == first(job)["code"]
    assert explain(job)["estimate"] is None


def test_a_node_that_is_silent_no_longer_counts(alias):
    alive(alias)
    Node.objects.using(alias).update(last_beat=timezone.now() - timedelta(minutes=5))
    assert Code.NO_NODE in codes(enqueue(alias)[0])


def test_nodes_that_drain_or_cannot_work_are_told(alias):
    alive(alias)
    (job,) = enqueue(alias)
    Node.objects.using(alias).update(state=NodeState.DRAINING, problem="The disk is full.")
    assert [Code.DRAINING, Code.NODE_PROBLEM] == codes(job)
    assert "The node on h cannot work: The disk is full." == explain(job)["blockers"][1]["sentence"]


def test_a_pool_in_which_no_worker_lives_says_so(alias):
    alive(alias, workers={"total": 0})
    assert [Code.NO_WORKER] == codes(enqueue(alias)[0])


def test_a_paused_queue_is_told_since_when(alias):
    alive(alias)
    since = timezone.now()
    Queue.objects.using(alias).create(name="mail", paused=True, paused_at=since)
    told = first(enqueue(alias, queue="mail")[0])
    assert (Code.QUEUE_PAUSED, "mail", since.isoformat()) == (told["code"], told["subject"], told["since"])


def test_a_queue_that_nobody_serves_is_told(alias, settings):
    alive(alias)
    settings.POOL = {**settings.POOL, "queues": ["mail"]}
    assert [Code.QUEUE_NOT_SERVED] == codes(enqueue(alias)[0])


def test_the_limits_of_its_queue_are_told(alias, database):
    alive(alias)
    now = timezone.now()
    Queue.objects.using(alias).create(
        name="default", max_running=1, rate=0.5, burst=1, tokens=0.0, tokens_at=now, max_waiting=2
    )
    job, _ = enqueue(alias, 2)
    Tally.objects.using(alias).create(queue="default", executing=1)
    running, rate, full = explain(job)["blockers"]
    assert [Code.QUEUE_RUNNING, Code.QUEUE_RATE, Code.BACKPRESSURE] == [one["code"] for one in (running, rate, full)]
    assert "1 of at most 1 jobs of queue 'default' execute." == running["sentence"]
    assert now < timezone.datetime.fromisoformat(rate["until"]) <= now + timedelta(seconds=2.1)
    assert "2 of at most 2 jobs wait" in full["sentence"]


def test_a_key_that_is_full_is_told_with_those_before_it(alias):
    alive(alias)
    limits = {"limit_key": "acme", "limit_running": 1}
    put(alias, JobStatus.RUNNING, **limits)
    jobs = [put(alias, JobStatus.BLOCKED, **limits) for _ in range(3)]
    put(alias, JobStatus.BLOCKED, limit_key="other", limit_running=1)
    assert "1 of at most 1 jobs with the key 'acme' execute, and 2 wait before it." == first(jobs[2])["sentence"]
    waiting = put(alias, JobStatus.PENDING, **limits)
    assert [Code.KEY_RUNNING] == codes(waiting)


def test_the_rate_of_a_key_is_told(alias):
    alive(alias)
    now = timezone.now()
    KeyRate.objects.using(alias).create(key="acme", tokens=0.0, at=now)
    job = put(alias, JobStatus.SCHEDULED, limit_key="acme", limit_rate=0.1, run_at=now + timedelta(seconds=10))
    assert [Code.SCHEDULED, Code.KEY_RATE] == codes(job)
    assert [] == codes(put(alias, JobStatus.PENDING, limit_key="fresh", limit_rate=0.1))


def test_parents_are_counted_and_the_unmet_are_named(alias):
    alive(alias)
    parents = enqueue(alias, 25)
    batch = Batch.objects.using(alias).create(name="nightly", total=10, completed=4, created_at=timezone.now())
    child = after(alias, *parents, batch.pk)
    JobDependency.objects.using(alias).filter(child=child, parent__in=parents[:7]).update(met=True)
    Job.objects.using(alias).filter(pk=child).update(waits_for=19)
    told = explain(child)
    assert "7 of 26 jobs and batches that it waits for are done." == told["summary"]
    assert (7, 26, 20, False) == (
        told["parents"]["done"],
        told["parents"]["total"],
        len(told["parents"]["unmet"]) + 1,
        told["parents"]["are_more"],
    )
    assert {"status": "PENDING", "name": "app.tasks.work"}.items() <= told["parents"]["unmet"][0].items()
    assert {"is_batch": True, "name": "nightly", "done": 4, "total": 10}.items() <= told["parents"]["unmet"][-1].items()


def test_more_parents_than_are_named_are_counted_all_the_same(alias):
    child = after(alias, *enqueue(alias, 30))
    told = explain(child)["parents"]
    assert (0, 30, 20, True) == (told["done"], told["total"], len(told["unmet"]), told["are_more"])


def test_what_no_worker_offers_is_told(alias):
    alive(alias, offers=("general", "s3"))
    asks = put(alias, JobStatus.PENDING, requires=["gpu"])
    assert "No worker offers gpu." == first(asks)["sentence"]
    lacks = put(alias, JobStatus.BLOCKED, requires=["s3"], lacks="s3")
    assert [Code.CAPABLE_BUSY] == codes(lacks)


def test_a_task_that_no_node_knows_is_told(alias):
    alive(alias)
    error = {"type": "pool.domain.errors.UnknownTask", "message": "No worker knows it.", "traceback": ""}
    job = put(alias, JobStatus.SCHEDULED, error=error, run_at=timezone.now() + timedelta(seconds=30))
    assert (Code.UNKNOWN_TASK, "app.tasks.work") == (first(job)["code"], first(job)["subject"])


def test_a_retry_is_told_with_its_attempt(alias):
    alive(alias)
    job = put(alias, JobStatus.SCHEDULED, attempts=2, run_at=timezone.now() + timedelta(seconds=30))
    assert "Attempt 2 failed. The next one starts after a pause." == first(job)["sentence"]


def test_a_tenant_is_told_its_turn(alias):
    alive(alias)
    Tenant.objects.using(alias).create(name="acme", weight=2.0)
    jobs = enqueue(alias, 4, tenant="acme")
    enqueue(alias, 3, tenant="other")
    told = explain(jobs[3])["blockers"]
    assert [Code.PLACE, Code.TENANT_TURN] == [one["code"] for one in told]
    assert "3 of those jobs are of its own tenant 'acme', whose weight is 2." in told[1]["sentence"]


def test_a_job_in_the_hands_of_a_node_tells_whose(alias, database):
    alive(alias)
    enqueue(alias)
    (job,) = claim_as(database, "n1")
    assert (Code.HELD, "h") == (first(job.id)["code"], first(job.id)["subject"])
    Node.objects.using(alias).update(last_beat=timezone.now() - timedelta(minutes=5))
    told = first(job.id)
    assert Code.HOLDER_SILENT == told["code"]
    assert told["until"] > told["since"]
    assert unbegun(job).job.id == job.id


def test_a_job_that_runs_or_has_ended_waits_for_nothing(alias):
    running = put(alias, JobStatus.RUNNING)
    assert [Code.RUNNING] == codes(running)
    assert ("It has ended: it is COMPLETED.", []) == (
        *(explain(put(alias, JobStatus.COMPLETED))[key] for key in ("summary", "blockers")),
    )


def test_however_much_waits_the_statements_are_few(alias, monkeypatch):
    alive(alias)
    Queue.objects.using(alias).create(name="default", max_running=9, rate=5.0, max_waiting=99)
    ties = {"limit_key": "acme", "limit_running": 3, "limit_rate": 2.0, "requires": ["general"], "tenant": "t"}
    busiest = put(alias, JobStatus.PENDING, rank=5000, **ties)
    put(alias, JobStatus.PENDING, rank=1000, **ties)
    blocked = put(alias, JobStatus.BLOCKED, waits_for=30, **ties)
    batches = [Batch.objects.using(alias).create(created_at=timezone.now()).pk for _ in range(5)]
    parents = [*enqueue(alias, 25, task="x"), *batches]
    JobDependency.objects.using(alias).bulk_create(JobDependency(child=blocked, parent=id) for id in parents)
    for job in (busiest, blocked):
        with CaptureQueriesContext(
            connections[alias],
        ) as caught:
            explain(job)
        assert len(caught) <= MOST_STATEMENTS, [query["sql"] for query in caught]


def test_every_count_goes_along_an_index(alias, database):
    job = Job.objects.using(alias).get(pk=put(alias, JobStatus.PENDING, rank=5000, tenant="t", limit_key="k"))
    blocked = Job.objects.using(alias).get(pk=put(alias, JobStatus.BLOCKED, rank=1, limit_key="k"))
    of_key = waiting_for_key("k")
    with CaptureQueriesContext(connections[alias]) as caught:
        place.position(job)
        place.own_before(job)
        place.ahead(of_key, blocked)
    for query in caught:
        plan = plan_of(database, query["sql"].replace("%", "%%") if database.is_sqlite else query["sql"], ())
        assert "pool_job_" in plan, plan
        assert "TEMP B-TREE" not in plan
    assert len(caught) == 7
    assert Deltas().by_queue == {}
