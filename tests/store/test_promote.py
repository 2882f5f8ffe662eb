"""Jobs whose time has come become PENDING, oldest first, in batches; nothing else moves."""

import pytest

from pool.domain.states import JobStatus
from pool.models import Job
from pool.store import promote as module
from pool.store.deltas import Deltas
from pool.store.promote import next_due, promote
from tests.store.rows import NOW, ON_POSTGRES, assert_counted, enqueue, moment, promote_all, put, row, statuses

S = JobStatus


def later(alias, *waits, **values):
    return [enqueue(alias, run_at=moment(NOW + wait), **values)[0] for wait in waits]


def test_what_is_due_moves_and_what_is_not_stays(alias, database):
    due, exact, soon = later(alias, 5, 10, 10.001)
    before = row(alias, due)
    assert promote_all(database, NOW + 10) == 2
    assert [S.PENDING, S.PENDING, S.SCHEDULED] == statuses(alias, [due, exact, soon])
    assert row(alias, due) == before | {"status": "PENDING"}
    assert {"scheduled": 1, "pending": 2, "submitted": 3}.items() <= assert_counted(alias)["default"].items()


def test_nothing_due_is_nothing_moved(alias, database):
    later(alias, 60)
    assert promote_all(database, NOW) == 0
    assert_counted(alias)


@pytest.mark.parametrize("status", sorted(set(JobStatus) - {S.SCHEDULED}))
def test_only_scheduled_jobs_move(alias, database, status):
    id = put(alias, status)
    before = row(alias, id)
    assert promote_all(database, NOW + 1000) == 0
    assert row(alias, id) == before


def test_every_queue_is_counted(alias, database):
    for queue in ("a", "a", "b"):
        later(alias, 1, queue=queue)
    assert promote_all(database, NOW + 1) == 3
    counters = assert_counted(alias)
    assert (2, 1) == (counters["a"]["pending"], counters["b"]["pending"])


def test_one_batch_at_a_time_the_oldest_first(alias, database, monkeypatch):
    monkeypatch.setattr(module, "BATCH", 2)
    ids = later(alias, 3, 1, 2, 4)
    assert promote_all(database, NOW + 10) == 2
    assert [S.SCHEDULED, S.PENDING, S.PENDING, S.SCHEDULED] == statuses(alias, ids)
    assert [2, 0] == [promote_all(database, NOW + 10) for _ in range(2)]
    assert_counted(alias)


class TestNextDue:
    def test_is_the_first_of_the_scheduled(self, alias, database):
        later(alias, 20.25, 60, 10.125)
        put(alias, S.PENDING, run_at=moment(NOW - 100))
        assert next_due(database) == pytest.approx(NOW + 10.125, abs=0.001)

    def test_is_none_without_any(self, alias, database):
        put(alias, S.PENDING)
        assert next_due(database) is None

    def test_is_past_while_due_jobs_are_left(self, alias, database):
        later(alias, 1)
        assert next_due(database) < NOW + 2


@ON_POSTGRES
def test_a_job_somebody_else_holds_is_left_to_him(alias, database, other_database):
    ids = later(alias, 1, 2)
    other_database.begin()
    other_database.execute("SELECT 1 FROM pool_job WHERE id = %s FOR UPDATE", (ids[0],))
    assert promote_all(database, NOW + 10) == 1
    other_database.rollback()
    assert [S.SCHEDULED, S.PENDING] == statuses(alias, ids)
    assert_counted(alias)


def test_a_rolled_back_promotion_moved_nothing(alias, database):
    (id,) = later(alias, 1)
    database.begin()
    assert promote(database, NOW + 10, Deltas()) == 1
    database.rollback()
    assert Job.objects.using(alias).get(pk=id).status == S.SCHEDULED
    assert_counted(alias)
