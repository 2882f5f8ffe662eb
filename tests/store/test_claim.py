"""A claim takes what is due, in the right order, once; and counts the attempt before anybody runs it."""

import json
import random
from datetime import timedelta

import pytest
from django.db import OperationalError

from pool.domain.states import JobStatus
from pool.models import Job, Queue
from pool.store.claim import POSTGRES_CLAIM, SQLITE_CLAIM, SQLITE_HEAD, claim, meet_queues, passed_by
from pool.store.database import Database
from pool.store.deltas import Deltas
from pool.store.enqueue import enqueue_rows
from pool.store.promote import POSTGRES_PROMOTE, SQLITE_PROMOTE
from tests.store.rows import (
    NODE,
    NOW,
    ON_POSTGRES,
    ON_SQLITE,
    assert_counted,
    claim_as,
    enqueue,
    moment,
    new_job,
    plan_of,
    put,
    row,
)

MANY_QUEUES = 600


def take(database, node=NODE, most=1000):
    """Claim in a transaction that stays open."""
    deltas = Deltas()
    database.begin()
    jobs = claim(database, node, most, deltas)
    deltas.write(database, node)
    return jobs


def same(ids):
    return {str(one).replace("-", "") for one in ids}


def claimed_ids(jobs):
    return {job.id.replace("-", "") for job in jobs}


def test_an_empty_table_gives_nothing(database):
    assert claim_as(database) == []
    assert assert_counted(database.alias) == {}


def test_a_claimed_job_is_leased_with_a_new_epoch_and_its_attempt_counted(alias, database):
    (id,) = enqueue(alias)
    before = row(alias, id)
    (job,) = claim_as(database)
    changed = {"status": "ASSIGNED", "epoch": 1, "attempts": 1, "node": NODE}
    assert row(alias, id) == before | changed
    assert (job.epoch, job.attempts) == (1, 1)
    assert assert_counted(alias)["default"]["executing"] == 1


def test_a_claimed_job_carries_all_that_running_it_needs(alias, database):
    (id,) = enqueue(
        alias,
        priority=7,
        timeout=None,
        max_attempts=9,
        backoff='{"base": 2}',
        created_at=moment(NOW - 60),
        run_at=moment(NOW - 60),
        expires_at=moment(NOW + 60),
    )
    Job.objects.using(alias).filter(pk=id).update(attempts_base=3, attempts=4, interruptions=1, losses=2, rank=5)
    (job,) = claim_as(database)
    assert (job.task, job.queue, job.priority, job.rank) == ("app.tasks.work", "default", 7, 5)
    assert (json.loads(job.args), json.loads(job.kwargs), json.loads(job.backoff)) == ([1], {"by": "name"}, {"base": 2})
    assert (job.attempts, job.attempts_base, job.interruptions, job.losses, job.max_attempts) == (5, 3, 1, 2, 9)
    assert job.timeout is None
    assert (job.created_at, job.run_at, job.expires_at) == pytest.approx((NOW - 60, NOW - 60, NOW + 60), abs=0.001)


def test_a_job_is_given_out_once(alias, database, other_database):
    enqueue(alias, 5)
    assert len(claim_as(database)) == 5
    assert claim_as(other_database, "node-2") == []


@pytest.mark.parametrize("status", sorted(set(JobStatus) - {JobStatus.PENDING}))
def test_only_pending_jobs_are_claimed(alias, database, status):
    id = put(alias, status)
    before = row(alias, id)
    Queue.objects.using(alias).create(name="default")
    assert claim_as(database, "node-2") == []
    assert row(alias, id) == before


def test_higher_priority_then_lower_rank_then_older_first(alias, database):
    wanted = []
    for priority in (90, 0, -90):
        for rank in (0, 1, 40):
            wanted += [(priority, rank, id) for id in enqueue(alias, 2, priority=priority)]
            Job.objects.using(alias).filter(pk__in=[id for _, _, id in wanted[-2:]]).update(rank=rank)
    found = [(job.priority, job.rank) for _ in range(6) for job in claim_as(database, most=3)]
    assert [(priority, rank) for priority, rank, _ in wanted] == found


def test_order_holds_over_all_queues(alias, database):
    for queue in ("a", "b", "c"):
        for priority in (1, 5, 9):
            enqueue(alias, queue=queue, priority=priority)
    assert [9, 9, 9, 5] == [job.priority for job in claim_as(database, most=4)]
    assert [5, 5, 1, 1, 1] == [job.priority for job in claim_as(database)]
    assert_counted(alias)


