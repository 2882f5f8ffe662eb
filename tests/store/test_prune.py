"""What is older than its retention goes, with all that hangs on it. What may still run never does."""

import uuid
from dataclasses import replace

import pytest
from django.db import transaction

from pool.domain.config import PoolConfig
from pool.domain.errors import JobNotFound, NotPossible
from pool.domain.states import DEAD_LETTERS, TERMINAL, JobStatus
from pool.models import Attempt, Job, JobLog, Node, PoolEvent, WorkerSnapshot
from pool.store import operate
from pool.store import prune as module
from pool.store.enqueue import enqueue_rows
from pool.store.prune import prune
from tests.store.rows import NODE, NOW, ON_POSTGRES, assert_counted, moment, new_job, plan_of, put, row

S = JobStatus
DAY = 86_400.0
CONFIG = replace(PoolConfig(), keep_completed_s=7 * DAY, keep_dead_s=30 * DAY, keep_events_s=10 * DAY, prune_batch=100)
KEEP = {S.COMPLETED: 7 * DAY, S.CANCELLED: 7 * DAY, S.FAILED: 30 * DAY, S.TIMEOUT: 30 * DAY}


def id_made_at(at):
    """An id of version 7, as it would have been made then."""
    made = (int(at * 1000) << 80) | (7 << 76) | (2 << 62) | (uuid.uuid4().int & ((1 << 62) - 1))
    return uuid.UUID(int=made)


def put_old(alias, status, age, **values):
    """A job that was made and ended so long ago."""
    at = NOW - age
    times = {"created_at": moment(at - 1), "run_at": moment(at - 1)}
    if status in TERMINAL:
        times["finished_at"] = moment(at)
    return put(alias, status, **({"id": id_made_at(at - 1)} | times | values))


def left(alias):
    return set(Job.objects.using(alias).values_list("pk", flat=True))


@pytest.mark.parametrize("status", sorted(TERMINAL))
def test_finished_jobs_go_when_their_time_is_over(alias, database, status):
    put_old(alias, status, KEEP[status] + 1)
    kept = put_old(alias, status, KEEP[status] - 1)
    assert prune(database, NOW, CONFIG) == 1
    assert left(alias) == {kept}
    assert_counted(alias)


@pytest.mark.parametrize("status", sorted(set(S) - TERMINAL))
@pytest.mark.parametrize("finished", [True, False])
def test_jobs_that_may_still_run_stay_however_old(alias, database, status, finished):
    id = put_old(alias, status, 1000 * DAY, finished_at=moment(NOW - 1000 * DAY) if finished else None)
    before = row(alias, id)
    assert prune(database, NOW, CONFIG) == 0
    assert row(alias, id) == before


@pytest.mark.parametrize("status", sorted(DEAD_LETTERS))
class TestDiscarded:
    def test_dead_letters_go_with_the_completed_ones(self, alias, database, status):
        put_old(alias, status, 20 * DAY, discarded_at=moment(NOW - 7 * DAY - 1))
        kept = put_old(alias, status, 20 * DAY)
        assert prune(database, NOW, CONFIG) == 1
        assert left(alias) == {kept}
        assert_counted(alias)

    def test_the_time_counts_from_the_discard(self, alias, database, status):
        put_old(alias, status, 20 * DAY, discarded_at=moment(NOW - 7 * DAY + 1))
        assert prune(database, NOW, CONFIG) == 0

    def test_no_discard_lengthens_a_life(self, alias, database, status):
        put_old(alias, status, 31 * DAY, discarded_at=moment(NOW - 1))
        assert prune(database, NOW, CONFIG) == 1
        assert_counted(alias)


def test_dead_letters_leave_their_list(alias, database):
    for queue in ("a", "a", "b"):
        put_old(alias, S.FAILED, 40 * DAY, queue=queue)
    put_old(alias, S.TIMEOUT, 40 * DAY, queue="a", discarded_at=moment(NOW - 39 * DAY))
    assert prune(database, NOW, CONFIG) == 4
    counters = assert_counted(alias)
    assert (0, 0) == (counters["a"]["dead"], counters["b"]["dead"])
    assert (3, 1) == (counters["a"]["submitted"], counters["b"]["submitted"])


def test_attempts_and_logs_go_with_their_job(alias, database):
    gone, kept = (put_old(alias, S.COMPLETED, age) for age in (8 * DAY, DAY))
    for id in (gone, kept):
        for epoch in (1, 2):
            Attempt.objects.using(alias).create(
                job_id=id, epoch=epoch, number=epoch, outcome="error", finished_at=moment(NOW)
            )
            JobLog.objects.using(alias).create(job_id=id, epoch=epoch, at=moment(NOW), stream="log", text="x")
    assert prune(database, NOW, CONFIG) == 1
    for model in (Attempt, JobLog):
        assert [kept, kept] == list(model.objects.using(alias).values_list("job_id", flat=True))


def test_a_job_made_long_ago_stays_when_it_ended_lately(alias, database):
    put(alias, S.COMPLETED, id=id_made_at(NOW - 100 * DAY), finished_at=moment(NOW - DAY))
    assert prune(database, NOW, CONFIG) == 0


