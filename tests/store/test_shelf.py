"""Jobs that wait for a capable worker: out of the claim's way, known by what they lack, back by priority."""

import json

import pytest

from pool.domain.jobs import Verdict
from pool.domain.states import JobStatus
from pool.models import Job
from pool.store import operate, shelf, sizing
from tests.store.rows import (
    NOW,
    ON_POSTGRES,
    ON_SQLITE,
    assert_counted,
    claim_as,
    enqueue,
    in_turn,
    moment,
    plan_of,
    put,
    row,
    settle,
    statuses,
    unbegun,
    work_of,
)

S = JobStatus
GPU = json.dumps(["gpu"])


def shelve(alias, database, count=1, key="gpu", **values):
    """Jobs that a node claimed and could not place."""
    jobs = enqueue(alias, count, requires=GPU, **values)
    claimed = claim_as(database)
    settle(database, *map(unbegun, claimed), verdict=Verdict(S.BLOCKED, refund=True, lacks=key))
    return jobs


def release(database, key="gpu", most=100, only=()):
    return in_turn(database, lambda deltas: shelf.release(database, key, most, deltas, only))


def test_claim_brings_what_a_job_requires_and_its_key(alias, database):
    enqueue(alias, requires=GPU, affinity="x")
    [job] = claim_as(database)
    assert (["gpu"], "x") == (json.loads(job.requires), job.affinity)


def test_shelved_job_is_unspent_and_belongs_to_nobody(alias, database):
    [job] = shelve(alias, database)
    found = row(alias, job)
    assert ("BLOCKED", "gpu", 0, "", 1) == tuple(found[key] for key in ("status", "lacks", "attempts", "node", "epoch"))
    assert [] == claim_as(database), "the claim does not see it"
    assert {"blocked": 1, "pending": 0}.items() <= assert_counted(alias)["default"].items()


def test_what_waits_is_known_by_its_keys(alias, database):
    assert {} == shelf.waiting(database)
    shelve(alias, database, 3)
    shelve(alias, database, 2, key="gpu,large")
    put(alias, S.BLOCKED)
    assert {"gpu": ["gpu"], "gpu,large": ["gpu"]} == {
        key: json.loads(text) for key, text in shelf.waiting(database).items()
    }


def test_first_of_a_key_come_back_by_priority_and_age(alias, database):
    old = shelve(alias, database, 2)
    urgent = shelve(alias, database, 2, priority=50)
    other = shelve(alias, database, 1, key="tpu")
    blocked = put(alias, S.BLOCKED)
    assert 3 == release(database, most=3)
    assert ["PENDING"] * 2 == statuses(alias, urgent)
    assert ["PENDING", "BLOCKED", "BLOCKED", "BLOCKED"] == statuses(alias, [*old, *other, blocked])
    assert "" == row(alias, urgent[0])["lacks"]
    assert (1, 0) == (release(database), release(database))
    assert_counted(alias)
    assert 4 == len(claim_as(database))


def test_cancel_of_a_shelved_job_is_the_end_of_it(alias, database):
    [job] = shelve(alias, database)
    operate.cancel(job)
    assert [S.CANCELLED] == statuses(alias, [job])
    assert (0, {}) == (release(database), shelf.waiting(database))
    assert_counted(alias)


def test_retry_of_one_that_was_cancelled_there_begins_anew(alias, database):
    [job] = shelve(alias, database)
    operate.cancel(job)
    operate.retry(job)
    found = row(alias, job)
    assert ("PENDING", "") == (found["status"], found["lacks"])
    assert_counted(alias)


def test_a_node_releases_only_what_it_would_claim(alias, database):
    here, there = shelve(alias, database, queue="here"), shelve(alias, database, queue="there")
    assert (1, 0) == (release(database, only=["here", "elsewhere"]), release(database, only=["here"]))
    assert ["PENDING", "BLOCKED"] == statuses(alias, [*here, *there])
    assert 1 == release(database)


def test_cancel_that_came_before_wins(alias, database):
    [job] = enqueue(alias, requires=GPU)
    [claimed] = claim_as(database)
    Job.objects.using(alias).filter(pk=job).update(cancel_requested_at=row(alias, job)["created_at"])
    settle(database, unbegun(claimed), verdict=Verdict(S.BLOCKED, refund=True, lacks="gpu"))
    assert [S.CANCELLED] == statuses(alias, [job])


@ON_SQLITE
def test_looking_costs_a_seek_on_sqlite(alias, database):
    plan = plan_of(database, shelf.WAITING.format(text=""), ())
    assert (
        "SCAN pool_job"
        not in plan.replace("USING COVERING INDEX pool_job_lacks", "").replace("USING INDEX pool_job_lacks", "")
        or "pool_job_lacks" in plan
    )
    assert "pool_job_lacks" in plan_of(database, shelf.SQLITE_RELEASE, ("gpu", 10))


@ON_POSTGRES
def test_looking_costs_a_seek_on_postgresql(alias, database):
    assert "pool_job_lacks" in plan_of(database, shelf.POSTGRES_RELEASE, ("gpu", 10))


@pytest.mark.parametrize("status", sorted(set(S) - {S.BLOCKED}))
def test_only_what_waits_is_released(alias, database, status):
    id = put(alias, status, lacks="gpu")
    assert 0 == release(database)
    assert [status] == statuses(alias, [id])


def test_what_waits_for_capable_workers_is_counted_for_the_autoscaler(alias, database):
    shelve(alias, database, 3)
    shelve(alias, database, 2, queue="other")
    shelve(alias, database, 4, queue="held")
    put(alias, S.BLOCKED, lacks="io", requires=["io"])
    operate.pause("held")
    gpu, io = frozenset({"gpu"}), frozenset({"io"})
    assert {gpu: 5, io: 1} == sizing.shelved(database, ())
    assert {gpu: 2} == sizing.shelved(database, ["other"])
    assert {} == sizing.shelved(database, ["held"])
    plan = plan_of(database, database.sql(sizing.SHELVED), ("gpu",))
    assert "pool_job_lacks" in plan
    assert "TEMP B-TREE FOR ORDER BY" not in plan


def test_a_release_reads_none_of_those_that_wait_on(alias, database, analyse):
    """However many have the same key, and though the database knows it."""
    fields = {"task": "app.tasks.work", "created_at": moment(NOW), "run_at": moment(NOW), "requires": ["gpu"]}
    costs = []
    for many in (200, 1800):
        Job.objects.using(alias).bulk_create(Job(status=S.BLOCKED, lacks="gpu", **fields) for _ in range(many))
        analyse()
        costs.append(work_of(database, lambda deltas: shelf.release(database, "gpu", 1, deltas)))
    assert costs[1] <= costs[0] * 1.2 + 5