def test_older_of_equal_jobs_first(alias, database):
    ids = enqueue(alias, 6)
    random.Random(1).shuffle(ids)
    found = [job.id.replace("-", "") for job in claim_as(database, most=4)]
    assert sorted(one.hex for one in ids)[:4] == found


@pytest.mark.parametrize(("most", "taken"), [(1, 1), (3, 3), (10, 7)])
def test_no_more_than_asked_for(alias, database, most, taken):
    enqueue(alias, 7)
    assert len(claim_as(database, most=most)) == taken
    assert {"pending": 7 - taken, "executing": taken}.items() <= assert_counted(alias)["default"].items()


def test_jobs_of_a_paused_queue_stay(alias, database):
    enqueue(alias, 2, queue="held")
    enqueue(alias, 2, queue="open")
    Queue.objects.using(alias).create(name="held", paused=True)
    assert {"open"} == {job.queue for job in claim_as(database)}
    Queue.objects.using(alias).update(paused=False)
    assert {"held"} == {job.queue for job in claim_as(database)}
    assert_counted(alias)


def test_a_node_may_serve_some_queues_only(alias, database):
    for queue in ("a", "b", "c"):
        enqueue(alias, queue=queue)
    assert {"a", "c"} == {job.queue for job in claim_as(database, only=["a", "c", "nobody's"])}
    assert claim_as(database, only=["nobody's"]) == []
    assert_counted(alias)


def test_as_many_queues_as_one_likes(alias, database):
    enqueue_rows(alias, [new_job(queue=f"queue-{number}", priority=number % 100) for number in range(MANY_QUEUES)])
    jobs = claim_as(database, most=50)
    assert len(jobs) == 50
    assert min(job.priority for job in jobs) >= 91
    assert len(claim_as(database, most=MANY_QUEUES)) == MANY_QUEUES - 50
    assert_counted(alias)


@pytest.fixture
def claim_plan(database):
    if database.is_sqlite:
        statement = SQLITE_CLAIM.replace("{heads}", SQLITE_HEAD)
        return plan_of(database, statement, (NODE, "default", 10))
    return plan_of(database, POSTGRES_CLAIM, (["default"], [10], NODE))


def test_a_claim_reads_the_head_of_each_queue_in_its_order(alias, database, claim_plan):
    assert ("USING INDEX " if database.is_sqlite else "using ") + "pool_job_claim" in claim_plan
    assert "SCAN pool_job" not in claim_plan
    assert "Seq Scan on pool_job" not in claim_plan


def test_what_was_picked_is_found_by_its_key_whatever_statistics_say(alias, database):
    """They may be of a time when nothing waited; the index of what waits then looks like the shorter way."""
    if not database.is_sqlite:
        for _ in range(30):
            put(alias, JobStatus.COMPLETED)
        database.raw.execute("ANALYZE pool_job")
        plans = [plan_of(database, POSTGRES_CLAIM, (["default"], [10], NODE))]
        plans.append(plan_of(database, POSTGRES_PROMOTE, (moment(0), 10)))
        assert all("using pool_job_pkey on pool_job j" in plan for plan in plans), plans
        return
    plans = [plan_of(database, SQLITE_CLAIM.replace("{heads}", SQLITE_HEAD), (NODE, "default", 10))]
    plans.append(plan_of(database, SQLITE_PROMOTE, ("2026", 10)))
    assert all("SEARCH pool_job USING INDEX sqlite_autoindex_pool_job_1 (id=?)" in plan for plan in plans), plans


@pytest.mark.parametrize("queue", ["it's", 'so-called "queue"', "semi;colon", "percent %s", "ü—☃", "?", "{heads}"])
def test_any_name_of_a_queue_will_do(alias, database, queue):
    enqueue(alias, queue=queue)
    assert [queue] == [job.queue for job in claim_as(database)]
    assert_counted(alias)


def test_new_queues_get_their_rows_once(alias, database):
    for queue in ("b", "a", "b"):
        enqueue(alias, queue=queue)
    put(alias, JobStatus.SCHEDULED, queue="later")
    with database.transaction():
        assert meet_queues(database) == ["a", "b"]
        assert meet_queues(database) == []
    assert {"a", "b"} == set(Queue.objects.using(alias).values_list("name", flat=True))