class TestBatches:
    def test_are_repeated_until_nothing_is_left(self, alias, database):
        for _ in range(7):
            put_old(alias, S.COMPLETED, 8 * DAY)
        assert prune(database, NOW, replace(CONFIG, prune_batch=3)) == 7
        assert left(alias) == set()

    def test_end_when_the_time_is_over(self, alias, database):
        for _ in range(3):
            put_old(alias, S.COMPLETED, 8 * DAY)
        assert prune(database, NOW, replace(CONFIG, prune_batch=1), go_s=0.0) == 1
        assert prune(database, NOW, replace(CONFIG, prune_batch=1)) == 2

    def test_begin_with_the_oldest(self, alias, database):
        ids = {age: put_old(alias, S.COMPLETED, age * DAY) for age in (8, 11, 9, 10)}
        assert prune(database, NOW, replace(CONFIG, prune_batch=2), go_s=0.0) == 2
        assert left(alias) == {ids[8], ids[9]}

    def test_leave_the_database_to_others_in_between(self, alias, database):
        for _ in range(3):
            put_old(alias, S.COMPLETED, 8 * DAY)
        rests = []
        assert prune(database, NOW, replace(CONFIG, prune_batch=1), rest=rests.append) == 3
        assert len(rests) == 3
        assert min(rests) >= module.REST_S

    def test_shrink_when_one_held_the_lock_for_long(self, alias, database, monkeypatch):
        for _ in range(7):
            put_old(alias, S.COMPLETED, 8 * DAY)
        counts = []
        monkeypatch.setattr(module, "HOLD_S", -1.0)
        rest = lambda _: counts.append(len(left(alias)))  # noqa: E731
        assert prune(database, NOW, replace(CONFIG, prune_batch=4), rest=rest) == 7
        assert counts == [3, 1, 0]

    def test_what_changed_since_it_was_found_stays(self, alias, database):
        id = put_old(alias, S.FAILED, 40 * DAY)
        over = tuple(map(database.at, (NOW - 7 * DAY, NOW - 7 * DAY, NOW - 30 * DAY)))
        operate.retry(id)
        with database.transaction():
            assert module.remove(database, [id.hex], over) == 0
        assert left(alias) == {id}
        assert_counted(alias)

    def test_may_be_larger_than_a_statement_takes_parameters(self, alias, database):
        many, made_at = 33_000 if database.is_sqlite else 66_000, moment(NOW - 9 * DAY)
        enqueue_rows(
            alias, [new_job(id=id_made_at(NOW - 9 * DAY), created_at=made_at, run_at=made_at) for _ in range(many)]
        )
        Job.objects.using(alias).update(status=S.COMPLETED, finished_at=moment(NOW - 8 * DAY))
        assert prune(database, NOW, replace(CONFIG, prune_batch=100_000)) == many


def test_the_oldest_are_found_without_reading_or_sorting_the_rest(alias, database):
    at = database.at(NOW)
    plan = plan_of(database, database.sql(module.DOOMED), (module.FIRST_ID, "f" * 32, at, at, at, at, 10))
    assert ("sqlite_autoindex_pool_job" if database.is_sqlite else "pool_job_pkey") in plan
    assert "Sort" not in plan
    assert "TEMP B-TREE" not in plan


class TestAgainstTheOperator:
    @ON_POSTGRES
    def test_a_dead_letter_that_is_being_retried_stays(self, alias, database):
        id = put_old(alias, S.FAILED, 40 * DAY)
        with transaction.atomic(using=alias):
            operate.retry(id)
            assert prune(database, NOW, CONFIG) == 0
        assert row(alias, id)["status"] == "PENDING"
        assert_counted(alias)

    def test_a_pruned_job_cannot_be_retried(self, alias, database):
        id = put_old(alias, S.FAILED, 40 * DAY)
        prune(database, NOW, CONFIG)
        for verb in (operate.retry, operate.discard, operate.cancel):
            with pytest.raises((JobNotFound, NotPossible)):
                verb(id)
        assert_counted(alias)


def test_old_events_go(alias, database):
    for age in (11, 10.5, 9, 0):
        PoolEvent.objects.using(alias).create(at=moment(NOW - age * DAY), name=f"{age}")
    prune(database, NOW, replace(CONFIG, prune_batch=1))
    assert {"9", "0"} == set(PoolEvent.objects.using(alias).values_list("name", flat=True))


def test_last_rows_of_workers_go_after_a_day(alias, database):
    for name, ended in (("old", moment(NOW - DAY - 1)), ("new", moment(NOW - 60)), ("living", None)):
        WorkerSnapshot.objects.using(alias).create(
            id=name, node="n", slot=0, pid=1, state="IDLE", started_at=moment(NOW - 9 * DAY),
            last_beat=moment(NOW), ended_at=ended,
        )  # fmt: skip
    prune(database, NOW, CONFIG)
    assert {"new", "living"} == set(WorkerSnapshot.objects.using(alias).values_list("pk", flat=True))


class TestNodes:
    def node(self, alias, name, state, age, **values):
        at = moment(NOW - age)
        stopped_at = at if state in ("STOPPED", "LOST") else None
        Node.objects.using(alias).create(
            id=name, host="h", pid=1, state=state, started_at=at, last_beat=at, stopped_at=stopped_at, **values
        )

    def names(self, alias):
        return set(Node.objects.using(alias).values_list("pk", flat=True))

    def test_that_ended_long_ago_go(self, alias, database):
        for name, state, age in (("a", "STOPPED", 11), ("b", "LOST", 11), ("c", "STOPPED", 9), ("d", "LOST", 9)):
            self.node(alias, name, state, age * DAY)
        prune(database, NOW, CONFIG)
        assert self.names(alias) == {"c", "d"}

    @pytest.mark.parametrize("state", ["STARTING", "RUNNING", "DRAINING"])
    def test_that_may_live_stay(self, alias, database, state):
        self.node(alias, "a", state, 100 * DAY)
        prune(database, NOW, CONFIG)
        assert self.names(alias) == {"a"}

    @pytest.mark.parametrize("status", [S.ASSIGNED, S.RUNNING])
    def test_that_hold_jobs_stay(self, alias, database, status):
        self.node(alias, NODE, "LOST", 100 * DAY)
        put(alias, status, node=NODE)
        prune(database, NOW, CONFIG)
        assert self.names(alias) == {NODE}