def test_meeting_a_queue_leaves_its_pause_alone(alias, database):
    enqueue(alias, queue="held")
    Queue.objects.using(alias).create(name="held", paused=True)
    with database.transaction():
        assert meet_queues(database) == []
    assert Queue.objects.using(alias).get().paused


def test_every_claim_raises_the_epoch_by_one(alias, database):
    (id,) = enqueue(alias)
    for epoch in range(1, 6):
        (job,) = claim_as(database)
        assert epoch == job.epoch
        Job.objects.using(alias).filter(pk=id).update(status=JobStatus.PENDING)


def test_a_rolled_back_claim_took_nothing(alias, database):
    (id,) = enqueue(alias)
    with database.transaction():
        meet_queues(database)
    before = row(alias, id)
    assert len(take(database)) == 1
    database.rollback()
    assert row(alias, id) == before
    assert_counted(alias)


class TestTwoNodes:
    @pytest.fixture
    def ids(self, alias, database):
        ids = enqueue(alias, 10)
        with database.transaction():
            meet_queues(database)
        return ids

    @ON_POSTGRES
    def test_at_once_get_different_jobs(self, alias, database, other_database, ids):
        first = take(database, most=4)
        second = take(other_database, "node-2", most=10)
        other_database.commit()
        database.commit()
        assert (len(first), len(second)) == (4, 6)
        assert same(ids) == claimed_ids(first) | claimed_ids(second)
        assert_counted(alias)

    @ON_POSTGRES
    def test_know_of_jobs_that_the_other_holds_locked(self, alias, database, other_database, ids):
        """It locks the heads of all queues and takes some: the others are free again when it commits."""
        assert len(take(database, most=4)) == 4
        assert len(take(other_database, "node-2", most=10)) == 6
        assert passed_by(other_database)
        assert passed_by(other_database, ["default"])
        assert not passed_by(other_database, ["another"])
        database.commit()
        assert not passed_by(other_database)
        other_database.commit()

    @ON_POSTGRES
    @pytest.mark.parametrize("urgent", [2, 3, 30])
    def test_urgent_jobs_that_somebody_holds_do_not_hold_up_other_queues(self, alias, database, other_database, urgent):
        enqueue(alias, urgent, queue="urgent", priority=50)
        others = enqueue(alias, 3, queue="others")
        with database.transaction():
            meet_queues(database)
        with other_database.transaction():
            other_database.execute("SELECT id FROM pool_job WHERE queue = 'urgent' FOR UPDATE")
            assert 2 == len(claim_as(database, most=2, only=["urgent", "others"]))
            (left,) = claim_as(database, only=["urgent", "others"])
            assert left.id in {str(id) for id in others}
        assert urgent == len(claim_as(database, only=["urgent", "others"]))
        assert_counted(alias)

    @ON_SQLITE
    def test_wait_for_each_other(self, alias, database, ids):
        hasty = Database(alias, lock_wait_ms=20)
        first = take(database, most=4)
        with pytest.raises(OperationalError, match="locked"), hasty.transaction():
            claim(hasty, "node-2", 10, Deltas())
        database.commit()
        second = claim_as(hasty, "node-2")
        hasty.close()
        assert same(ids) == claimed_ids(first) | claimed_ids(second)
        assert (len(first), len(second)) == (4, 6)
        assert_counted(alias)

    def test_the_newest_commit_counts(self, alias, database, other_database, ids):
        first = claim_as(database, most=4)
        second = claim_as(other_database, "node-2")
        assert claimed_ids(first) & claimed_ids(second) == set()
        assert {NODE: 4, "node-2": 6} == {
            node: Job.objects.using(alias).filter(node=node).count() for node in (NODE, "node-2")
        }


def test_a_claim_that_takes_all_passes_nothing_by(alias, database):
    enqueue(alias, 3)
    claim_as(database)
    assert not passed_by(database)


def test_a_job_that_is_too_late_is_claimed_and_says_so(alias, database):
    """The node then ends it without a start: a claim reads no column beside its index."""
    past = moment(NOW) - timedelta(days=1)
    enqueue(alias, expires_at=past)
    (job,) = claim_as(database)
    assert job.expires_at == pytest.approx(past.timestamp(), abs=0.001)
